# Reports functions over 70 lines (a function's braces stand in column 0) and files over 900 lines.
FNR == 1 { if (previous && lines > 900) report(previous ": " lines " lines; split it along its topics"); previous = FILENAME; start = 0 }
{ lines = FNR }
/^\{/ { start = FNR }
/^\}/ { if (start && FNR - start - 1 > 70) report(FILENAME ":" start ": a function of " FNR - start - 1 " lines"); start = 0 }
END { if (lines > 900) report(previous ": " lines " lines; split it along its topics"); exit bad }
function report(text) { print text; bad = 1 }
