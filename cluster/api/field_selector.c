/* SPDX-License-Identifier: Apache-2.0
 *
 * The text of field selectors: terms "path=value", "path==value", "path!=value", joined by commas;
 * in a value a comma, an equal sign and a backslash stand behind a backslash. Messages are those of
 * apimachinery/pkg/fields.
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/field-selectors/
 */
#include "sim/base/base.h"

#include "cluster/api/selector.h"

#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

void field_terms_release(struct field_terms *terms)
{
    for (size_t i = 0; i < terms->count; i++) {
        value_drop(terms->items[i].path);
        value_drop(terms->items[i].value);
    }
    vec_release(terms);
}

static enum err unescape(struct str s, struct text *out, struct text *why)
{
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (c == '\\') {
            char next = ++i < s.size ? s.bytes[i] : '\0';
            if (i >= s.size || (next != '\\' && next != ',' && next != '=')) {
                text_printf(why, "invalid field selector: invalid escape sequence: \\%.*s",
                            i < s.size, s.bytes + i);
                return ERR_SYNTAX;
            }
            c = next;
        } else if (c == ',' || c == '=') {
            text_printf(why, "invalid field selector: unescaped character in value: %d", c);
            return ERR_SYNTAX;
        }
        text_add_byte(out, c);
    }
    return ERR_OK;
}

static enum err add_term(struct str whole, struct str part, struct field_terms *terms,
                         struct text *why)
{
    size_t at = 0;
    while (at < part.size && part.bytes[at] != '=' &&
           !str_starts_with(str_slice(part, at, part.size), S("!=")))
        at++;
    if (at == part.size) {
        text_printf(why, "invalid selector: '%.*s'; can't understand '%.*s'", STR_ARG(whole),
                    STR_ARG(part));
        return ERR_SYNTAX;
    }
    bool is_not = part.bytes[at] == '!';
    bool is_double = is_not || str_starts_with(str_slice(part, at, part.size), S("=="));
    AUTO(text) struct text value = {0};
    enum err code = unescape(str_slice(part, at + (is_double ? 2 : 1), part.size), &value, why);
    if (code != ERR_OK)
        return code;
    vec_push(terms, (struct field_term){.path = value_string(str_slice(part, 0, at)),
                                        .value = value_string(text_str(&value)),
                                        .is_not = is_not});
    return ERR_OK;
}

static int by_text(const void *a, const void *b, void *context)
{
    (void)context;
    const struct str *x = a, *y = b;
    return str_compare(*x, *y);
}

enum err field_terms_parse(struct str text, struct field_terms *ret_terms, struct text *ret_why)
{
    AUTO(text) struct text unused = {0};
    VEC(struct str) parts = {0};
    size_t from = 0;
    for (size_t i = 0; i <= text.size; i++) {
        if (i < text.size && text.bytes[i] == '\\' && i + 1 < text.size) {
            i++;
        } else if (i == text.size || text.bytes[i] == ',') {
            if (i > from)
                vec_push(&parts, str_slice(text, from, i));
            from = i + 1;
        }
    }
    sort_stable(parts.items, parts.count, sizeof(parts.items[0]), by_text, NULL);
    struct field_terms terms = {0};
    enum err code = ERR_OK;
    for (size_t i = 0; i < parts.count && code == ERR_OK; i++)
        code = add_term(text, parts.items[i], &terms, ret_why ? ret_why : &unused);
    vec_release(&parts);
    if (code == ERR_OK)
        *ret_terms = terms;
    else
        field_terms_release(&terms);
    return code;
}
