/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: managedFields say after each write who owns what, and an apply changes what its manager
 * may. Method: stories, one write after another, with the entries (and the object, or the refusal)
 * expected; then two appliers and an updater at random, after each of whose writes laws must hold:
 *
 *   - an applier owns what its configuration has, and the object has it so;
 *   - what is owned is there;
 *   - what an applier gave up, and nobody else owns, is gone;
 *   - a configuration that is refused changes nothing, and is refused exactly when it would change
 *     what another owns;
 *   - what an update changed is its writer's alone.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdlib.h>

#include "cluster/api/fields/managed.h"
#include "cluster/api/object.h"
#include "cluster/api/value_heap.h"
#include "sim/base/hash.h"
#include "tests/unit/cluster/api/fields/fixture.h"

/* ---- an object that is written ---- */

struct world {
    struct managed_scope scope;
    struct value object; /* owned */
    struct text refusal;
    int64_t seconds;
};

static void world_start(struct world *w, const char *kind, const char *api_version)
{
    const struct resource *r = resource_find_kind(str_from(api_version), str_from(kind));
    CHECK(r != NULL);
    *w = (struct world){.scope = {.type = fields_type_of(r->type),
                                  .api_version = str_from(api_version),
                                  .kind = str_from(kind)}};
    w->object = value_pack("{apiVersion: %s, kind: %s}", api_version, kind);
}

static void world_end(struct world *w)
{
    value_release(&w->object);
    text_release(&w->refusal);
}

/* An hour's seconds: "2026-01-01T00:00:07Z". */
static struct value now_of(struct world *w)
{
    return value_printf("2026-01-01T00:%02d:%02dZ", (int)(w->seconds / 60), (int)(w->seconds % 60));
}

/* Nulls go and an object gets a uid, as decoding and the registry would do. */
static struct value settle(struct world *w, struct value own_object)
{
    (void)w;
    if (!value_is_present(VALUE_GET(own_object, metadata, uid)))
        own_object = VALUE_SET(own_object, value_string(S("u")), metadata, uid);
    for (size_t i = value_count(own_object); i > 0; i--)
        if (value_kind(value_member_at(own_object, i - 1)) == VALUE_NULL)
            own_object = value_set_key(own_object, value_key_at(own_object, i - 1), VALUE_ABSENT);
    return own_object;
}

static struct value typed(struct world *w, struct value configuration)
{
    struct value c =
        value_set(value_keep(configuration), ATOM_apiVersion, value_string(w->scope.api_version));
    return value_set(c, ATOM_kind, value_string(w->scope.kind));
}

/* False: refused; the message is in w->refusal. */
static bool apply(struct world *w, const char *manager, struct value configuration, bool is_forced)
{
    struct value status = VALUE_ABSENT;
    AUTO(value) struct value c = typed(w, configuration);
    w->seconds++;
    AUTO(value) struct value now = now_of(w);
    const struct managed_apply a = {.live = w->object,
                                    .configuration = c,
                                    .manager = str_from(manager),
                                    .now = now,
                                    .is_forced = is_forced};
    struct value next = managed_apply(&w->scope, &a, &status);
    text_clear(&w->refusal);
    if (!value_is_present(next)) {
        text_add(&w->refusal, VALUE_STR(status, message));
        value_drop(status);
        return false;
    }
    value_drop(w->object);
    w->object = settle(w, next);
    return true;
}

static void update(struct world *w, const char *manager, struct value own_next)
{
    w->seconds++;
    AUTO(value) struct value now = now_of(w);
    own_next = managed_update(&w->scope, w->object, own_next, str_from(manager), now);
    value_drop(w->object);
    w->object = settle(w, own_next);
}

static struct value set_of(struct world *w, const char *manager, const char *operation)
{
    struct value entries = VALUE_GET(w->object, metadata, managedFields);
    for (size_t i = 0; i < value_count(entries); i++) {
        struct value e = value_at(entries, i);
        if (VALUE_IS(e, manager, manager) && VALUE_IS(e, operation, operation))
            return VALUE_GET(e, fieldsV1);
    }
    return VALUE_ABSENT;
}

/* ---- stories ---- */

