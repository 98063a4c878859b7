/* SPDX-License-Identifier: Apache-2.0
 *
 * What becomes of a word before its command runs: parameters, $(...) that has been captured,
 * arithmetic, then field splitting.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

static void parameter_text(struct shell *s, struct str name, struct text *out, bool *ret_set)
{
    int64_t number = 0;
    *ret_set = true;
    if (str_equal(name, S("?"))) {
        text_add_int(out, s->status);
    } else if (str_equal(name, S("#"))) {
        text_add_int(out, s->parameters.count > 0 ? (int64_t)s->parameters.count - 1 : 0);
    } else if (str_equal(name, S("$"))) {
        text_add(out, S("1"));
    } else if (str_equal(name, S("!"))) {
        text_add_int(out, 6 + (int64_t)s->children.count);
    } else if (str_equal(name, S("@")) || str_equal(name, S("*"))) {
        for (size_t i = 1; i < s->parameters.count; i++)
            text_printf(out, "%s%s", i > 1 ? " " : "", s->parameters.items[i]);
    } else if (str_to_int64(name, &number)) {
        *ret_set = (size_t)number < s->parameters.count;
        if (*ret_set)
            text_add(out, str_from(s->parameters.items[number]));
        else if (number == 0)
            text_add(out, S("sh"));
    } else {
        const char *value = shell_get(s, name);
        *ret_set = value != NULL;
        if (value)
            text_add(out, str_from(value));
    }
}

/* A fallback may name a variable itself: ${A:-$B}. */
static void fallback_text(struct shell *s, struct str fallback, struct text *out)
{
    bool set = false;
    if (str_starts_with(fallback, S("$")))
        parameter_text(s, str_slice(fallback, 1, fallback.size), out, &set);
    else
        text_add(out, fallback);
}

static void part_text(struct shell *s, const struct shell_part *p, struct text *out)
{
    AUTO(text) struct text value = {0};
    bool set = false, ok = false;
    switch (p->kind) {
    case PART_TEXT:
        text_add(out, text_str(&p->text));
        break;
    case PART_VARIABLE:
        parameter_text(s, text_str(&p->text), out, &set);
        break;
    case PART_DEFAULT:
    case PART_ALTERNATIVE:
        parameter_text(s, text_str(&p->text), &value, &set);
        set = set && value.size > 0;
        if (set == (p->kind == PART_ALTERNATIVE))
            fallback_text(s, text_str(&p->fallback), out);
        else if (set)
            text_add(out, text_str(&value));
        break;
    case PART_LENGTH:
        parameter_text(s, text_str(&p->text), &value, &set);
        text_add_int(out, (int64_t)value.size);
        break;
    case PART_ARITHMETIC:
        text_add_int(out, shell_arithmetic(s, text_str(&p->text), &ok));
        break;
    case PART_CAPTURE:
        if (p->slot < s->slots.count)
            text_add(out, text_str(&s->slots.items[p->slot]));
        break;
    }
}

void shell_word_text(struct shell *s, const struct shell_word *w, struct text *out)
{
    for (size_t i = 0; i < w->parts.count; i++)
        part_text(s, &w->parts.items[i], out);
}

/* Field splitting: unquoted expansions break at blanks; {1..5} is no part of POSIX and stays. */
void shell_expand_word(struct shell *s, const struct shell_word *w, struct shell_words *out)
{
    AUTO(text) struct text field = {0};
    bool open = w->is_quoted;
    for (size_t i = 0; i < w->parts.count; i++) {
        const struct shell_part *p = &w->parts.items[i];
        AUTO(text) struct text value = {0};
        part_text(s, p, &value);
        if (p->is_quoted || p->kind == PART_TEXT) {
            text_add(&field, text_str(&value));
            open = open || value.size > 0;
            continue;
        }
        for (size_t k = 0; k < value.size; k++) {
            char c = value.bytes[k];
            if (c != ' ' && c != '\n' && c != '\t') {
                text_add_byte(&field, c);
                open = true;
            } else if (open) {
                vec_push(&out->items, mem_copy_string(text_str(&field)));
                text_clear(&field);
                open = false;
            }
        }
    }
    if (open)
        vec_push(&out->items, mem_copy_string(text_str(&field)));
}

/* NAME=value in front of a command. */
bool shell_assignment_name(const struct shell_word *w, struct str *ret_name)
{
    if (w->parts.count == 0 || w->parts.items[0].kind != PART_TEXT || w->parts.items[0].is_quoted)
        return false;
    struct str text = text_str(&w->parts.items[0].text);
    size_t equal = str_find(text, '=');
    if (equal == text.size || equal == 0)
        return false;
    for (size_t i = 0; i < equal; i++) {
        char c = text.bytes[i];
        bool ok = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                  (i > 0 && c >= '0' && c <= '9');
        if (!ok)
            return false;
    }
    *ret_name = str_slice(text, 0, equal);
    return true;
}
