/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: no random sequence of faults and operations breaks an invariant, and when the faults are
 * over the cluster heals and comes to rest.
 *
 * Method: each seed draws a cluster, a load and a storm: faults with random kinds, targets and
 * durations, with scaling, roll-outs and deletions in between. The invariants are on all the time.
 * Then every fault ends, and within a bound longer than the longest time-outs the cluster must be
 * as cluster_judge_world.c says.
 *
 *     cluster_swarm [--seeds A-B] [--seed N] [--jobs N]     --seed prints what it does
 *
 * A seed that fails prints the seed, what was drawn, the last 50 lines of the timeline and the
 * command that replays it. Each seed runs in a process of its own, so that a seed that aborts or
 * hangs is one that failed. At the end: how often each fault and load came up, how often each
 * invariant had something to check. Over many seeds, one that never did is a failure too: a check
 * without a case proves nothing.
 */
#include "tests/swarm/cluster_world.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenarios/engine/invariants.h"
#include "sim/base/mem.h"

#define SEEDS_DEFAULT 400
#define SEEDS_FOR_ALL_KINDS 200 /* from so many on, everything must have come up */
#define LINES_SHOWN 50
#define LINES_SHOWN_VERBOSE 100000
#define JOBS_DEFAULT 2
#define JOBS_MAX 64
#define INVARIANTS_MAX 96
#define SEED_SECONDS_MAX 120

/* Seeds that failed once; always run. */
static const uint64_t regression_seeds[] = {45, 93, 147, 150, 261, 616};

/* ---- one seed ---- */

struct result {
    uint64_t hash, checked[INVARIANTS_MAX], faults[STORM_KINDS_MAX], loads[STORM_KINDS_MAX];
    bool is_known, passed;
};

static void show_failure(const struct storm *s, bool is_verbose, const char *program)
{
    printf("seed %" PRIu64 " fails: %s\n", s->seed, s->error);
    printf("%s", text_c(&s->log));
    AUTO(text) struct text lines = {0};
    if (s->w)
        sim_add_last_lines(wavetank_run(s->w)->sim, &lines);
    size_t wanted = is_verbose ? LINES_SHOWN_VERBOSE : LINES_SHOWN, from = lines.size;
    for (size_t seen = 0; from > 0 && seen <= wanted; from--)
        seen += text_c(&lines)[from - 1] == '\n';
    printf("  the last lines of the timeline:\n%s\n", text_c(&lines) + from);
    printf("replay: %s --seed %" PRIu64 "\n", program, s->seed);
}

static void run_seed(uint64_t seed, bool is_verbose, const char *program, struct result *result)
{
    struct storm s = {.seed = seed, .draws = random_stream(seed, 0, 0, 1)};
    bool passed = storm_set_up(&s);
    if (is_verbose && s.w)
        sim_keep_last_lines(wavetank_run(s.w)->sim, LINES_SHOWN_VERBOSE);
    if (!passed)
        (void)calm_end(&s);
    if (passed) {
        storm_blow(&s);
        passed = calm_end(&s) && wavetank_violation_count(s.w) == 0 && storm_judge(&s);
    }
    if (!passed)
        show_failure(&s, is_verbose, program);
    else if (is_verbose)
        printf("%s", text_c(&s.log));
    result->passed = passed;
    result->is_known = true;
    result->hash = s.w ? wavetank_trace_hash(s.w) : 0;
    for (size_t i = 0; i < invariant_count && s.w; i++)
        result->checked[i] = invariants_checked(wavetank_run(s.w)->invariants, i);
    memcpy(result->faults, s.faults, sizeof(s.faults));
    memcpy(result->loads, s.loads, sizeof(s.loads));
    storm_release(&s);
}

/* ---- many ---- */

struct worker {
    pid_t pid;
    size_t index; /* of the seed */
    FILE *output; /* what it printed */
    FILE *answer; /* its struct result */
};
struct swarm {
    const char *program;
    bool is_verbose;
    VEC(uint64_t) seeds;
    struct result *results;
    struct worker workers[JOBS_MAX];
    size_t jobs, running, begun, failures;
};

static void begin(struct swarm *w)
{
    size_t index = w->begun++, slot = 0;
    while (w->workers[slot].pid != 0)
        slot++;
    struct worker *worker = &w->workers[slot];
    *worker = (struct worker){.index = index, .output = tmpfile(), .answer = tmpfile()};
    CHECK(worker->output && worker->answer);
    fflush(stdout);
    worker->pid = fork();
    CHECK(worker->pid >= 0);
    if (worker->pid == 0) {
        alarm(SEED_SECONDS_MAX);
        (void)dup2(fileno(worker->output), STDOUT_FILENO);
        (void)dup2(fileno(worker->output), STDERR_FILENO);
        struct result result = {0};
        run_seed(w->seeds.items[index], w->is_verbose, w->program, &result);
        fflush(stdout);
        bool is_written = fwrite(&result, sizeof(result), 1, worker->answer) == 1;
        fflush(worker->answer);
        _exit(is_written ? 0 : 1);
    }
    w->running++;
}