enum act { APPLY, FORCE, UPDATE, MERGE, END };
struct deed {
    enum act act;
    const char *manager, *body;   /* of a merge: put over the object by the updater */
    const char *entries, *object; /* afterwards: "manager/A/seconds {set}; ..."; object: without
                                     metadata but its labels; NULL: refused */
};

static void entries_text(struct value object, struct text *out)
{
    struct value entries = VALUE_GET(object, metadata, managedFields);
    for (size_t i = 0; i < value_count(entries); i++) {
        struct value e = value_at(entries, i);
        struct str manager = VALUE_STR(e, manager), time = VALUE_STR(e, time);
        bool is_apply = VALUE_IS(e, "Apply", operation);
        text_printf(out, "%s%.*s/%c", i > 0 ? "; " : "", STR_ARG(manager), is_apply ? 'A' : 'U');
        if (time.size > 0)
            text_printf(out, "/%.*s", STR_ARG(str_slice(time, 17, 19)));
        text_add_byte(out, ' ');
        AUTO(text) struct text set = {0};
        fields_write_json(VALUE_GET(e, fieldsV1), &set);
        for (size_t k = 0; k < set.size; k++)
            text_add_byte(out, set.bytes[k] == '"' ? '\'' : set.bytes[k]);
    }
}

static void object_text(struct value object, struct text *out)
{
    AUTO(value) struct value o = value_keep(object);
    struct value labels = value_keep(VALUE_GET(o, metadata, labels));
    o = value_set(o, ATOM_metadata, VALUE_ABSENT);
    o = value_set(value_set(o, ATOM_apiVersion, VALUE_ABSENT), ATOM_kind, VALUE_ABSENT);
    if (value_is_present(labels))
        o = value_set(o, ATOM_labels, labels);
    AUTO(text) struct text json = {0};
    json_write(o, &json);
    for (size_t k = 0; k < json.size; k++)
        text_add_byte(out, json.bytes[k] == '"' ? '\'' : json.bytes[k]);
}

static void check_text(const char *story, size_t i, const char *what, const char *got,
                       const char *wanted)
{
    bool is_same = strcmp(got, wanted) == 0;
    if (!is_same)
        fprintf(stderr, "\n  %s, %s after deed %zu:\n    got    %s\n    wanted %s\n", story, what,
                i + 1, got, wanted);
    CU_ASSERT(is_same);
}

