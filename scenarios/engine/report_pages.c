/* SPDX-License-Identifier: Apache-2.0
 *
 * The outputs of a run for continuous integration (JUnit XML) and for people (one page of HTML).
 */
#include "sim/base/base.h"

#include "scenarios/engine/invariants.h"
#include "scenarios/engine/report.h"

static void markup(struct str s, struct text *out)
{
    for (size_t i = 0; i < s.size; i++) {
        char b = s.bytes[i];
        if (b == '<')
            text_add(out, S("&lt;"));
        else if (b == '>')
            text_add(out, S("&gt;"));
        else if (b == '&')
            text_add(out, S("&amp;"));
        else if (b == '"')
            text_add(out, S("&quot;"));
        else if ((unsigned char)b >= 0x20 || b == '\n' || b == '\t')
            text_add_byte(out, b);
    }
}

static size_t failures(const struct run *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->steps.count; i++)
        n += r->steps.items[i].outcome == OUTCOME_FAILED;
    return n;
}

void report_junit(const struct run *r, const struct measures *m, struct text *out)
{
    size_t failed = failures(r);
    bool has_own_case = r->outcome == OUTCOME_FAILED && failed == 0;
    text_add(out, S("  <testsuite name=\""));
    markup(str_from(r->scenario->name), out);
    text_printf(out, "\" tests=\"%zu\" failures=\"%zu\" errors=\"0\" time=\"",
                r->steps.count + has_own_case, failed + has_own_case);
    report_seconds(m->wall_us * 1000, out);
    text_add(out, S("\">\n"));
    for (size_t i = 0; i < r->steps.count; i++) {
        const struct step_result *s = &r->steps.items[i];
        AUTO(text) struct text name = {0};
        step_name(r, i, &name);
        text_add(out, S("    <testcase classname=\""));
        markup(str_from(r->scenario->name), out);
        text_add(out, S("\" name=\""));
        markup(text_str(&name), out);
        text_add(out, S("\" time=\""));
        report_seconds(s->ended.ns - s->begun.ns, out);
        text_add(out, S("\">"));
        if (s->outcome == OUTCOME_FAILED) {
            text_add(out, S("<failure message=\"failed\">"));
            markup(s->message.size ? text_str(&s->message) : text_str(&r->message), out);
            text_add(out, S("</failure>"));
        } else if (s->outcome == OUTCOME_SKIPPED)
            text_add(out, S("<skipped/>"));
        text_add(out, S("</testcase>\n"));
    }
    if (has_own_case) {
        text_add(out, S("    <testcase name=\"checks\"><failure message=\"failed\">"));
        markup(text_str(&r->message), out);
        text_add(out, S("</failure></testcase>\n"));
    }
    text_add(out, S("  </testsuite>\n"));
}

static const char page_head[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta "
    "charset=\"utf-8\"><title>wavetank</title><style>\n"
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 "
    "1rem;color:#1b1f24;background:#fff}\n"
    "table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.3rem "
    ".6rem;border-bottom:1px solid #d8dee4;"
    "vertical-align:top}pre{background:#f6f8fa;padding:1rem;overflow:auto;font-size:13px}\n"
    ".passed{color:#1a7f37}.failed{color:#cf222e}.skipped{color:#6e7781}\n"
    "@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}pre{background:#"
    "161b22}}\n"
    "</style></head><body>\n";

void report_html(const struct run *r, const struct measures *m, struct str timeline,
                 struct text *out)
{
    text_add(out, (struct str){page_head, sizeof(page_head) - 1});
    text_add(out, S("<h1>"));
    markup(str_from(r->scenario->name), out);
    text_printf(out, " <span class=\"%s\">%s</span></h1>\n<p>", outcome_text(r->outcome),
                outcome_text(r->outcome));
    markup(value_str(value_get_key(r->scenario->spec, S("description"))), out);
    text_printf(out, "</p>\n<p>seed %" PRIu64 ", ", r->seed);
    report_seconds(sim_now(r->sim).ns, out);
    text_add(out, S(" s of virtual time in "));
    report_seconds(m->wall_us * 1000, out);
    text_printf(out, " s, %" PRIu64 " events, %" PRIu64 " writes, trace %016" PRIx64 "</p>\n",
                sim_event_count(r->sim), view_change_count(r->view), sim_trace_hash(r->sim));
    if (r->outcome == OUTCOME_FAILED) {
        text_add(out, S("<pre class=\"failed\">"));
        markup(text_str(&r->message), out);
        text_add(out, S("</pre>\n"));
    }
    text_add(out, S("<table><tr><th>step</th><th>result</th><th>from</th><th>to</th></tr>\n"));
    for (size_t i = 0; i < r->steps.count; i++) {
        const struct step_result *s = &r->steps.items[i];
        AUTO(text) struct text name = {0};
        step_name(r, i, &name);
        text_add(out, S("<tr><td>"));
        markup(text_str(&name), out);
        text_printf(out, "</td><td class=\"%s\">%s</td><td>", outcome_text(s->outcome),
                    outcome_text(s->outcome));
        report_seconds(s->begun.ns, out);
        text_add(out, S(" s</td><td>"));
        report_seconds(s->ended.ns, out);
        text_add(out, S(" s</td></tr>\n"));
    }
    text_printf(
        out, "</table>\n<p>%zu invariants held at every instant.</p>\n<h2>Timeline</h2>\n<pre>",
        invariants_enabled_count(r->invariants) - invariants_violation_count(r->invariants));
    markup(timeline, out);
    text_add(out, S("</pre>\n</body></html>\n"));
}
