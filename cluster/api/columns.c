/* SPDX-License-Identifier: Apache-2.0
 *
 * Finds the columns of a kind in the table that schema/generate.py writes: the rows of a kind stand
 * together.
 */
#include "sim/base/base.h"

#include "cluster/api/columns.h"

#define STR(literal)                                                                               \
    {                                                                                              \
        "" literal "", sizeof(literal) - 1                                                         \
    }

static const struct column columns[] = {
#define COLUMN(kind_, name_, type_, format_, priority_)                                            \
    {STR(kind_), STR(name_), STR(type_), STR(format_), (priority_)},
#include "cluster/api/schema/columns.def"
#undef COLUMN
};

/* What a table has when nobody said more. */
static const struct column plain[] = {
    {STR(""), STR("Name"), STR("string"), STR("name"), 0},
    {STR(""), STR("Created At"), STR("date"), STR(""), 0},
};

static const struct {
    struct str name, text;
} texts[] = {
#define COLUMN_TEXT(name_, text_) {STR(name_), STR(text_)},
#include "cluster/api/schema/column_texts.def"
#undef COLUMN_TEXT
};

/* DEVIATION: the descriptions of columns are short sentences of our own; those of a real server are
 * the ones of the fields, which are long. */
struct str column_description(const struct column *c)
{
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        if (str_equal(texts[i].name, c->name))
            return texts[i].text;
    }
    return c->name;
}

const struct column *columns_of(const struct resource *r, size_t *ret_count)
{
    size_t first = 0;
    while (first < ARRAY_COUNT(columns) && !str_equal(columns[first].kind, r->kind))
        first++;
    size_t end = first;
    while (end < ARRAY_COUNT(columns) && str_equal(columns[end].kind, r->kind))
        end++;
    *ret_count = end > first ? end - first : ARRAY_COUNT(plain);
    return end > first ? &columns[first] : plain;
}