static void tell(const char *story, const char *kind, const char *version, const struct deed *deeds)
{
    uint64_t nodes = value_heap_stats().nodes;
    struct world w;
    world_start(&w, kind, version);
    for (size_t i = 0; deeds[i].act != END; i++) {
        const struct deed *d = &deeds[i];
        AUTO(value) struct value body = literal(d->body);
        AUTO(text) struct text entries = {0};
        AUTO(text) struct text object = {0};
        bool is_done = true;
        if (d->act == UPDATE)
            update(&w, d->manager, settle(&w, typed(&w, body)));
        else if (d->act == MERGE)
            update(&w, d->manager, fields_merge(w.scope.type, w.object, body));
        else
            is_done = apply(&w, d->manager, body, d->act == FORCE);
        if (d->object == NULL) {
            CU_ASSERT(!is_done);
            check_text(story, i, "refusal", text_c(&w.refusal), d->entries);
            continue;
        }
        CU_ASSERT(is_done);
        entries_text(w.object, &entries);
        object_text(w.object, &object);
        check_text(story, i, "entries", text_c(&entries), d->entries);
        check_text(story, i, "object", text_c(&object), d->object);
    }
    world_end(&w);
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

static const struct deed conflict_story[] = {
    {APPLY, "m1", "{'data':{'a':'1','b':'2'}}", "m1/A/01 {'f:data':{'f:a':{},'f:b':{}}}",
     "{'data':{'a':'1','b':'2'}}"},
    {APPLY, "m2", "{'data':{'a':'9'}}",
     "Apply failed with 1 conflict: conflict with \"m1\": .data.a", NULL},
    {APPLY, "m2", "{'data':{'a':'9','b':'8'}}",
     "Apply failed with 2 conflicts: conflicts with \"m1\":\n- .data.a\n- .data.b", NULL},
    {APPLY, "m2", "{'data':{'b':'2'}}",
     "m2/A {'f:data':{'f:b':{}}}; m1/A/01 {'f:data':{'f:a':{},'f:b':{}}}",
     "{'data':{'a':'1','b':'2'}}"},
    {FORCE, "m2", "{'data':{'a':'9','b':'2'}}",
     "m1/A/01 {'f:data':{'f:b':{}}}; m2/A/05 {'f:data':{'f:a':{},'f:b':{}}}",
     "{'data':{'a':'9','b':'2'}}"},
    {APPLY, "m1", "{'data':{}}", "m1/A/01 {'f:data':{}}; m2/A/05 {'f:data':{'f:a':{},'f:b':{}}}",
     "{'data':{'a':'9','b':'2'}}"},
    {APPLY, "m2", "{'data':{'a':'9'}}", "m1/A/01 {'f:data':{}}; m2/A/07 {'f:data':{'f:a':{}}}",
     "{'data':{'a':'9'}}"},
    {END, NULL, NULL, NULL, NULL},
};

static const struct deed update_story[] = {
    {UPDATE, "creator", "{'data':{'a':'1','b':'2'}}",
     "creator/U/01 {'f:data':{'.':{},'f:a':{},'f:b':{}}}", "{'data':{'a':'1','b':'2'}}"},
    {MERGE, "editor", "{'data':{'a':'9'}}",
     "creator/U/01 {'f:data':{'.':{},'f:b':{}}}; editor/U/02 {'f:data':{'f:a':{}}}",
     "{'data':{'a':'9','b':'2'}}"},
    {MERGE, "editor", "{'data':{'a':'9'}}",
     "creator/U/01 {'f:data':{'.':{},'f:b':{}}}; editor/U/02 {'f:data':{'f:a':{}}}",
     "{'data':{'a':'9','b':'2'}}"},
    {APPLY, "m", "{'data':{'a':'1','b':'2'}}",
     "Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.a", NULL},
    {FORCE, "m", "{'data':{'a':'1'}}",
     "m/A/05 {'f:data':{'f:a':{}}}; creator/U/01 {'f:data':{'.':{},'f:b':{}}}",
     "{'data':{'a':'1','b':'2'}}"},
    {APPLY, "m", "{'metadata':{'labels':{'l':'x'}}}",
     "m/A/06 {'f:metadata':{'f:labels':{'f:l':{}}}}; creator/U/01 {'f:data':{'.':{},'f:b':{}}}",
     "{'data':{'b':'2'},'labels':{'l':'x'}}"},
    {END, NULL, NULL, NULL, NULL},
};

static const struct deed list_story[] = {
    {APPLY, "m1", "{'spec':{'ports':[{'port':80,'name':'w'}]}}",
     "m1/A/01 {'f:spec':{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:name':{"
     "},'f:port':{}}}}}",
     "{'spec':{'ports':[{'name':'w','port':80}]}}"},
    {APPLY, "m2", "{'spec':{'ports':[{'port':443}]}}",
     "m1/A/01 {'f:spec':{'f:ports':{'k:{\\'port\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:name':{"
     "},'f:port':{}}}}}; m2/A/02 "
     "{'f:spec':{'f:ports':{'k:{\\'port\\':443,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:port':{}}}}}",
     "{'spec':{'ports':[{'name':'w','port':80},{'port':443}]}}"},
    {APPLY, "m2", "{'spec':{'ports':[{'port':80,'name':'x'}]}}",
     "Apply failed with 1 conflict: conflict with \"m1\": "
     ".spec.ports[port=80,protocol=\"TCP\"].name",
     NULL},
    {END, NULL, NULL, NULL, NULL},
};

static const struct deed handover_story[] = {
    {UPDATE, "kubectl-client-side-apply",
     "{'metadata':{'annotations':{'kubectl.kubernetes.io/last-applied-configuration':"
     "'{\\'apiVersion\\':\\'v1\\',\\'kind\\':\\'ConfigMap\\',\\'data\\':{\\'a\\':\\'1\\'}}'}},"
     "'data':{'a':'1','b':'2'}}",
     "kubectl-client-side-apply/U/01 {'f:data':{'.':{},'f:a':{},'f:b':{}},'f:metadata':{"
     "'f:annotations':{'.':{},'f:kubectl.kubernetes.io/last-applied-configuration':{}}}}",
     "{'data':{'a':'1','b':'2'}}"},
    {APPLY, "other", "{'data':{'a':'9'}}",
     "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.a",
     NULL},
    {APPLY, "kubectl", "{'data':{'a':'9','b':'9'}}",
     "Apply failed with 1 conflict: conflict with \"kubectl-client-side-apply\" using v1: .data.b",
     NULL},
    {APPLY, "kubectl", "{'data':{'a':'9'}}",
     "kubectl/A/04 {'f:data':{'f:a':{}}}; kubectl-client-side-apply/U/01 "
     "{'f:data':{'.':{},'f:b':{}}"
     ",'f:metadata':{'f:annotations':{'.':{},"
     "'f:kubectl.kubernetes.io/last-applied-configuration':{}}}}",
     "{'data':{'a':'9','b':'2'}}"},
    {END, NULL, NULL, NULL, NULL},
};

static void test_stories(void)
{
    tell("two appliers", "ConfigMap", "v1", conflict_story);
    tell("an updater and an applier", "ConfigMap", "v1", update_story);
    tell("items of a list", "Service", "v1", list_story);
    tell("from client-side apply", "ConfigMap", "v1", handover_story);
}

/* ---- what clients send ---- */

static void test_sent_entries(void)
{
    static const char entry[] = "{'manager':'x','operation':'Update','apiVersion':'v1',"
                                "'fieldsType':'FieldsV1','fieldsV1':{'f:data':{'f:a':{}}}}";
    static const struct {
        const char *sent, *entries;
    } cases[] = {
        {"", "c/U/01 {'f:data':{'.':{},'f:a':{}}}"},
        {"[]", ""},
        {"[{}]", ""},
        {"[{'manager':'x'}]", "c/U/01 {'f:data':{'.':{},'f:a':{}}}"},
        {"[%s]", "x/U {'f:data':{'f:a':{}}}"},
        {"[%s,{}]", "c/U/01 {'f:data':{'.':{},'f:a':{}}}"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(cases); i++) {
        struct world w;
        AUTO(text) struct text sent = {0};
        AUTO(text) struct text entries = {0};
        AUTO(value) struct value body = literal("{'data':{'a':'1'}}");
        world_start(&w, "ConfigMap", "v1");
        update(&w, "c", settle(&w, typed(&w, body)));
        const char *hole = strstr(cases[i].sent, "%s");
        size_t before = hole ? (size_t)(hole - cases[i].sent) : strlen(cases[i].sent);
        text_add(&sent, str_slice(str_from(cases[i].sent), 0, before));
        if (hole)
            text_printf(&sent, "%s%s", entry, hole + 2);
        AUTO(value) struct value list = literal(text_c(&sent));
        struct value next =
            VALUE_SET(value_keep(w.object), value_keep(list), metadata, managedFields);
        update(&w, "c", next);
        entries_text(w.object, &entries);
        check_text("sent entries", i, "entries", text_c(&entries), cases[i].entries);
        world_end(&w);
    }
}

/* Eleven updaters: the two oldest become one. */
static void test_cap(void)
{
    struct world w;
    world_start(&w, "ConfigMap", "v1");
    for (int i = 0; i < 12; i++) {
        AUTO(text) struct text manager = {0};
        text_printf(&manager, "m%02d", i);
        struct value data = value_keep(VALUE_GET(w.object, data));
        data = value_set_key(value_is_present(data) ? data : value_object(), text_str(&manager),
                             value_string(S("1")));
        update(&w, text_c(&manager), value_set(value_keep(w.object), ATOM_data, data));
    }
    struct value entries = VALUE_GET(w.object, metadata, managedFields);
    CU_ASSERT(value_count(entries) == MANAGED_UPDATERS_MAX);
    CU_ASSERT(shows("ancient", set_of(&w, "ancient-changes", "Update"),
                    "{'f:data':{'.':{},'f:m00':{},'f:m01':{},'f:m02':{}}}"));
    CU_ASSERT(VALUE_IS(value_at(entries, 0), "2026-01-01T00:00:03Z", time));
    world_end(&w);
}

/* An endpoint's writer does not own what the endpoint puts back. */
static void test_reset(void)
{
    struct world w;
    world_start(&w, "Deployment", "apps/v1");
    AUTO(value) struct value reset = value_pack("{\"f:status\": {}}");
    AUTO(value)
    struct value body = literal("{'spec':{'replicas':1},'status':{'replicas':1}}");
    w.scope.reset = reset;
    update(&w, "c", settle(&w, typed(&w, body)));
    CU_ASSERT(shows("main", set_of(&w, "c", "Update"), "{'f:spec':{'f:replicas':{}}}"));
    AUTO(value) struct value spec = value_pack("{\"f:spec\": {}}");
    AUTO(value) struct value next = literal("{'spec':{'replicas':5},'status':{'replicas':5}}");
    w.scope.reset = spec;
    w.scope.subresource = S("status");
    update(&w, "k", fields_merge(w.scope.type, w.object, next));
    CU_ASSERT(shows("status", set_of(&w, "k", "Update"), "{'f:status':{'f:replicas':{}}}"));
    CU_ASSERT(shows("main", set_of(&w, "c", "Update"), "{'f:spec':{'f:replicas':{}}}"));
    world_end(&w);
}

/* ---- laws ---- */

static uint64_t draw(uint64_t *state, uint64_t below)
{
    *state = hash_pair(*state, 0x5eed);
    return (*state >> 33) % below;
}

static struct value some_text(uint64_t *state)
{
    return value_printf("%d", (int)draw(state, 3));
}

static struct value random_container(uint64_t *state, unsigned i)
{
    struct value c = value_pack("{name: %v}", value_printf("c%u", i));
    if (draw(state, 2))
        c = value_set(c, ATOM_image, some_text(state));
    if (draw(state, 3) == 0)
        c = value_set(c, ATOM_args, value_append(value_array(), some_text(state)));
    if (draw(state, 3) == 0)
        c = value_set(c, ATOM_env, value_pack("[{name: E, value: %v}]", some_text(state)));
    return c;
}

static struct value random_configuration(uint64_t *state)
{
    struct value labels = value_object(), containers = value_array(), c = value_object();
    for (unsigned i = 0; i < 4; i++) {
        AUTO(text) struct text key = {0};
        text_printf(&key, "l%u", i);
        if (draw(state, 3) == 0)
            labels = value_set_key(labels, text_str(&key), some_text(state));
        if (draw(state, 2) == 0)
            containers = value_append(containers, random_container(state, i));
    }
    if (value_count(labels) > 0)
        c = VALUE_SET(c, value_keep(labels), metadata, labels);
    if (value_count(containers) > 0)
        c = VALUE_SET(c, value_keep(containers), spec, containers);
    value_drop(labels);
    value_drop(containers);
    return c;
}

/* All sets of all managers but one. Owned. */
static struct value owned_by_others(struct world *w, const char *manager)
{
    struct value entries = VALUE_GET(w->object, metadata, managedFields), all = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(entries); i++) {
        struct value e = value_at(entries, i);
        if (VALUE_IS(e, manager, manager))
            continue;
        struct value both = fields_union(all, VALUE_GET(e, fieldsV1));
        value_drop(all);
        all = both;
    }
    return all;
}

/* Everything the object has, parents on the way included. Owned. */
static struct value all_of(struct world *w)
{
    struct fields_change c = fields_compare(w->scope.type, VALUE_ABSENT, w->object);
    value_drop(c.modified);
    value_drop(c.removed);
    return c.added;
}

static void check_laws_of_apply(struct world *w, const char *manager, struct value configuration,
                                struct value before, struct value others, struct value had)
{
    AUTO(value) struct value c = typed(w, configuration);
    AUTO(value) struct value wanted = fields_of(w->scope.type, c);
    AUTO(value) struct value type_only = literal("{'f:apiVersion':{},'f:kind':{}}");
    AUTO(value) struct value own = fields_difference(wanted, type_only);
    CU_ASSERT(value_equal(own, set_of(w, manager, "Apply")));
    AUTO(value) struct value again = fields_merge(w->scope.type, w->object, c);
    CU_ASSERT(value_equal(again, w->object));
    AUTO(value) struct value there = all_of(w);
    AUTO(value) struct value lost = fields_difference(set_of(w, manager, "Apply"), there);
    CU_ASSERT(!value_is_present(lost));
    AUTO(value) struct value given_up = fields_difference(had, own);
    AUTO(value) struct value nobodys = fields_difference(given_up, others);
    AUTO(value) struct value gone = fields_difference(before, there);
    AUTO(value) struct value still_there = fields_difference(nobodys, gone);
    /* A parent that holds what others own stays. */
    bool is_parent_alone = true;
    for (size_t i = 0; i < value_count(still_there) && is_parent_alone; i++) {
        struct value rest = fields_intersection(still_there, others);
        is_parent_alone = !value_is_present(rest);
        value_drop(rest);
    }
    CU_ASSERT(is_parent_alone);
}

static void random_apply(struct world *w, uint64_t *state, const char *manager)
{
    AUTO(value) struct value c = random_configuration(state);
    AUTO(value) struct value old = value_keep(w->object);
    AUTO(value) struct value before = all_of(w);
    AUTO(value) struct value others = owned_by_others(w, manager);
    AUTO(value) struct value had = value_keep(set_of(w, manager, "Apply"));
    AUTO(value) struct value typed_c = typed(w, c);
    AUTO(value) struct value merged = fields_merge(w->scope.type, old, typed_c);
    struct fields_change change = fields_compare(w->scope.type, old, merged);
    AUTO(value) struct value changed = fields_union(change.modified, change.added);
    bool would_conflict = fields_meet(others, changed);
    fields_change_release(&change);
    bool is_forced = draw(state, 3) == 0;
    bool is_done = apply(w, manager, c, is_forced);
    CU_ASSERT(is_done == (is_forced || !would_conflict));
    if (is_done)
        check_laws_of_apply(w, manager, c, before, others, had);
    else
        CU_ASSERT(value_is_same(old, w->object));
}

static void random_update(struct world *w, uint64_t *state)
{
    AUTO(value) struct value c = random_configuration(state);
    AUTO(value) struct value old = value_keep(w->object);
    update(w, "u", fields_merge(w->scope.type, w->object, c));
    struct fields_change change = fields_compare(w->scope.type, old, w->object);
    AUTO(value) struct value changed = fields_union(change.modified, change.added);
    fields_change_release(&change);
    AUTO(value) struct value managed = literal("{'f:metadata':{'f:managedFields':{}}}");
    AUTO(value) struct value own = fields_difference(changed, managed);
    AUTO(value) struct value not_owned = fields_difference(own, set_of(w, "u", "Update"));
    AUTO(value) struct value others = owned_by_others(w, "u");
    CU_ASSERT(!value_is_present(not_owned));
    CU_ASSERT(!fields_meet(others, own));
}

static void test_laws(void)
{
    static const char *const appliers[] = {"m1", "m2"};
    uint64_t nodes = value_heap_stats().nodes;
    for (uint64_t seed = 1; seed <= 40; seed++) {
        uint64_t state = seed;
        struct world w;
        world_start(&w, "Pod", "v1");
        random_apply(&w, &state, "m1");
        for (int round = 0; round < 25; round++) {
            uint64_t who = draw(&state, 3);
            if (who < 2)
                random_apply(&w, &state, appliers[who]);
            else
                random_update(&w, &state);
        }
        world_end(&w);
    }
    CU_ASSERT(value_heap_stats().nodes == nodes);
}

int main(void)
{
    CU_initialize_registry();
    CU_pSuite s = CU_add_suite("managedFields", NULL, NULL);
    CU_add_test(s, "stories", test_stories);
    CU_add_test(s, "sent entries", test_sent_entries);
    CU_add_test(s, "cap", test_cap);
    CU_add_test(s, "reset", test_reset);
    CU_add_test(s, "laws", test_laws);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
