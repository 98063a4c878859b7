/* SPDX-License-Identifier: Apache-2.0
 *
 * Metadata: names by the rule of each kind, labels, annotations, owners, finalizers; and what of it
 * never changes (ValidateObjectMeta, ValidateObjectMetaUpdate upstream).
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#define ANNOTATIONS_SIZE_MAX 262144
#define CRON_JOB_NAME_MAX 52 /* its jobs get eleven characters more, and 63 are allowed */

static void check_name(const struct resource *r, struct value meta, path_t path, errors_t *errors);
static void check_annotations(struct value annotations, path_t path, errors_t *errors);
static void check_owners(struct value owners, path_t path, errors_t *errors);
static void check_finalizers(struct value finalizers, path_t path, errors_t *errors);

/* Kinds that do not appear here use the RFC 1123 subdomain. */
static const name_rule_fn name_rules[RESOURCE_KNOWN_COUNT] = {
    [RESOURCE_namespaces] = name_dns_label,
    [RESOURCE_services] = name_dns_label,
    [RESOURCE_statefulsets] = name_dns_label,
    [RESOURCE_roles] = name_path_segment,
    [RESOURCE_clusterroles] = name_path_segment,
    [RESOURCE_rolebindings] = name_path_segment,
    [RESOURCE_clusterrolebindings] = name_path_segment,
    [RESOURCE_ipaddresses] = name_path_segment,
    [RESOURCE_apiservices] = name_path_segment,
};

void validate_meta(const struct resource *r, struct value object, errors_t *errors)
{
    struct value meta = value_get(object, ATOM_metadata);
    struct field_path path = path_child(NULL, "metadata");
    if (!(r->verbs & (1u << VERB_LIST)))
        return; /* reviews and the like are answered, not stored */
    check_name(r, meta, &path, errors);
    struct value namespace = value_get(meta, ATOM_namespace);
    if (r->is_namespaced && !text_is_set(namespace))
        child_error(errors, FIELD_REQUIRED, &path, "namespace", VALUE_ABSENT, NO_DETAIL);
    else if (r->is_namespaced)
        check_child_rule(errors, &path, "namespace", namespace, name_dns_label);
    else if (text_is_set(namespace))
        child_error(errors, FIELD_FORBIDDEN, &path, "namespace", VALUE_ABSENT,
                    "not allowed on this type");
    check_nonnegative(errors, &path, "generation", value_get(meta, ATOM_generation));
    struct field_path labels = path_child(&path, "labels");
    check_labels(errors, &labels, value_get(meta, ATOM_labels));
    check_annotations(value_get(meta, ATOM_annotations), &path, errors);
    check_owners(value_get(meta, ATOM_ownerReferences), &path, errors);
    check_finalizers(value_get(meta, ATOM_finalizers), &path, errors);
}

static void check_name(const struct resource *r, struct value meta, path_t path, errors_t *errors)
{
    struct value name = value_get(meta, ATOM_name), prefix = value_get(meta, ATOM_generateName);
    name_rule_fn own = resource_is_custom(r) ? NULL : name_rules[r->index];
    name_rule_fn rule = own ? own : name_dns_subdomain;
    if (text_is_set(prefix)) {
        /* A prefix may end in what the suffix makes good: "web-". */
        AUTO(text) struct text whole = {0};
        text_add(&whole, value_str(prefix));
        text_add_byte(&whole, 'a');
        const char *why = rule(text_str(&whole));
        if (why != NULL)
            child_error(errors, FIELD_INVALID, path, "generateName", prefix, "%s", why);
    }
    if (!text_is_set(name)) {
        child_error(errors, FIELD_REQUIRED, path, "name", VALUE_ABSENT,
                    "name or generateName is required");
        return;
    }
    check_child_rule(errors, path, "name", name, rule);
    if (r->index == RESOURCE_cronjobs && value_str(name).size > CRON_JOB_NAME_MAX)
        child_error(errors, FIELD_INVALID, path, "name", name, "must be no more than %d characters",
                    CRON_JOB_NAME_MAX);
}

