#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Writes docs/deviations.md: every `DEVIATION:` of the sources, up to the end of its paragraph, with its file.
# Usage: tests/deviations.sh > docs/deviations.md
set -eu
cd "$(dirname "$0")/.."
cat <<'HEAD'
# Where wavetank differs from Kubernetes

Collected from the `DEVIATION:` comments of the sources by `make deviations`. What is listed is known and has its reason; any other
difference is a bug. Do not edit this page: edit the comments.
HEAD
git ls-files 'sim/*.[ch]' 'runtime/*.[ch]' 'cluster/*.[ch]' 'cluster/*.def' 'scenarios/*.[ch]' 'tui/*.[ch]' |
    awk '{ folder = $0; sub(/\/[^\/]*$/, "", folder); print folder "\t" $0 }' | LC_ALL=C sort | cut -f 2 |
    xargs awk '
    function flush() {
        if (!open) return
        gsub(/[ \t]+/, " ", text); sub(/^ /, "", text); sub(/ $/, "", text)
        if (text ~ /^[a-z]+ / && text !~ /^(etcd|coredns|managedFields|kubectl|containerd) /) text = toupper(substr(text, 1, 1)) substr(text, 2)
        folder = FILE; sub(/\/[^\/]*$/, "", folder)
        if (folder != last_folder) { printf "\n## %s\n\n", folder; last_folder = folder }
        name = FILE; sub(/.*\//, "", name)
        printf "* `%s`: %s\n", name, text
        open = 0
    }
    FNR == 1 { flush() }
    {
        line = $0
        end = index(line, "*/")
        if (end) line = substr(line, 1, end - 1)
        if (open && !end && line ~ /^[ \t]*\*?[ \t]*$/) flush()
        at = index(line, "DEVIATION:")
        if (at) {
            before = substr(line, 1, at - 1)
            sub(/^[ \t]*\*/, "", before)
            text = text " " before
            flush()
            FILE = FILENAME; open = 1; text = ""
            line = substr(line, at + length("DEVIATION:"))
        } else if (open) sub(/^[ \t]*\*/, "", line)
        if (open) {
            text = text " " line
            if (end) flush()
        }
    }
    END { flush() }'
cat <<'RECORDED'

## Beside a recorded API server

Requests of kubectl and the answers of a real cluster were recorded; `tests/recorded` sends them again. What differs, and why
(`tests/recorded/known.txt` says where):

RECORDED
sed -n '/^#/!s/.*  # *\(at times: \)\{0,1\}/* /p' tests/recorded/known.txt | LC_ALL=C sort -u
