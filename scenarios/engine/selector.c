/* SPDX-License-Identifier: Apache-2.0
 *
 * Label selectors as text, as kubectl's -l takes them: equality-based (`a=b`, `a==b`, `a!=b`) and set-based
 * (`a in (b, c)`, `a notin (b)`, `a`, `!a`), joined by commas, all of which must hold.
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/labels/
 */
#include "sim/base/base.h"

#include "scenarios/engine/match.h"

#include "sim/base/mem.h"

#define REQUIREMENTS_MAX 64

static bool parse_requirement(struct str text, struct label_requirement *r);
static bool parse_set(struct str text, struct label_requirement *r);
static bool add_value(struct label_requirement *r, struct str v);
static bool is_label_text(struct str s, bool is_key);
static void requirement_release(struct label_requirement *r);

/* The next requirement: up to a comma outside parentheses. */
static struct str cut_requirement(struct str *text)
{
    int depth = 0;
    for (size_t i = 0; i < text->size; i++) {
        char b = text->bytes[i];
        depth += (b == '(') - (b == ')');
        if (b == ',' && depth == 0) {
            struct str head = str_slice(*text, 0, i);
            *text = str_slice(*text, i + 1, text->size);
            return head;
        }
    }
    struct str head = *text;
    *text = (struct str){"", 0};
    return head;
}

bool selector_parse(struct str text, struct label_selector *ret_selector, struct text *ret_why)
{
    struct label_selector s = {0};
    struct str rest = text;
    while (str_trim(rest).size) {
        struct label_requirement r = {0};
        struct str part = str_trim(cut_requirement(&rest));
        if (s.count == REQUIREMENTS_MAX || !parse_requirement(part, &r)) {
            requirement_release(&r);
            selector_release(&s);
            if (ret_why)
                text_printf(ret_why, "expected a label selector such as app=web,tier!=db,env in (a, b), found \"%.*s\"",
                            STR_ARG(text));
            return false;
        }
        s.items = mem_resize(s.items, struct label_requirement, s.count, s.count + 1);
        s.items[s.count++] = r;
    }
    *ret_selector = s;
    return true;
}

bool selector_check(struct str text, struct text *ret_why)
{
    struct label_selector s = {0};
    bool is_good = selector_parse(text, &s, ret_why);
    selector_release(&s);
    return is_good;
}

void selector_release(struct label_selector *s)
{
    for (size_t i = 0; i < s->count; i++)
        requirement_release(&s->items[i]);
    mem_free(s->items);
    *s = (struct label_selector){0};
}

bool selector_selects(const struct label_selector *s, struct value labels)
{
    for (size_t i = 0; i < s->count; i++) {
        const struct label_requirement *r = &s->items[i];
        struct value v = value_get_key(labels, str_from(r->key));
        bool is_there = value_is_present(v), is_in = false;
        for (size_t j = 0; j < r->value_count && is_there; j++)
            is_in |= value_is(v, r->values[j]);
        bool holds = false;
        switch (r->operator) {
        case LABEL_IN:
            holds = is_in;
            break;
        case LABEL_NOT_IN: /* also true of an object without the key */
            holds = !is_in;
            break;
        case LABEL_EXISTS:
            holds = is_there;
            break;
        case LABEL_NOT_EXISTS:
            holds = !is_there;
            break;
        }
        if (!holds)
            return false;
    }
    return true;
}

static bool parse_requirement(struct str text, struct label_requirement *r)
{
    size_t equals = str_find(text, '=');
    if (str_find(text, '(') < text.size)
        return parse_set(text, r);
    if (equals < text.size) {
        bool is_not = equals > 0 && text.bytes[equals - 1] == '!';
        struct str key = str_trim(str_slice(text, 0, is_not ? equals - 1 : equals));
        bool is_double = equals + 1 < text.size && text.bytes[equals + 1] == '=';
        struct str v = str_trim(str_slice(text, equals + (is_double ? 2 : 1), text.size));
        if (!is_label_text(key, true))
            return false;
        r->operator = is_not ? LABEL_NOT_IN : LABEL_IN;
        r->key = mem_copy_string(key);
        return add_value(r, v);
    }
    bool is_absent = text.size && text.bytes[0] == '!';
    struct str key = str_trim(str_slice(text, is_absent ? 1 : 0, text.size));
    if (!is_label_text(key, true))
        return false;
    r->operator = is_absent ? LABEL_NOT_EXISTS : LABEL_EXISTS;
    r->key = mem_copy_string(key);
    return true;
}

static bool parse_set(struct str text, struct label_requirement *r)
{
    struct str rest, list;
    struct str head = str_trim(str_cut(text, '(', &rest));
    if (!str_ends_with(str_trim(rest), S(")")))
        return false;
    list = str_trim(rest);
    list = str_slice(list, 0, list.size - 1);
    struct str word;
    struct str key = str_cut(head, ' ', &word);
    word = str_trim(word);
    if (!is_label_text(key, true) || (!str_equal(word, S("in")) && !str_equal(word, S("notin"))))
        return false;
    r->operator = word.size == 2 ? LABEL_IN : LABEL_NOT_IN;
    r->key = mem_copy_string(key);
    while (list.size) {
        struct str v = str_trim(str_cut(list, ',', &list));
        if (!add_value(r, v))
            return false;
    }
    return r->value_count > 0;
}

static bool add_value(struct label_requirement *r, struct str v)
{
    if (!is_label_text(v, false))
        return false;
    r->values = mem_resize(r->values, char *, r->value_count, r->value_count + 1);
    r->values[r->value_count++] = mem_copy_string(v);
    return true;
}

static bool is_label_text(struct str s, bool is_key)
{
    if (s.size == 0)
        return !is_key;
    for (size_t i = 0; i < s.size; i++) {
        char b = s.bytes[i];
        bool is_good = (b >= 'a' && b <= 'z') || (b >= 'A' && b <= 'Z') || (b >= '0' && b <= '9') || b == '-' ||
                       b == '_' || b == '.' || (is_key && b == '/');
        if (!is_good)
            return false;
    }
    return true;
}

static void requirement_release(struct label_requirement *r)
{
    for (size_t i = 0; i < r->value_count; i++)
        mem_free(r->values[i]);
    mem_free(r->values);
    mem_free(r->key);
}
