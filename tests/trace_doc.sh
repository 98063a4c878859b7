#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Lists the tags [doc:page#anchor, #anchor] of the sources that no test carries: sentences of Kubernetes' documentation that a
# source claims to obey and nothing proves. A test's tag for a page without an anchor proves the page's bare tag only.
# Usage: tests/trace_doc.sh [--strict]     strict: exit 1 when there are any
set -u
cd "$(dirname "$0")/.."

# "file:line tag", one tag a line; "#more" after a comma belongs to the page before it.
tags() {
    git ls-files "$@" | xargs grep -Hno '\[doc:[^]]*\]' 2>/dev/null | awk '
    {
        place = $0; sub(/:\[doc:.*/, "", place)
        list = $0; sub(/.*\[doc:/, "", list); sub(/\]$/, "", list)
        count = split(list, tag, /, */)
        page = tag[1]; sub(/#.*/, "", page)
        for (i = 1; i <= count; i++)
            print place, (tag[i] ~ /^#/ ? page tag[i] : tag[i])
    }'
}

{
    tags 'tests/*.c' 'tests/*.h' 'tests/*.yaml' 'scenarios/library/*.yaml' | sed 's/^/test /'
    tags 'sim/*.[ch]' 'runtime/*.[ch]' 'cluster/*.[ch]' 'cluster/*.def' 'scenarios/*.[ch]' | sed 's/^/source /'
} | awk -v strict="${1:-}" '
    $1 == "test" { tested[$3] = 1; next }
    { sources++ }
    !($3 in tested) { printf "%-60s %s\n", $3, $2; open++ }
    END {
        printf "%d tags in sources, %d without a test\n", sources, open
        exit strict == "--strict" && open > 0
    }'
