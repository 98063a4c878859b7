/* SPDX-License-Identifier: Apache-2.0
 *
 * Where a field stands in a JSON text: Go's strict decoder tells of fields in the order in which it
 * comes across them, which a parsed value has lost. The text has been parsed before, so it is known
 * to be JSON, no deeper than a document may be.
 */
#include "sim/base/base.h"

#include "cluster/api/json.h"

struct finder {
    struct str json;
    size_t at;
    struct str wanted;
    unsigned left; /* appearances until it is the one */
    size_t found;
};

static void walk(struct finder *f, struct text *path);

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(struct finder *f)
{
    while (f->at < f->json.size && is_blank(f->json.bytes[f->at]))
        f->at++;
    return f->at < f->json.size ? f->json.bytes[f->at] : 0;
}

/* The text between the quotes, as it is written. */
static struct str take_string(struct finder *f)
{
    size_t first = ++f->at;
    while (f->at < f->json.size && f->json.bytes[f->at] != '"')
        f->at += f->json.bytes[f->at] == '\\' ? 2 : 1;
    struct str s = str_slice(f->json, first, f->at);
    f->at++;
    return s;
}

static void walk_object(struct finder *f, struct text *path)
{
    size_t size = path->size;
    f->at++;
    while (f->left > 0 && peek(f) == '"') {
        size_t place = f->at;
        struct str key = take_string(f);
        if (size > 0)
            text_add_byte(path, '.');
        text_add(path, key);
        if (str_equal(text_str(path), f->wanted) && --f->left == 0)
            f->found = place;
        (void)peek(f);
        f->at++; /* the colon */
        walk(f, path);
        path->size = size;
        if (peek(f) == ',')
            f->at++;
    }
    f->at++;
}

static void walk_array(struct finder *f, struct text *path)
{
    size_t size = path->size;
    f->at++;
    for (size_t i = 0; f->left > 0 && peek(f) != ']' && peek(f) != 0; i++) {
        text_printf(path, "[%zu]", i);
        walk(f, path);
        path->size = size;
        if (peek(f) == ',')
            f->at++;
    }
    f->at++;
}

static void walk(struct finder *f, struct text *path)
{
    char c = peek(f);
    if (f->left == 0)
        return;
    if (c == '{') {
        walk_object(f, path);
    } else if (c == '[') {
        walk_array(f, path);
    } else if (c == '"') {
        (void)take_string(f);
    } else {
        while (f->at < f->json.size && !strchr(",]} \t\r\n", f->json.bytes[f->at]))
            f->at++;
    }
}

size_t json_place(struct str json, struct str path, unsigned nth)
{
    struct finder f = {.json = json, .wanted = path, .left = nth, .found = json.size};
    AUTO(text) struct text here = {0};
    walk(&f, &here);
    return f.found;
}
