/* SPDX-License-Identifier: Apache-2.0
 *
 * What apply, create, update and patch share: the objects of a file (all its documents) or of
 * `resource`, one after another, each judged by `expect`. The first that is not as expected ends
 * the step; with `expect` every object must be refused as said.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "scenarios/engine/steps.h"
#include "scenarios/engine/steps/write.h"

static const struct shape_field write_fields[] = {
    {"file", &shape_string, false,
     "manifests, found from the scenario's folder; several documents are written in turn"},
    {"resource", &shape_any, false, "the object itself"},
    {"namespace", &shape_string, false, "of objects that name none; default when absent"},
    {"serverSide", &shape_bool, false, "server-side apply"},
    {"force", &shape_bool, false, "server-side: take fields over from other managers"},
    {"fieldManager", &shape_string, false, "kubectl-client-side-apply and its kin when absent"},
    {"expect", &expect_shape, false, "it must be refused, so"},
    {"timeout", &shape_duration, false, "30s when absent"},
};

static bool has_one_source(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    struct value resource = value_get_key(v, S("resource"));
    text_add(expected, S("either file or resource (a mapping)"));
    bool is_object = !value_is_present(resource) || value_kind(resource) == VALUE_OBJECT;
    return is_object && value_is_present(value_get_key(v, S("file"))) != value_is_present(resource);
}

const struct shape write_shape = {.kind = SHAPE_OBJECT,
                                  .fields = write_fields,
                                  .field_count = ARRAY_COUNT(write_fields),
                                  .holds = has_one_source};

static enum outcome write_object(struct run *r, enum user_verb verb, struct value arguments,
                                 struct value object, struct text *message)
{
    struct str api_version = VALUE_STR(object, apiVersion), kind = VALUE_STR(object, kind);
    const struct resource *resource = view_find_kind(r->view, api_version, kind);
    if (!resource) {
        unknown_kind_text(api_version, kind, message);
        return OUTCOME_FAILED;
    }
    struct str namespace = value_str(arguments_namespace(arguments));
    struct user_action *a = user_action_for(
        verb, resource, namespace.size ? namespace : S("default"), value_keep(object));
    bool is_generated = value_is_present(VALUE_GET(object, metadata, generateName));
    if (!a->key && (verb != USER_CREATE || !is_generated)) {
        message_unref(&a->message);
        text_add(message, S("resource name may not be empty"));
        return OUTCOME_FAILED;
    }
    struct value manager = value_get_key(arguments, S("fieldManager"));
    a->is_server_side = value_as_bool(value_get_key(arguments, S("serverSide")));
    a->is_forced = value_as_bool(value_get_key(arguments, S("force")));
    a->field_manager = value_keep(manager);
    AUTO(text) struct text what = {0};
    text_printf(&what, "%.*s/%.*s", STR_ARG(resource->qualified),
                STR_ARG(VALUE_STR(object, metadata, name)));
    return act_and_judge(r, a, arguments, text_str(&what), message);
}

/* Of a List each item, in turn. */
static enum outcome write_document(struct run *r, enum user_verb verb, struct value arguments,
                                   struct value root, struct text *message)
{
    struct value items = VALUE_GET(root, items);
    bool is_list = VALUE_IS(root, "List", kind);
    for (size_t i = 0; i < (is_list ? value_count(items) : 1); i++) {
        enum outcome o =
            write_object(r, verb, arguments, is_list ? value_at(items, i) : root, message);
        if (o == OUTCOME_FAILED)
            return o;
    }
    return OUTCOME_PASSED;
}

enum outcome write_objects(struct run *r, enum user_verb verb, struct value arguments,
                           struct text *message)
{
    struct value resource = value_get_key(arguments, S("resource"));
    if (value_is_present(resource))
        return write_document(r, verb, arguments, resource, message);
    const struct manifest *m =
        scenario_manifest(r->scenario, value_str(value_get_key(arguments, S("file"))));
    for (size_t i = 0; i < m->documents.count; i++) {
        enum outcome o = write_document(r, verb, arguments, m->documents.items[i].root, message);
        if (o == OUTCOME_FAILED)
            return o;
    }
    return OUTCOME_PASSED;
}
