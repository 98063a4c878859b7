/* SPDX-License-Identifier: Apache-2.0
 *
 * Field selectors: "metadata.name=web,spec.nodeName!=node-1" (also ==, and \\ before a comma, an
 * equal sign or a backslash).
 *
 * Which paths a kind knows is in its resource row; each is looked up in the object by its path, but
 * for a few whose text is made from something else: a pod's hostNetwork reads "true" or "false",
 * the source of an event is source.component.
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/ and
 * apimachinery/pkg/fields.
 */
#include "cluster/apiserver/machinery.h"

#include "cluster/api/object.h"
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

static bool term_parse(const struct resource *r, struct str text, struct selector_term *ret_term,
                       struct value *ret_status);
static bool path_is_known(const struct resource *r, struct str path);
static struct value path_unknown(const struct resource *r, struct str path);

struct field_selector *field_selector_new(const struct resource *r, struct str text,
                                          struct value *ret_status)
{
    struct field_selector *f = mem_new(struct field_selector);
    size_t start = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.bytes[i] == '\\') {
            i++;
            continue;
        }
        if (i < text.size && text.bytes[i] != ',')
            continue;
        struct str part = str_slice(text, start, i);
        start = i + 1;
        if (part.size == 0)
            continue;
        struct selector_term t = {0};
        if (!term_parse(r, part, &t, ret_status)) {
            field_selector_free(f);
            return NULL;
        }
        vec_push(&f->terms, t);
    }
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

bool field_selector_is_only(const struct field_selector *f, const char *path)
{
    struct str value;
    return f && f->terms.count == 1 && field_selector_requires(f, path, &value);
}

/* ---- helpers ---- */

static bool term_parse(const struct resource *r, struct str text, struct selector_term *ret_term,
                       struct value *ret_status)
{
    size_t at = str_find(text, '=');
    if (at == text.size) {
        AUTO(text) struct text m = {0};
        text_printf(&m, "invalid selector: '%.*s'; can't understand '%.*s'", STR_ARG(text),
                    STR_ARG(text));
        *ret_status = status_bad_request(text_str(&m));
        return false;
    }
    struct str path = str_slice(text, 0, at), value = str_slice(text, at + 1, text.size);
    if (path.size > 0 && path.bytes[path.size - 1] == '!') {
        ret_term->is_not = true;
        path.size--;
    } else if (value.size > 0 && value.bytes[0] == '=') {
        value = str_slice(value, 1, value.size);
    }
    if (!path_is_known(r, path)) {
        *ret_status = path_unknown(r, path);
        return false;
    }
    AUTO(text) struct text plain = {0};
    for (size_t i = 0; i < value.size; i++) {
        if (value.bytes[i] == '\\' && i + 1 < value.size)
            i++;
        text_add_byte(&plain, value.bytes[i]);
    }
    ret_term->path = mem_copy_string(path);
    ret_term->value = mem_copy_string(text_str(&plain));
    ret_term->value_size = plain.size;
    struct str rest = str_equal(path, S("source")) ? S("source.component") : path;
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
    bool is_plain = false;
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
