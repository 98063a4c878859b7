/* SPDX-License-Identifier: Apache-2.0
 *
 * ListOptions, CreateOptions, UpdateOptions, PatchOptions and DeleteOptions as a query has them. An
 * option that the verb does not have is not looked at; one that is no number or boolean is refused
 * with Go's message; a boolean that is there without a value is true.
 *
 * A body of DeleteOptions replaces the query's, as in a real server.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/options.h"

#include "cluster/api/status.h"
#include "cluster/apiserver/machinery.h"

static bool list_read(struct reading *r);
static bool write_read(struct reading *r);
static bool delete_read(struct reading *r);

bool options_read(const struct http_request *h, struct reading *r)
{
    struct str version = target_option(&r->target, "resourceVersion");
    if (r->request->subresource >= SUBRESOURCE_LOG && r->request->subresource <= SUBRESOURCE_PROXY)
        return connect_read(h, r);
    switch (r->request->verb) {
    case VERB_GET:
        if (version.size > 0)
            request_list_options(r->request)->resource_version = value_string(version);
        return true;
    case VERB_LIST:
    case VERB_WATCH:
        return list_read(r);
    case VERB_CREATE:
    case VERB_UPDATE:
    case VERB_PATCH:
        return write_read(r);
    case VERB_DELETE:
        return delete_read(r);
    case VERB_DELETE_COLLECTION:
        return list_read(r) && delete_read(r);
    case VERB_COUNT:
        break;
    }
    return true;
}

/* ---- scalars ---- */

bool option_int(struct reading *r, const char *name, int64_t *target)
{
    struct str s = target_option(&r->target, name);
    if (s.size == 0 || str_to_int64(s, target))
        return true;
    AUTO(text) struct text m = {0};
    bool is_digits = true;
    for (size_t i = s.bytes[0] == '-' ? 1 : 0; i < s.size; i++)
        is_digits &= s.bytes[i] >= '0' && s.bytes[i] <= '9';
    text_printf(&m, "strconv.ParseInt: parsing \"%.*s\": %s", STR_ARG(s),
                is_digits && s.size > 1 ? "value out of range" : "invalid syntax");
    r->refusal = status_bad_request(text_str(&m));
    return false;
}

/* As Kubernetes' conversion: absent false; "false" and "0" in any case false; all else true. */
bool option_bool(const struct target *t, const char *name)
{
    struct str s = target_option(t, name);
    return target_has_option(t, name) && !str_equal(s, S("false")) && !str_equal(s, S("False")) &&
           !str_equal(s, S("FALSE")) && !str_equal(s, S("0"));
}

struct value option_text(const struct target *t, const char *name)
{
    struct str s = target_option(t, name);
    return s.size > 0 ? value_string(s) : VALUE_ABSENT;
}

static void unsupported(struct reading *r, const char *kind, const char *field, struct str found,
                        const char *supported)
{
    struct field_errors errors = {0};
    AUTO(value) struct value shown = value_string(found);
    if (strcmp(field, "dryRun") == 0) /* which is a list */
        shown = value_append(value_array(), shown);
    field_error_add(&errors, FIELD_NOT_SUPPORTED, str_from(field), shown, "supported values: %s",
                    supported);
    r->refusal = status_options_invalid(kind, &errors);
    field_errors_release(&errors);
}

/* ---- list and watch ---- */

static bool match_read(struct reading *r, struct list_options *o)
{
    struct str match = target_option(&r->target, "resourceVersionMatch");
    if (str_equal(match, S("Exact")))
        o->version_match = VERSION_MATCH_EXACT;
    else if (str_equal(match, S("NotOlderThan")))
        o->version_match = VERSION_MATCH_NOT_OLDER_THAN;
    else if (match.size > 0) {
        unsupported(r, "ListOptions", "resourceVersionMatch", match,
                    "\"Exact\", \"NotOlderThan\", \"\"");
        return false;
    }
    return true;
}

/* A named object is watched as a selection of one. */
static struct value field_selector_of(const struct target *t, bool is_watch)
{
    struct str selector = target_option(t, "fieldSelector");
    if (!is_watch || t->name.size == 0)
        return selector.size > 0 ? value_string(selector) : VALUE_ABSENT;
    return value_printf("metadata.name=%.*s%s%.*s", STR_ARG(t->name), selector.size ? "," : "",
                        STR_ARG(selector));
}

static bool list_read(struct reading *r)
{
    const struct target *t = &r->target;
    struct list_options *o = request_list_options(r->request);
    int64_t timeout = 0;
    o->label_selector = option_text(t, "labelSelector");
    o->field_selector = field_selector_of(t, r->request->verb == VERB_WATCH);
    o->resource_version = option_text(t, "resourceVersion");
    o->continue_token = option_text(t, "continue");
    o->allow_bookmarks = option_bool(t, "allowWatchBookmarks");
    if (target_has_option(t, "sendInitialEvents"))
        o->send_initial_events = option_bool(t, "sendInitialEvents");
    if (!option_int(r, "limit", &o->limit) || !option_int(r, "timeoutSeconds", &timeout) ||
        !match_read(r, o))
        return false;
    if (timeout > 0 && timeout < INT64_MAX / 1000000000)
        o->timeout = duration_s(timeout);
    return true;
}

/* ---- writes ---- */

static const char *options_kind(enum verb verb)
{
    return verb == VERB_CREATE   ? "CreateOptions"
           : verb == VERB_UPDATE ? "UpdateOptions"
           : verb == VERB_PATCH  ? "PatchOptions"
                                 : "DeleteOptions";
}

