/* SPDX-License-Identifier: Apache-2.0
 *
 * What a journal keeps of a request. Goal: nothing is lost. Method: a request with something in
 * each field is written, posted from what was written, and compared field by field; values of every
 * kind are compared after the same way.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "cluster/api/value_binary.h"
#include "cluster/apiserver/http/gateway_private.h"
#include "sim/base/mem.h"

static struct request *full_request(void)
{
    static const struct str groups[] = {{"devs", 4}, {"ops", 3}};
    struct request *q = request_new(VERB_PATCH, resource_get(RESOURCE_deployments));
    struct value *const values[] = {&q->path,        &q->target,     &q->namespace,
                                    &q->body,        &q->user_agent, &q->field_manager,
                                    &q->impersonate, &q->refusal,    &q->asked,
                                    &q->duplicates,  &q->source,     &q->patch_refusal};
    for (size_t i = 0; i < ARRAY_COUNT(values); i++)
        *values[i] = value_pack("{n: %D, a: [%D, null]}", (int64_t)i, (int64_t)-1);
    q->body_bytes = 77;
    q->resource = resource_placeholder(); /* that of requests with a target */
    q->id = 77;
    q->subresource = SUBRESOURCE_SCALE;
    q->key = object_key_of(resource_get(RESOURCE_deployments), S("default"), S("web"));
    q->patch_type = PATCH_APPLY;
    q->field_validation = FIELD_VALIDATION_STRICT;
    q->dry_run = q->force = q->is_typed = true;
    q->message.size_bytes = 4321;
    q->credential = credential_copy(&(struct credential){.kind = CREDENTIAL_CERTIFICATE,
                                                         .user = S("alice"),
                                                         .groups = groups,
                                                         .group_count = 2,
                                                         .uid = S("u"),
                                                         .id = S("X509SHA256=1"),
                                                         .not_before_s = -5,
                                                         .not_after_s = 1 << 20});
    struct list_options *l = request_list_options(q);
    l->label_selector = value_string(S("a=b"));
    l->field_selector = value_string(S("c=d"));
    l->resource_version = value_string(S("12"));
    l->continue_token = value_string(S("token"));
    l->version_match = VERSION_MATCH_EXACT;
    l->limit = 500;
    l->timeout = duration_s(30);
    l->allow_bookmarks = true;
    l->send_initial_events = 1;
    struct delete_options *d = request_delete_options(q);
    d->grace_period_seconds = 9;
    d->propagation = PROPAGATION_FOREGROUND;
    d->precondition_uid = value_string(S("uid"));
    d->precondition_resource_version = value_string(S("7"));
    struct connect_options *c = request_connect_options(q);
    c->command = value_pack("[sh]");
    c->has_stdin = c->is_upgrade = c->timestamps = true;
    c->tail_lines = 10;
    c->subject = value_string(S("https:web:443"));
    return q;
}

static void compare(const struct request *a, const struct request *b)
{
    const struct value of_a[] = {a->path,       a->target,        a->namespace,   a->body,
                                 a->user_agent, a->field_manager, a->impersonate, a->refusal,
                                 a->asked,      a->duplicates,    a->source,      a->patch_refusal};
    const struct value of_b[] = {b->path,       b->target,        b->namespace,   b->body,
                                 b->user_agent, b->field_manager, b->impersonate, b->refusal,
                                 b->asked,      b->duplicates,    b->source,      b->patch_refusal};
    for (size_t i = 0; i < ARRAY_COUNT(of_a); i++)
        CU_ASSERT(value_equal(of_a[i], of_b[i]));
    CU_ASSERT_EQUAL(a->body_bytes, b->body_bytes);
    CU_ASSERT(a->id == b->id && a->verb == b->verb && a->resource == b->resource);
    CU_ASSERT(a->key == b->key && a->subresource == b->subresource);
    CU_ASSERT(a->patch_type == b->patch_type && a->field_validation == b->field_validation);
    CU_ASSERT(a->dry_run == b->dry_run && a->force == b->force && a->is_typed == b->is_typed);
    CU_ASSERT_EQUAL(a->message.size_bytes, b->message.size_bytes);

    const struct list_options *x = a->list, *y = b->list;
    CU_ASSERT(value_equal(x->label_selector, y->label_selector));
    CU_ASSERT(value_equal(x->field_selector, y->field_selector));
    CU_ASSERT(value_equal(x->resource_version, y->resource_version));
    CU_ASSERT(value_equal(x->continue_token, y->continue_token));
    CU_ASSERT(x->version_match == y->version_match && x->limit == y->limit);
    CU_ASSERT(x->timeout.ns == y->timeout.ns && x->allow_bookmarks == y->allow_bookmarks);
    CU_ASSERT_EQUAL(x->send_initial_events, y->send_initial_events);

    const struct delete_options *d = a->deletion, *e = b->deletion;
    CU_ASSERT(d->grace_period_seconds == e->grace_period_seconds);
    CU_ASSERT(d->propagation == e->propagation);
    CU_ASSERT(value_equal(d->precondition_uid, e->precondition_uid));
    CU_ASSERT(value_equal(d->precondition_resource_version, e->precondition_resource_version));
    CU_ASSERT_EQUAL(connect_options_digest(a->connect), connect_options_digest(b->connect));

    const struct credential *c = a->credential, *f = b->credential;
    CU_ASSERT(c->kind == f->kind && str_equal(c->user, f->user) && str_equal(c->uid, f->uid));
    CU_ASSERT(str_equal(c->id, f->id) && str_equal(c->token, f->token));
    CU_ASSERT(c->not_before_s == f->not_before_s && c->not_after_s == f->not_after_s);
    CU_ASSERT_EQUAL_FATAL(c->group_count, f->group_count);
    for (size_t i = 0; i < c->group_count; i++)
        CU_ASSERT(str_equal(c->groups[i], f->groups[i]));
}

