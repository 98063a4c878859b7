#!/bin/sh
# Style as a test: layers, banned calls, sizes, headers that compile alone, symbols of the core archives.
# Usage: tests/lint/lint.sh BUILD_FOLDER
set -u
build=${1:-build}
failed=0
fail() { printf 'lint: %s\n' "$1"; failed=1; }
sources=$(git ls-files '*.c' '*.h' 2>/dev/null || find . -name '*.[ch]' | sed 's|^\./||')
[ -n "$sources" ] || sources=$(find sim runtime cluster scenarios tui tests -name '*.[ch]')

grep -Hn '^#include "' $sources | sed -E 's/^([^:]+):[0-9]+:#include "([^"]+)".*/\1:\2/' |
    awk -f tests/lint/layers.awk || fail "an include points upwards"

core=$(printf '%s\n' $sources | grep -E '^(sim|runtime|cluster|scenarios)/')
edges=$(grep -v '^#' tests/lint/edges.txt | tr '\n' '|' | sed 's/|$//')
edges_objects=$(grep -v "^#" tests/lint/edges.txt | sed "s|.*/||; s|\.c$|.o|" | grep . | tr "\n" "|" | sed "s/|$//")
inner=$(printf '%s\n' $core | grep -vE "^($edges)")

banned='\b(strcpy|strcat|sprintf|strtok|atoi|atol|gets|alloca|setjmp|longjmp|qsort|bsearch|rand|srand|random|time|gettimeofday|clock_gettime|localtime|gmtime|getenv|setlocale|getpid|signal|sigaction|pthread_[a-z_]+)[[:space:]]*\('
grep -nE "$banned" $inner | grep -vE '^[^:]+:[0-9]+:[[:space:]]*(/?\*|//)' | grep -vE '[a-z_]+_(time|random)\(|->(time|random)\(' &&
    fail "a banned function"
grep -nE '\bTODO\b|\bFIXME\b|\bXXX\b' $sources | grep -v '^tests/lint/' && fail "an unfinished place"
grep -niE '\b(kube|pod|kubelet|deployment|etcd)\b' $(printf '%s\n' $sources | grep -E '^sim/') && fail "a Kubernetes word in sim/"
grep -nE '.{101,}' $(printf '%s\n' $sources | grep -E '\.c$' | grep -vE '^cluster/api/schema/') | cut -c1-120 | grep . && fail "a line over 100 columns"
for f in $sources; do head -3 "$f" | grep -q 'SPDX-License-Identifier' || fail "$f: no SPDX line"; done

tests/deviations.sh | cmp -s - docs/deviations.md || fail "docs/deviations.md is out of date: make deviations"
awk -f tests/lint/lengths.awk $(printf '%s\n' $sources | grep -E '\.c$' | grep -vE '^cluster/api/schema/') || fail "too long"

for h in $(printf '%s\n' $sources | grep '\.h$'); do
    printf '#include "%s"\n' "$h" | ${CC:-gcc} -std=c17 -D_POSIX_C_SOURCE=200809L -I. -Wall -Wextra -fsyntax-only -x c - || fail "$h does not compile alone"
done

"$build/wavetank" reference | cmp -s - docs/reference.md ||
    fail "docs/reference.md is out of date: make reference"

# What the core may not link to, whatever the source looks like.
for archive in "$build"/libsim.a "$build"/libruntime.a "$build"/libcluster.a; do
    [ -f "$archive" ] || continue
    nm -A --undefined-only "$archive" 2>/dev/null | grep -vE "($edges_objects)" |
        grep -E ' U (time|rand|random|srand|getenv|gettimeofday|clock_gettime|localtime|gmtime|getpid|pthread_create|setlocale|fork)$' &&
        fail "$archive uses the outside world"
done
[ $failed = 0 ] && echo "lint: clean"
exit $failed
