/* SPDX-License-Identifier: Apache-2.0
 *
 * What the pipeline asks of the object model (machinery.h): versions of one stored object, and
 * patches.
 *
 * Two kinds are served in two shapes: events (core/v1 is stored, events.k8s.io/v1 renames some
 * fields) and horizontal pod autoscalers (autoscaling/v2 is stored, v1 has only a CPU target).
 * Everything else differs in nothing.
 */
#include "cluster/apiserver/machinery.h"

#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/api/utf8.h"

struct value object_with_version(struct value own_object, int64_t revision)
{
    char digits[24];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + revision % 10);
        revision /= 10;
    } while (revision > 0);
    return VALUE_SET(own_object, value_string((struct str){digits + at, sizeof(digits) - at}),
                     metadata, resourceVersion);
}

/* ---- versions ---- */

static struct value move(struct value own_object, atom from, atom to)
{
    struct value part = value_keep(value_get(own_object, from));
    own_object = value_set(own_object, from, VALUE_ABSENT);
    return value_is_present(part) ? value_set(own_object, to, part) : own_object;
}

static const struct {
    atom stored, shown;
} event_fields[] = {{ATOM_involvedObject, ATOM_regarding},
                    {ATOM_message, ATOM_note},
                    {ATOM_reportingComponent, ATOM_reportingController},
                    {ATOM_source, ATOM_deprecatedSource},
                    {ATOM_firstTimestamp, ATOM_deprecatedFirstTimestamp},
                    {ATOM_lastTimestamp, ATOM_deprecatedLastTimestamp},
                    {ATOM_count, ATOM_deprecatedCount}};

static struct value convert_event(struct value own_object, bool to_stored)
{
    for (size_t i = 0; i < ARRAY_COUNT(event_fields); i++)
        own_object = to_stored ? move(own_object, event_fields[i].shown, event_fields[i].stored)
                               : move(own_object, event_fields[i].stored, event_fields[i].shown);
    return own_object;
}

struct value version_convert(struct value own_object, const struct resource *from,
                             const struct resource *to)
{
    if (from == to)
        return own_object;
    CHECK(!resource_is_custom(to)); /* custom_show, custom_store */
    bool to_stored = to->storage == to;
    if (to->storage == resource_get(RESOURCE_events))
        own_object = convert_event(own_object, to_stored);
    else if (to->storage == resource_get(RESOURCE_horizontalpodautoscalers))
        own_object = to_stored ? autoscaler_to_v2(own_object) : autoscaler_to_v1(own_object);
    own_object = value_set(own_object, ATOM_apiVersion, value_string(to->group_version));
    return value_set(own_object, ATOM_kind, value_string(to->kind));
}

#define FIELD_MANAGER_MAX 128

/* ---- options ---- */

struct value status_options_invalid(const char *kind, const struct field_errors *errors)
{
    const struct resource options = {.group = S("meta.k8s.io"), .kind = str_from(kind)};
    return status_invalid(&options, S(""), errors);
}

/* Every character of a manager's name can be printed. */
static void printable_check(struct value manager, struct field_errors *errors)
{
    char small[VALUE_SMALL_SIZE] = {0};
    struct str name = value_str_in(manager, small);
    for (size_t i = 0; i < name.size;) {
        uint32_t rune;
        size_t size = utf8_decode(str_slice(name, i, name.size), &rune);
        bool is_control = rune < 0x20 || (rune >= 0x7f && rune < 0xa0);
        bool is_blank = rune == 0xa0 || (rune >= 0x2000 && rune <= 0x200f) ||
                        (rune >= 0x2028 && rune <= 0x202f) || rune == 0x3000 || rune == 0xfeff;
        if (is_control || is_blank)
            field_error_add(errors, FIELD_INVALID, S("fieldManager"), manager,
                            "invalid character U+%04X (at position %zu)", rune, i);
        i += size;
    }
}

struct value write_options_refusal(const struct request *r)
{
    const char *kind = r->verb == VERB_CREATE   ? "CreateOptions"
                       : r->verb == VERB_UPDATE ? "UpdateOptions"
                                                : "PatchOptions";
    bool is_apply = r->verb == VERB_PATCH && r->patch_type == PATCH_APPLY;
    size_t size = value_str(r->field_manager).size;
    struct field_errors errors = {0};
    if (r->force && !is_apply)
        field_error_add(&errors, FIELD_FORBIDDEN, S("force"), VALUE_ABSENT,
                        "may not be specified for non-apply patch");
    if (size == 0 && is_apply)
        field_error_add(&errors, FIELD_REQUIRED, S("fieldManager"), VALUE_ABSENT,
                        "is required for apply patch");
    if (size > FIELD_MANAGER_MAX)
        field_error_add(&errors, FIELD_TOO_LONG, S("fieldManager"), VALUE_ABSENT,
                        "may not be more than %d bytes", FIELD_MANAGER_MAX);
    printable_check(r->field_manager, &errors);
    struct value status = errors.count > 0 ? status_options_invalid(kind, &errors) : VALUE_ABSENT;
    field_errors_release(&errors);
    return status;
}

/* ---- words of the storage ---- */

/* Resources whose keys do not begin with their plural. */
static const struct {
    const char *group, *plural, *prefix;
} key_prefixes[] = {
    {"", "nodes", "minions"},
    {"", "services", "services/specs"},
    {"", "endpoints", "services/endpoints"},
    {"", "replicationcontrollers", "controllers"},
    {"networking.k8s.io", "ingresses", "ingress"},
    {"apiextensions.k8s.io", "customresourcedefinitions",
     "apiextensions.k8s.io/customresourcedefinitions"},
    {"apiregistration.k8s.io", "apiservices", "apiregistration.k8s.io/apiservices"},
};

void uid_conflict_text(const struct object_key *key, struct str wanted, struct str stored,
                       struct text *out)
{
    const struct resource *r = key->resource;
    struct str prefix = r->plural;
    for (size_t i = 0; i < ARRAY_COUNT(key_prefixes); i++) {
        if (str_equal(r->group, str_from(key_prefixes[i].group)) &&
            str_equal(r->plural, str_from(key_prefixes[i].plural)))
            prefix = str_from(key_prefixes[i].prefix);
    }
    text_printf(out, "StorageError: invalid object, Code: 4, Key: /registry/%.*s/",
                STR_ARG(prefix));
    if (key->namespace.size > 0)
        text_printf(out, "%.*s/", STR_ARG(key->namespace));
    text_printf(out,
                "%.*s, ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in "
                "precondition: %.*s, UID in object meta: %.*s",
                STR_ARG(key->name), STR_ARG(wanted), STR_ARG(stored));
}