static void check_annotations(struct value annotations, path_t path, errors_t *errors)
{
    size_t size = 0;
    for (size_t i = 0; i < value_count(annotations); i++) {
        struct str key = value_key_at(annotations, i);
        AUTO(text) struct text lower = {0};
        bool has_upper = false;
        for (size_t k = 0; k < key.size; k++)
            has_upper |= key.bytes[k] >= 'A' && key.bytes[k] <= 'Z';
        for (size_t k = 0; k < key.size && has_upper; k++) {
            char c = key.bytes[k];
            text_add_byte(&lower, c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c);
        }
        const char *why = name_qualified(has_upper ? text_str(&lower) : key);
        if (why != NULL) {
            AUTO(value) struct value text = value_string(key);
            child_error(errors, FIELD_INVALID, path, "annotations", text, "%s", why);
        }
        size += key.size + value_str(value_member_at(annotations, i)).size;
    }
    if (size > ANNOTATIONS_SIZE_MAX)
        child_error(errors, FIELD_TOO_LONG, path, "annotations", VALUE_ABSENT,
                    "may not be more than %d bytes", ANNOTATIONS_SIZE_MAX);
}

static void check_owners(struct value owners, path_t path, errors_t *errors)
{
    static const char *const names[] = {"kind", "name", "uid"};
    static const atom keys[] = {ATOM_kind, ATOM_name, ATOM_uid};
    struct field_path list = path_child(path, "ownerReferences");
    struct value controller = VALUE_ABSENT;
    for (size_t i = 0; i < value_count(owners); i++) {
        struct field_path item = path_index(&list, i);
        struct value o = value_at(owners, i), version = value_get(o, ATOM_apiVersion);
        if (!text_is_set(version))
            child_error(errors, FIELD_INVALID, &item, "apiVersion", version,
                        "version must not be empty");
        for (size_t k = 0; k < ARRAY_COUNT(keys); k++) {
            if (!text_is_set(value_get(o, keys[k]))) {
                AUTO(value) struct value empty = value_string(S(""));
                child_error(errors, FIELD_INVALID, &item, names[k], empty, "must not be empty");
            }
        }
        if (value_is(version, "v1") && VALUE_IS(o, "Event", kind))
            field_error_at(errors, FIELD_INVALID, &item, o,
                           "/v1, Kind=Event is disallowed from being an owner");
        if (!VALUE_BOOL_AT(o, controller))
            continue;
        if (value_is_present(controller))
            field_error_at(errors, FIELD_INVALID, &list, owners,
                           "Only one reference can have Controller set to true. Found \"true\" in "
                           "references for %.*s/%.*s and %.*s/%.*s",
                           STR_ARG(VALUE_STR(controller, kind)),
                           STR_ARG(VALUE_STR(controller, name)), STR_ARG(VALUE_STR(o, kind)),
                           STR_ARG(VALUE_STR(o, name)));
        else
            controller = o;
    }
}

static void check_finalizers(struct value finalizers, path_t path, errors_t *errors)
{
    bool orphan = false, foreground = false;
    struct field_path list = path_child(path, "finalizers");
    for (size_t i = 0; i < value_count(finalizers); i++) {
        struct value f = value_at(finalizers, i);
        const char *why = name_qualified(value_str(f));
        if (why != NULL)
            field_error_at(errors, FIELD_INVALID, &list, f, "%s", why);
        orphan |= value_is(f, "orphan");
        foreground |= value_is(f, "foregroundDeletion");
    }
    if (orphan && foreground)
        field_error_at(errors, FIELD_INVALID, &list, finalizers,
                       "finalizer orphan and foregroundDeletion cannot be both set");
}

/* Kinds of extension servers, definitions among them, may have finalizers that are not
 * qualified. */
