/* SPDX-License-Identifier: Apache-2.0
 *
 * Many seeds of the Raft world.
 *
 *   raft_swarm [--seeds A-B]     all of them must hold (default 1-1500), then each bug must be
 * found raft_swarm --seed N [--bug B] one of them, traced
 *
 * A failure prints the seed and the command that replays it.
 */
#include "sim/base/base.h"
#include "tests/swarm/raft_world.h"

#include <stdio.h>
#include <stdlib.h>

#define BUG_SEEDS_MAX 3000

static void add(struct raft_world_result *sum, const struct raft_world_result *one)
{
    sum->events += one->events;
    sum->elections += one->elections;
    sum->commits += one->commits;
    sum->reads += one->reads;
    sum->crashes += one->crashes;
    sum->power_losses += one->power_losses;
    sum->snapshots_installed += one->snapshots_installed;
    sum->torn += one->torn;
    sum->cut_off += one->cut_off;
}

static bool run_correct(uint64_t first, uint64_t last)
{
    struct raft_world_result sum = {0};
    for (uint64_t seed = first; seed <= last; seed++) {
        struct raft_world_result one;
        raft_world_run(&(struct raft_world_options){.seed = seed}, &one);
        if (one.has_failed) {
            printf("seed %" PRIu64 ", event %" PRIu64 ": %s\nagain: raft_swarm --seed %" PRIu64
                   "\n",
                   seed, one.events, one.failure, seed);
            return false;
        }
        if (seed == first) {
            struct raft_world_result again;
            raft_world_run(&(struct raft_world_options){.seed = seed}, &again);
            if (again.hash != one.hash) {
                printf("seed %" PRIu64 " runs differently the second time\n", seed);
                return false;
            }
        }
        add(&sum, &one);
    }
    printf("raft swarm: seeds %" PRIu64 "-%" PRIu64 " hold: %" PRIu64 " events, %" PRIu64
           " elections, %" PRIu64 " commits, %" PRIu64 " reads, %" PRIu64 " crashes, %" PRIu64
           " power losses (%" PRIu64 " torn records), %" PRIu64 " snapshots installed, %" PRIu64
           " members cut off\n",
           first, last, sum.events, sum.elections, sum.commits, sum.reads, sum.crashes,
           sum.power_losses, sum.torn, sum.snapshots_installed, sum.cut_off);
    /* Nothing is shown by seeds in which nothing happened. */
    return sum.elections && sum.commits && sum.reads && sum.torn && sum.snapshots_installed &&
           sum.cut_off;
}

static bool find_bug(enum raft_bug bug)
{
    for (uint64_t seed = 1; seed <= BUG_SEEDS_MAX; seed++) {
        struct raft_world_result one;
        raft_world_run(&(struct raft_world_options){.seed = seed, .bugs = 1u << bug}, &one);
        if (one.has_failed) {
            printf("bug %2d found by seed %4" PRIu64 ": %s: %s\n", (int)bug, seed,
                   raft_bug_text(bug), one.failure);
            return true;
        }
    }
    printf("bug %2d NOT FOUND in %d seeds: %s\n", (int)bug, BUG_SEEDS_MAX, raft_bug_text(bug));
    return false;
}

int main(int count, char **arguments)
{
    uint64_t first = 1, last = 1500;
    uint32_t bugs = 0;
    bool is_single = false;
    for (int i = 1; i + 1 < count; i += 2) {
        struct str option = str_from(arguments[i]), value = str_from(arguments[i + 1]), end;
        struct str begin = str_cut(value, '-', &end);
        int64_t a = 0, b = 0;
        if (!str_to_int64(begin, &a) || (end.size && !str_to_int64(end, &b)))
            return 2;
        if (str_equal(option, S("--seeds")))
            first = (uint64_t)a, last = (uint64_t)b;
        else if (str_equal(option, S("--seed")))
            first = (uint64_t)a, is_single = true;
        else if (str_equal(option, S("--bug")))
            bugs = 1u << a;
        else
            return 2;
    }
    if (is_single) {
        struct raft_world_result one;
        raft_world_run(&(struct raft_world_options){.seed = first, .bugs = bugs, .is_traced = true},
                       &one);
        printf("%s after %" PRIu64 " events, hash %016" PRIx64 "\n",
               one.has_failed ? one.failure : "held", one.events, one.hash);
        return one.has_failed;
    }
    bool ok = run_correct(first, last);
    for (int bug = 0; bug < RAFT_BUG_COUNT && ok; bug++)
        ok = find_bug((enum raft_bug)bug);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}