static bool dry_run_read(struct reading *r)
{
    struct str dry_run = target_option(&r->target, "dryRun");
    if (!target_has_option(&r->target, "dryRun") || dry_run.size == 0)
        return true;
    r->request->dry_run = str_equal(dry_run, S("All"));
    if (!r->request->dry_run)
        unsupported(r, options_kind(r->request->verb), "dryRun", dry_run, "\"All\"");
    return r->request->dry_run;
}

static bool write_read(struct reading *r)
{
    const struct target *t = &r->target;
    struct request *q = r->request;
    struct str manager = target_option(t, "fieldManager");
    struct str validation = target_option(t, "fieldValidation");
    if (manager.size > 0) /* else the user agent's name counts */
        q->field_manager = value_string(manager);
    q->force = option_bool(t, "force");
    if (str_equal(validation, S("Strict")))
        q->field_validation = FIELD_VALIDATION_STRICT;
    else if (str_equal(validation, S("Ignore")))
        q->field_validation = FIELD_VALIDATION_IGNORE;
    else if (validation.size > 0 && !str_equal(validation, S("Warn"))) {
        unsupported(r, options_kind(q->verb), "fieldValidation", validation,
                    "\"\", \"Ignore\", \"Strict\", \"Warn\"");
        return false;
    }
    return dry_run_read(r);
}

/* ---- delete ---- */

static bool propagation_set(struct request *q, struct str policy, struct value *ret_refusal)
{
    static const struct {
        struct str name;
        enum propagation propagation;
    } policies[] = {{{"Background", 10}, PROPAGATION_BACKGROUND},
                    {{"Foreground", 10}, PROPAGATION_FOREGROUND},
                    {{"Orphan", 6}, PROPAGATION_ORPHAN}};
    for (size_t i = 0; i < ARRAY_COUNT(policies); i++) {
        if (str_equal(policy, policies[i].name)) {
            request_delete_options(q)->propagation = policies[i].propagation;
            return true;
        }
    }
    struct reading r = {0};
    unsupported(&r, "DeleteOptions", "propagationPolicy", policy,
                "\"Foreground\", \"Background\", \"Orphan\", \"nil\"");
    *ret_refusal = r.refusal;
    return false;
}

/* The two ways to say what becomes of dependents exclude each other. */
static bool orphan_set(struct request *q, bool orphans, struct str policy,
                       struct value *ret_refusal)
{
    struct field_errors errors = {0};
    if (policy.size == 0) {
        request_delete_options(q)->propagation =
            orphans ? PROPAGATION_ORPHAN : PROPAGATION_BACKGROUND;
        return true;
    }
    AUTO(value) struct value shown = value_string(policy);
    field_error_add(&errors, FIELD_INVALID, S("propagationPolicy"), shown,
                    "orphanDependents and deletionPropagation cannot be both set");
    *ret_refusal = status_options_invalid("DeleteOptions", &errors);
    field_errors_release(&errors);
    return false;
}

/* Less than nothing is a second. */
static void grace_set(struct request *q, int64_t grace)
{
    request_delete_options(q)->grace_period_seconds = grace < 0 ? 1 : grace;
}

static bool delete_read(struct reading *r)
{
    const struct target *t = &r->target;
    struct str policy = target_option(t, "propagationPolicy");
    int64_t grace = -1;
    if (!option_int(r, "gracePeriodSeconds", &grace))
        return false;
    if (target_option(t, "gracePeriodSeconds").size > 0)
        grace_set(r->request, grace);
    if (target_option(t, "orphanDependents").size > 0 &&
        !orphan_set(r->request, option_bool(t, "orphanDependents"), policy, &r->refusal))
        return false;
    if (policy.size > 0 && !propagation_set(r->request, policy, &r->refusal))
        return false;
    return dry_run_read(r);
}

static bool delete_dry_run_read(struct request *q, struct value dry_run, struct value *ret_refusal)
{
    for (size_t i = 0; i < value_count(dry_run); i++) {
        struct value one = value_at(dry_run, i);
        if (!value_is(one, "All")) {
            struct reading r = {0};
            unsupported(&r, "DeleteOptions", "dryRun", value_str(one), "\"All\"");
            *ret_refusal = r.refusal;
            return false;
        }
        q->dry_run = true;
    }
    return true;
}

bool delete_options_read(struct request *q, struct value body, struct value *ret_refusal)
{
    struct str policy = value_str(value_get_key(body, S("propagationPolicy")));
    struct value grace = value_get_key(body, S("gracePeriodSeconds"));
    struct value preconditions = value_get_key(body, S("preconditions"));
    struct value uid = value_get_key(preconditions, S("uid"));
    struct value version = value_get_key(preconditions, S("resourceVersion"));
    struct value orphan = value_get_key(body, S("orphanDependents"));
    if (value_kind(grace) == VALUE_INTEGER)
        grace_set(q, value_as_integer(grace, -1));
    if (value_kind(uid) == VALUE_STRING)
        request_delete_options(q)->precondition_uid = value_keep(uid);
    if (value_kind(version) == VALUE_STRING)
        request_delete_options(q)->precondition_resource_version = value_keep(version);
    if (value_kind(orphan) == VALUE_BOOL &&
        !orphan_set(q, value_as_bool(orphan), policy, ret_refusal))
        return false;
    if (policy.size > 0 && !propagation_set(q, policy, ret_refusal))
        return false;
    return delete_dry_run_read(q, value_get_key(body, S("dryRun")), ret_refusal);
}
