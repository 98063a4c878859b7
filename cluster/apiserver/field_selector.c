/* SPDX-License-Identifier: Apache-2.0
 *
 * Field selectors on objects; their text is read by cluster/api/field_selector.c.
 *
 * Which paths a kind knows is in its resource row; each is looked up in the object by its path, but
 * for a few whose text is made from something else: a pod's hostNetwork reads "true" or "false",
 * the source of an event is source.component, or else who reports it. Objects are looked at as they
 * are stored: the fields of events.k8s.io are those of the core group's events.
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ and
 * apimachinery/pkg/fields.
 */
#include "cluster/apiserver/machinery.h"

#include "cluster/api/object.h"
#include "cluster/api/selector.h"
#include "cluster/api/status.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define PATH_DEPTH_MAX 6

struct selector_term {
    char *path, *value;
    size_t value_size;
    atom atoms[PATH_DEPTH_MAX];
    size_t depth;
    bool is_not;
};
struct field_selector {
    VEC(struct selector_term) terms;
};

static bool term_make(const struct resource *r, const struct field_term *term,
                      struct selector_term *ret_term, struct value *ret_status);
static bool path_is_known(const struct resource *r, struct str path);
static struct value path_unknown(const struct resource *r, struct str path);

struct field_selector *field_selector_new(const struct resource *r, struct str text,
                                          struct value *ret_status)
{
    AUTO(text) struct text why = {0};
    struct field_terms terms = {0};
    if (field_terms_parse(text, &terms, &why) != ERR_OK) {
        *ret_status = status_bad_request(text_str(&why));
        return NULL;
    }
    struct field_selector *f = mem_new(struct field_selector);
    for (size_t i = 0; i < terms.count && f; i++) {
        struct selector_term t = {0};
        if (term_make(r, &terms.items[i], &t, ret_status)) {
            vec_push(&f->terms, t);
        } else {
            field_selector_free(f);
            f = NULL;
        }
    }
    field_terms_release(&terms);
    return f;
}

void field_selector_free(struct field_selector *f)
{
    if (!f)
        return;
    for (size_t i = 0; i < f->terms.count; i++) {
        mem_free(f->terms.items[i].path);
        mem_free(f->terms.items[i].value);
    }
    vec_release(&f->terms);
    mem_free(f);
}

static bool term_matches(const struct selector_term *t, struct value object)
{
    struct str wanted = {t->value, t->value_size};
    struct value v = value_path(object, t->atoms, t->depth);
    if (!value_is_present(v) && strcmp(t->path, "source") == 0)
        v = value_get(object, ATOM_reportingComponent);
    struct str found = value_str(v);
    if (value_kind(v) == VALUE_BOOL)
        found = value_as_bool(v) ? S("true") : S("false");
    else if (!value_is_present(v) && (strcmp(t->path, "spec.hostNetwork") == 0 ||
                                      strcmp(t->path, "spec.unschedulable") == 0))
        found = S("false");
    char number[24];
    if (value_kind(v) == VALUE_INTEGER) {
        AUTO(text) struct text digits = {0};
        text_add_int(&digits, value_as_integer(v, 0));
        memcpy(number, digits.bytes, digits.size);
        found = (struct str){number, digits.size};
    }
    return str_equal(found, wanted) != t->is_not;
}

bool field_selector_matches(const struct field_selector *f, struct value object)
{
    for (size_t i = 0; i < f->terms.count; i++)
        if (!term_matches(&f->terms.items[i], object))
            return false;
    return true;
}

bool field_selector_requires(const struct field_selector *f, const char *path,
                             struct str *ret_value)
{
    for (size_t i = 0; f && i < f->terms.count; i++) {
        const struct selector_term *t = &f->terms.items[i];
        if (!t->is_not && strcmp(t->path, path) == 0) {
            *ret_value = (struct str){t->value, t->value_size};
            return true;
        }
    }
    return false;
}

/* ---- helpers ---- */

static bool term_make(const struct resource *r, const struct field_term *term,
                      struct selector_term *ret_term, struct value *ret_status)
{
    struct str path = value_str(term->path), value = value_str(term->value);
    if (!path_is_known(r, path)) {
        *ret_status = path_unknown(r, path);
        return false;
    }
    ret_term->is_not = term->is_not;
    ret_term->path = mem_copy_string(path);
    ret_term->value = mem_copy_string(value);
    ret_term->value_size = value.size;
    struct str tail;
    struct str head = str_cut(path, '.', &tail), rest = path;
    if (str_equal(path, S("source")))
        rest = S("source.component");
    else if (str_equal(r->group, S("events.k8s.io")) && str_equal(path, S("reportingController")))
        rest = S("reportingComponent");
    else if (str_equal(r->group, S("events.k8s.io")) && str_equal(head, S("regarding"))) {
        ret_term->atoms[ret_term->depth++] = ATOM_involvedObject;
        rest = tail;
    }
    while (rest.size > 0 && ret_term->depth < PATH_DEPTH_MAX)
        ret_term->atoms[ret_term->depth++] = atom_of(str_cut(rest, '.', &rest));
    return true;
}

static bool path_is_known(const struct resource *r, struct str path)
{
    struct str rest = str_from(r->field_selectors ? r->field_selectors : "");
    while (rest.size > 0)
        if (str_equal(str_cut(rest, ',', &rest), path))
            return true;
    return str_equal(path, S("metadata.name")) ||
           (r->is_namespaced && str_equal(path, S("metadata.namespace")));
}

/* Kinds with a conversion function of their own word it differently from all others. */
static struct value path_unknown(const struct resource *r, struct str path)
{
    static const char *const plain[] = {
        "pods", "nodes", "namespaces", "events", "secrets", "replicationcontrollers", "services"};
    AUTO(text) struct text m = {0};
    bool is_plain = resource_is_custom(r);
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        is_plain |= str_equal(r->plural, str_from(plain[i]));
    if (str_equal(r->plural, S("jobs")))
        text_printf(&m, "field label \"%.*s\" not supported for Job", STR_ARG(path));
    else if (is_plain)
        text_printf(&m, "field label not supported: %.*s", STR_ARG(path));
    else
        text_printf(&m,
                    "\"%.*s\" is not a known field selector: only \"metadata.name\", "
                    "\"metadata.namespace\"",
                    STR_ARG(path));
    return status_bad_request(text_str(&m));
}