struct catcher {
    struct request *request; /* of the command that was posted; a reference */
    struct text written;     /* and what it is as text */
};

static void on_journal(void *owner, const struct journal_entry *entry)
{
    struct catcher *c = owner;
    const struct gateway_command *command = (const void *)entry->message;
    gateway_command_write(entry->message, &c->written);
    message_ref(&command->request->message);
    c->request = command->request;
}

static void test_request(void)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    host_id host = sim_host_add(sim, &(struct host_options){.name = S("outside")});
    struct gateway_config config = {.server = sim_address(sim, S("kubernetes:6443"))};
    process_id gateway = gateway_add(sim, host, S(GATEWAY_NAME), &config);
    struct catcher first = {0}, second = {0};

    sim_set_journal_sink(sim, on_journal, &first);
    gateway_send(sim, gateway, 3, 77, full_request());
    sim_set_journal_sink(sim, on_journal, &second);
    CU_ASSERT_FATAL(gateway_command_post(sim, gateway, text_str(&first.written)));

    compare(first.request, second.request);
    CU_ASSERT(str_equal(text_str(&first.written), text_str(&second.written)));
    message_unref(&first.request->message);
    message_unref(&second.request->message);
    text_release(&first.written);
    text_release(&second.written);
    sim_free(sim);
}

/* Cut anywhere, it is refused. */
static void test_cut(void)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    host_id host = sim_host_add(sim, &(struct host_options){.name = S("outside")});
    struct gateway_config config = {.server = sim_address(sim, S("kubernetes:6443"))};
    process_id gateway = gateway_add(sim, host, S(GATEWAY_NAME), &config);
    struct catcher first = {0};
    sim_set_journal_sink(sim, on_journal, &first);
    gateway_send(sim, gateway, 3, 77, full_request());
    sim_set_journal_sink(sim, NULL, NULL);
    for (size_t size = 0; size < first.written.size; size++)
        CU_ASSERT(
            !gateway_command_post(sim, gateway, str_slice(text_str(&first.written), 0, size)));
    message_unref(&first.request->message);
    text_release(&first.written);
    sim_free(sim);
}

static void test_values(void)
{
    const struct value rows[] = {
        VALUE_ABSENT,
        value_null(),
        value_bool(true),
        value_integer(INT64_MIN),
        value_integer(INT64_MAX),
        value_double(3.0),
        value_double(-0.1),
        value_string(S("")),
        value_string(S("a string that is too long to be kept within the word of a value")),
        value_string((struct str){"\0\xff", 2}),
        value_decimal(123456789),
        value_array(),
        value_object(),
        value_pack("{b: {c: [%D, {d: null}]}, a: [[], {}], \"\": %v}", (int64_t)1,
                   value_double(1e300)),
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        AUTO(text) struct text written = {0};
        value_binary_write(rows[i], &written);
        struct unpack u = {text_str(&written), false};
        struct value again = value_binary_read(&u);
        CU_ASSERT(!u.is_bad && u.rest.size == 0);
        CU_ASSERT_EQUAL(value_kind(again), value_kind(rows[i]));
        CU_ASSERT(value_equal(again, rows[i]));
        value_drop(again);
        value_drop(rows[i]);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"all of a request", test_request},
        {"cut anywhere", test_cut},
        {"values", test_values},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"gateway journal", NULL, NULL, NULL, NULL, tests},
                             CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
