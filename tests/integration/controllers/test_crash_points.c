/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: wherever the controller manager dies, the end is the same: nothing twice, nothing left
 * behind.
 *
 * Method: each story of tests/scenarios/controllers/crash has the steps setup, act and end. It is
 * run once for each n and each fault: from the beginning of "act" on, at the n-th request of the
 * controller manager, it dies before or after the request is delivered, or its connection is reset
 * after the delivery, so that it does not learn what became of it. The checks of "end" and all
 * invariants must hold.
 *
 * Without arguments the faults share the requests: each third for one of them.
 *
 *     test_crash_points [LAST [STORY]]     each request up to the n-th; one story only
 */
#include "sim/base/base.h"

#include "scenarios/engine/invariants.h"
#include "scenarios/engine/run.h"
#include "sim/base/text.h"
#include "sim/fault.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>

#define LAST_DEFAULT 24
#define ACT 1 /* index of the step */

static const char *const stories[] = {"create",  "rollout",  "recreate",  "job",
                                      "cronjob", "deletion", "namespace", "sizes", "eviction"};
static const struct {
    enum message_action action;
    const char *text;
} faults[] = {{MESSAGE_KILL_SENDER_BEFORE, "dies before request"},
              {MESSAGE_KILL_SENDER_AFTER, "dies after request"},
              {MESSAGE_RESET_AFTER, "loses the answer to request"}};

static uint64_t last = LAST_DEFAULT, stride = ARRAY_COUNT(faults);
static const char *only_story;

struct crash {
    uint64_t nth;
    enum message_action action;
    message_fault_id fault;
};

static void add_fault(void *owner, const struct run *run, size_t step)
{
    struct crash *c = owner;
    process_id manager;
    if (step != ACT)
        return;
    bool is_there = cluster_find_component(run->cluster, S("kube-controller-manager-0"), &manager);
    CHECK(is_there);
    c->fault = sim_message_fault_add(
        run->sim, &(struct message_fault){
                      .from = manager, .type = "request", .nth = c->nth, .action = c->action});
}

static void ignore(void *owner, const struct run *run, size_t step)
{
    (void)owner;
    (void)run;
    (void)step;
}

static void ignore_text(void *owner, const struct run *run, struct str text)
{
    (void)owner;
    (void)run;
    (void)text;
}

/* True when the end was as it must be. */
static bool survives(const struct scenario *scenario, struct crash *crash, struct text *why)
{
    struct errmsg message = {{0}};
    struct run *run = run_new(
        scenario,
        &(struct run_options){
            .step_begun = add_fault, .step_ended = ignore, .said = ignore_text, .owner = crash},
        &message);
    CHECK(run);
    bool has_passed = run_execute(run) == OUTCOME_PASSED;
    if (!has_passed)
        text_add(why, text_str(&run->message));
    for (size_t i = 0; i < run->steps.count && !has_passed; i++)
        text_printf(why, "%s\n", text_c(&run->steps.items[i].message));
    run_free(run);
    return has_passed;
}

static void test_story(const char *story)
{
    char file[200];
    struct errmsg message = {{0}};
    snprintf(file, sizeof(file), "tests/scenarios/controllers/crash/%s.yaml", story);
    struct scenario *scenario = scenario_load(str_from(file), &message);
    CU_ASSERT_PTR_NOT_NULL_FATAL(scenario);
    for (size_t f = 0; f < ARRAY_COUNT(faults); f++)
        for (uint64_t n = 1 + f % stride; n <= last; n += stride) {
            AUTO(text) struct text why = {0};
            struct crash crash = {.nth = n, .action = faults[f].action};
            if (survives(scenario, &crash, &why))
                continue;
            printf("\n%s, kube-controller-manager %s %" PRIu64 ": %s\n", story, faults[f].text, n,
                   text_c(&why));
            CU_FAIL("the end is not as it must be");
        }
    scenario_free(scenario);
}

static void test_stories(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(stories); i++)
        if (!only_story || strcmp(only_story, stories[i]) == 0)
            test_story(stories[i]);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        last = strtoull(argv[1], NULL, 10);
        stride = 1;
    }
    if (argc > 2)
        only_story = argv[2];
    CU_TestInfo tests[] = {{"stories", test_stories}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"crash points", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