void validate_own_finalizers(const struct resource *r, struct value object, errors_t *errors)
{
    struct value finalizers = VALUE_GET(object, metadata, finalizers);
    struct field_path meta = path_child(NULL, "metadata"), list = path_child(&meta, "finalizers");
    if (str_equal(r->group, S("apiextensions.k8s.io")) ||
        str_equal(r->group, S("apiregistration.k8s.io")))
        return;
    for (size_t i = 0; i < value_count(finalizers); i++) {
        struct value f = value_at(finalizers, i);
        struct str name = value_str(f);
        struct field_path item = path_index(&list, i);
        if (str_find(name, '/') == name.size && !value_is(f, "orphan") &&
            !value_is(f, "foregroundDeletion") && !value_is(f, "kubernetes"))
            field_error_at(errors, FIELD_INVALID, &item, f,
                           "name is neither a standard finalizer name nor is it fully qualified");
    }
}

/* ---- update ---- */

static void check_new_finalizers(struct value new, struct value old, path_t path, errors_t *errors)
{
    AUTO(text) struct text added = {0};
    struct value have = value_get(old, ATOM_finalizers), want = value_get(new, ATOM_finalizers);
    if (!value_is_present(value_get(old, ATOM_deletionTimestamp)) || value_is_same(have, want))
        return;
    for (size_t i = 0; i < value_count(want); i++) {
        bool is_old = false;
        for (size_t k = 0; k < value_count(have); k++)
            is_old |= value_equal(value_at(want, i), value_at(have, k));
        if (!is_old)
            text_printf(&added, "%s\"%.*s\"", added.size ? ", " : "",
                        STR_ARG(value_str(value_at(want, i))));
    }
    if (added.size > 0)
        child_error(errors, FIELD_FORBIDDEN, path, "finalizers", VALUE_ABSENT,
                    "no new finalizers can be added if the object is being deleted, found new "
                    "finalizers []string{%s}",
                    text_c(&added));
}

void validate_meta_update(const struct resource *r, struct value new_object,
                          struct value old_object, errors_t *errors)
{
    static const struct {
        atom key;
        const char *name;
    } fixed[] = {{ATOM_name, "name"},
                 {ATOM_namespace, "namespace"},
                 {ATOM_uid, "uid"},
                 {ATOM_creationTimestamp, "creationTimestamp"},
                 {ATOM_deletionTimestamp, "deletionTimestamp"},
                 {ATOM_deletionGracePeriodSeconds, "deletionGracePeriodSeconds"}};
    struct value new = value_get(new_object, ATOM_metadata),
                 old = value_get(old_object, ATOM_metadata);
    if (value_is_same(new, old))
        return;
    struct field_path path = path_child(NULL, "metadata");
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        check_immutable(errors, &path, fixed[i].name, value_get(new, fixed[i].key),
                        value_get(old, fixed[i].key));
    if (VALUE_INT(new, 0, generation) < VALUE_INT(old, 0, generation))
        child_error(errors, FIELD_INVALID, &path, "generation", value_get(new, ATOM_generation),
                    "must not be decremented");
    check_new_finalizers(new, old, &path, errors);
    if (!value_is_same(value_get(new, ATOM_labels), value_get(old, ATOM_labels))) {
        struct field_path labels = path_child(&path, "labels");
        check_labels(errors, &labels, value_get(new, ATOM_labels));
    }
    if (!value_is_same(value_get(new, ATOM_annotations), value_get(old, ATOM_annotations)))
        check_annotations(value_get(new, ATOM_annotations), &path, errors);
    if (!value_is_same(value_get(new, ATOM_ownerReferences), value_get(old, ATOM_ownerReferences)))
        check_owners(value_get(new, ATOM_ownerReferences), &path, errors);
    if (!value_is_same(value_get(new, ATOM_finalizers), value_get(old, ATOM_finalizers)))
        check_finalizers(value_get(new, ATOM_finalizers), &path, errors);
    (void)r; /* names were checked when they were made */
}
