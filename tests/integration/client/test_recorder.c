/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: what client-go's correlator makes of repeated, similar and too many events. Method: a
 * process records events; another plays the API server and notes what arrives.
 */
#include "sim/base/base.h"

#include "cluster/client/recorder.h"

#include "cluster/api/object.h"
#include "sim/base/mem.h"

#include <CUnit/Basic.h>

struct seen {
    int creates, patches, combined;
    int64_t last_count; /* in the last patch */
};
struct setup {
    address_id address;
    struct seen *seen;
    int count;
    bool is_same_message;
};
struct author {
    struct client *client;
    struct recorder *recorder;
};

static void *server_start(struct step *step, const void *config)
{
    const struct setup *s = config;
    step_listen(step, s->address);
    return s->seen;
}

static void server_input(void *state, struct step *step, const struct input *input)
{
    struct seen *seen = state;
    if (input->kind != INPUT_MESSAGE || input->message->type != &request_message)
        return;
    const struct request *r = (const struct request *)input->message;
    bool is_patch = r->verb == VERB_PATCH;
    seen->patches += is_patch;
    seen->creates += !is_patch;
    if (is_patch)
        seen->last_count = VALUE_INT(r->body, 0, count);
    else
        seen->combined +=
            str_starts_with(VALUE_STR(r->body, message), S("(combined from similar events): "));
    step_send(step, input->stream, &response_new(r->id, 201, value_keep(r->body))->message);
}

static void server_release(void *state)
{
    (void)state;
}
static const struct process_type server_process = {
    .kind = "server", .start = server_start, .input = server_input, .release = server_release};

static void *author_start(struct step *step, const void *config)
{
    const struct setup *s = config;
    struct author *a = mem_new(struct author);
    a->client = client_new(&(struct client_options){.server = s->address, .user_agent = "test"});
    a->recorder = recorder_new(a->client, S("replicaset-controller"), S(""));
    struct value rs = value_pack("{kind: ReplicaSet, apiVersion: \"apps/v1\", metadata: {name: "
                                 "web, namespace: default, uid: u1}}");
    for (int i = 0; i < s->count; i++)
        recorder_event(a->recorder, step, rs, "Warning", "FailedCreate", "Error creating: pod %d",
                       s->is_same_message ? 0 : i);
    value_drop(rs);
    return a;
}

static void author_input(void *state, struct step *step, const struct input *input)
{
    (void)client_input(((struct author *)state)->client, step, input);
}

static void author_release(void *state)
{
    struct author *a = state;
    recorder_free(a->recorder);
    client_free(a->client);
    mem_free(a);
}
static const struct process_type author_process = {
    .kind = "author", .start = author_start, .input = author_input, .release = author_release};

static struct seen record(int count, bool is_same_message)
{
    struct seen seen = {0};
    struct sim *sim = sim_new(&(struct sim_options){.seed = 3});
    struct setup setup = {sim_address(sim, S("api:6443")), &seen, count, is_same_message};
    host_id host = sim_host_add(sim, &(struct host_options){.name = S("a")});
    sim_process_add(
        sim, &(struct process_options){
                 .name = S("server"), .host = host, .type = &server_process, .config = &setup});
    sim_process_add(sim, &(struct process_options){.name = S("author"),
                                                   .host = host,
                                                   .type = &author_process,
                                                   .config = &setup,
                                                   .start_delay = duration_ms(10)});
    sim_run_until(sim, instant_add(sim_now(sim), duration_s(60)));
    sim_free(sim);
    return seen;
}

/* The same event again is counted by a patch; the 26th within the time is spam. */
static void test_repeats(void)
{
    struct seen few = record(5, true), many = record(40, true);

    CU_ASSERT_EQUAL(few.creates, 1);
    CU_ASSERT_EQUAL(few.patches, 4);
    CU_ASSERT_EQUAL(few.last_count, 5);
    CU_ASSERT_EQUAL(many.creates + many.patches, 25);
}

/* Nine different messages are nine events; from the tenth on one event says "combined" and is
 * counted. */
static void test_similar(void)
{
    struct seen nine = record(9, false), more = record(12, false);

    CU_ASSERT_EQUAL(nine.creates, 9);
    CU_ASSERT_EQUAL(nine.combined, 0);
    CU_ASSERT_EQUAL(more.creates, 10);
    CU_ASSERT_EQUAL(more.combined, 1);
    CU_ASSERT_EQUAL(more.patches, 2);
    CU_ASSERT_EQUAL(more.last_count, 3);
}

int main(void)
{
    CU_TestInfo tests[] = {{"repeats", test_repeats}, {"similar", test_similar}, CU_TEST_INFO_NULL};
    CU_SuiteInfo suites[] = {{"recorder", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