static void finish(struct swarm *w)
{
    int status = 0;
    pid_t pid = wait(&status);
    size_t slot = 0;
    CHECK(pid > 0);
    while (w->workers[slot].pid != pid)
        slot++;
    struct worker *worker = &w->workers[slot];
    struct result *result = &w->results[worker->index];
    rewind(worker->answer);
    rewind(worker->output);
    if (fread(result, sizeof(*result), 1, worker->answer) != 1)
        *result = (struct result){0};
    for (int byte = fgetc(worker->output); byte != EOF; byte = fgetc(worker->output))
        putchar(byte);
    if (!result->is_known)
        printf("seed %" PRIu64 " fails: it ended by signal %d\nreplay: %s --seed %" PRIu64 "\n",
               w->seeds.items[worker->index], WIFSIGNALED(status) ? WTERMSIG(status) : 0,
               w->program, w->seeds.items[worker->index]);
    w->failures += !result->passed;
    fclose(worker->answer);
    fclose(worker->output);
    worker->pid = 0;
    w->running--;
}

static size_t show_counts(const char *what, const struct storm_kind *kinds, size_t count,
                          const uint64_t *counts)
{
    size_t missing = 0;
    printf("%s:", what);
    for (size_t i = 0; i < count; i++) {
        printf("%s %s %" PRIu64, i ? "," : "", kinds[i].name, counts[i]);
        missing += counts[i] == 0;
    }
    printf("\n");
    return missing;
}

/* How often everything came up; returns how many things never did. */
static size_t show_ensemble(const struct swarm *w)
{
    struct result sum = {0};
    size_t missing = 0;
    for (size_t i = 0; i < w->seeds.count; i++) {
        for (size_t k = 0; k < invariant_count; k++)
            sum.checked[k] += w->results[i].checked[k];
        for (size_t k = 0; k < STORM_KINDS_MAX; k++) {
            sum.faults[k] += w->results[i].faults[k];
            sum.loads[k] += w->results[i].loads[k];
        }
    }
    missing += show_counts("faults", storm_faults, storm_fault_count, sum.faults);
    missing += show_counts("loads", storm_loads, storm_load_count, sum.loads);
    printf("invariants checked:");
    for (size_t i = 0; i < invariant_count; i++) {
        printf("%s %s %" PRIu64, i ? "," : "", invariant_table[i]->id, sum.checked[i]);
        missing += sum.checked[i] == 0;
    }
    printf("\n");
    return missing;
}

static bool read_arguments(struct swarm *w, int count, char **arguments)
{
    int64_t first = 1, last = SEEDS_DEFAULT;
    bool is_given = false;
    w->jobs = JOBS_DEFAULT;
    for (int i = 1; i < count; i += 2) {
        int64_t number;
        struct str rest, name = str_from(arguments[i]);
        struct str from = i + 1 < count ? str_cut(str_from(arguments[i + 1]), '-', &rest) : S("");
        if (!str_to_int64(from, &number) || number < 0)
            return false;
        if (str_equal(name, S("--jobs"))) {
            w->jobs = (size_t)number;
            continue;
        }
        is_given = true;
        first = last = number;
        w->is_verbose = str_equal(name, S("--seed"));
        if (!w->is_verbose && (!str_equal(name, S("--seeds")) || !str_to_int64(rest, &last)))
            return false;
    }
    for (size_t i = 0; i < ARRAY_COUNT(regression_seeds) && !is_given; i++) {
        if (regression_seeds[i] > SEEDS_DEFAULT)
            vec_push(&w->seeds, regression_seeds[i]);
    }
    for (int64_t seed = first; seed <= last; seed++)
        vec_push(&w->seeds, (uint64_t)seed);
    return w->jobs > 0 && w->jobs <= JOBS_MAX && w->seeds.count > 0;
}

int main(int count, char **arguments)
{
    struct swarm w = {.program = arguments[0]};
    CHECK(invariant_count <= INVARIANTS_MAX && storm_fault_count <= STORM_KINDS_MAX &&
          storm_load_count <= STORM_KINDS_MAX && storm_operation_count <= STORM_KINDS_MAX);
    if (!read_arguments(&w, count, arguments)) {
        fprintf(stderr, "usage: %s [--seeds A-B] [--seed N] [--jobs N]\n", arguments[0]);
        return 2;
    }
    w.results = mem_array(struct result, w.seeds.count);
    while (w.begun < w.seeds.count || w.running > 0) {
        if (w.begun < w.seeds.count && w.running < w.jobs)
            begin(&w);
        else
            finish(&w);
    }
    size_t missing = show_ensemble(&w);
    uint64_t hash = 0;
    for (size_t i = 0; i < w.seeds.count; i++)
        hash = hash_pair(hash, w.results[i].hash);
    printf("%zu seeds, %zu failed, traces %016" PRIx64 "\n", w.seeds.count, w.failures, hash);
    bool is_vacuous = missing > 0 && w.seeds.count >= SEEDS_FOR_ALL_KINDS;
    if (is_vacuous)
        printf("%zu faults, loads or invariants never came up\n", missing);
    mem_free(w.results);
    vec_release(&w.seeds);
    return w.failures > 0 || is_vacuous;
}
