/* SPDX-License-Identifier: Apache-2.0
 *
 * Columns of custom kinds [doc:custom-resource-definitions#additional-printer-columns].
 *
 * A cell is the first value that the column's path finds, by the column's type: a value of another
 * type, and no value, give null; a string column shows what is there as text, lists and maps as
 * JSON; a date is shown as the time since.
 *
 * JSONPath, as far as columns use it: .name, ['name'], [index], [*], [from:to], and filters
 * [?(@.path == "text")] with ==, !=, <, <=, >, >= and bare existence. A backslash keeps a dot
 * within a name.
 *
 * Upstream: apiextensions-apiserver/pkg/registry/customresource/tableconvertor, client-go's
 * util/jsonpath.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/columns.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"

#define PATH_DEPTH_MAX 64

static struct value find(struct str path, struct value v, int depth);

/* ---- paths ---- */

/* A name up to the next '.' or '[', with its escapes resolved into `out`; returns what follows. */
static struct str name_cut(struct str path, struct text *out)
{
    size_t i = 0;
    for (; i < path.size && path.bytes[i] != '.' && path.bytes[i] != '['; i++) {
        if (path.bytes[i] == '\\' && i + 1 < path.size)
            i++;
        text_add_byte(out, path.bytes[i]);
    }
    return str_slice(path, i, path.size);
}

static struct value find_in_all(struct str rest, struct value v, int depth)
{
    bool is_object = value_kind(v) == VALUE_OBJECT;
    for (size_t i = 0; i < value_count(v); i++) {
        struct value part = is_object ? value_member_at(v, i) : value_at(v, i);
        struct value found = find(rest, part, depth);
        if (value_is_present(found))
            return found;
    }
    return VALUE_ABSENT;
}

/* Where the bracket that opens at 0 closes: texts in quotes are skipped. */
static size_t bracket_end(struct str s)
{
    int depth = 0;
    char quote = 0;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (quote) {
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '[') {
            depth++;
        } else if (c == ']' && --depth == 0) {
            return i;
        }
    }
    return s.size;
}

enum compare {
    COMPARE_EXISTS,
    COMPARE_EQ,
    COMPARE_NE,
    COMPARE_LE,
    COMPARE_GE,
    COMPARE_LT,
    COMPARE_GT
};

/* The operator of a filter, outside of quotes; its sides. */
static enum compare filter_split(struct str s, struct str *left, struct str *right)
{
    static const struct {
        const char *text;
        enum compare compare;
    } operators[] = {{"==", COMPARE_EQ}, {"!=", COMPARE_NE}, {"<=", COMPARE_LE},
                     {">=", COMPARE_GE}, {"<", COMPARE_LT},  {">", COMPARE_GT}};
    char quote = 0;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (quote || c == '"' || c == '\'') {
            quote = !quote ? c : c == quote ? 0 : quote;
            continue;
        }
        for (size_t k = 0; k < ARRAY_COUNT(operators); k++) {
            struct str op = str_from(operators[k].text);
            if (!str_starts_with(str_slice(s, i, s.size), op))
                continue;
            *left = str_trim(str_slice(s, 0, i));
            *right = str_trim(str_slice(s, i + op.size, s.size));
            return operators[k].compare;
        }
    }
    *left = str_trim(s);
    return COMPARE_EXISTS;
}

/* A side of a filter: a path from the item, or a literal. Owned. */
static struct value operand(struct str s, struct value item, int depth)
{
    int64_t number;
    if (str_starts_with(s, S("@")))
        return value_keep(find(str_slice(s, 1, s.size), item, depth));
    if (s.size >= 2 && (s.bytes[0] == '"' || s.bytes[0] == '\''))
        return value_string(str_slice(s, 1, s.size - 1));
    if (str_equal(s, S("true")) || str_equal(s, S("false")))
        return value_bool(s.bytes[0] == 't');
    return str_to_int64(s, &number) ? value_integer(number) : value_string(s);
}

static bool filter_holds(struct str filter, struct value item, int depth)
{
    struct str left = S(""), right = S("");
    enum compare compare = filter_split(filter, &left, &right);
    AUTO(value) struct value a = operand(left, item, depth);
    if (compare == COMPARE_EXISTS || !value_is_present(a))
        return value_is_present(a);
    AUTO(value) struct value b = operand(right, item, depth);
    if (value_kind(a) != value_kind(b))
        return compare == COMPARE_NE;
    int order = value_compare(a, b);
    switch (compare) {
    case COMPARE_EQ:
        return order == 0;
    case COMPARE_NE:
        return order != 0;
    case COMPARE_LE:
        return order <= 0;
    case COMPARE_GE:
        return order >= 0;
    case COMPARE_LT:
        return order < 0;
    case COMPARE_GT:
        return order > 0;
    case COMPARE_EXISTS:
        break;
    }
    return true;
}

static struct value find_filtered(struct str filter, struct str rest, struct value v, int depth)
{
    for (size_t i = 0; value_kind(v) == VALUE_ARRAY && i < value_count(v); i++) {
        if (!filter_holds(filter, value_at(v, i), depth))
            continue;
        struct value found = find(rest, value_at(v, i), depth);
        if (value_is_present(found))
            return found;
    }
    return VALUE_ABSENT;
}

static struct value find_indexed(struct str inside, struct str rest, struct value v, int depth)
{
    struct str to, from = str_cut(inside, ':', &to);
    int64_t count = (int64_t)value_count(v), first = 0, end = count;
    bool is_slice = from.size < inside.size;
    if (value_kind(v) != VALUE_ARRAY || (from.size > 0 && !str_to_int64(from, &first)) ||
        (to.size > 0 && !str_to_int64(to, &end)))
        return VALUE_ABSENT;
    first = first < 0 ? first + count : first;
    end = !is_slice ? first + 1 : end < 0 ? end + count : end;
    for (int64_t i = first < 0 ? 0 : first; i < end && i < count; i++) {
        struct value found = find(rest, value_at(v, (size_t)i), depth);
        if (value_is_present(found))
            return found;
    }
    return VALUE_ABSENT;
}

static struct value find_bracketed(struct str path, struct value v, int depth)
{
    size_t end = bracket_end(path);
    if (end == path.size)
        return VALUE_ABSENT;
    struct str inside = str_trim(str_slice(path, 1, end));
    struct str rest = str_slice(path, end + 1, path.size);
    if (str_equal(inside, S("*")))
        return find_in_all(rest, v, depth);
    if (str_starts_with(inside, S("?(")) && str_ends_with(inside, S(")")))
        return find_filtered(str_slice(inside, 2, inside.size - 1), rest, v, depth);
    if (inside.size >= 2 && (inside.bytes[0] == '\'' || inside.bytes[0] == '"'))
        return find(rest, value_get_key(v, str_slice(inside, 1, inside.size - 1)), depth);
    return find_indexed(inside, rest, v, depth);
}

static struct value find(struct str path, struct value v, int depth)
{
    if (!value_is_present(v) || depth > PATH_DEPTH_MAX)
        return VALUE_ABSENT;
    if (path.size == 0)
        return v;
    if (path.bytes[0] == '[')
        return find_bracketed(path, v, depth + 1);
    if (path.bytes[0] != '.')
        return VALUE_ABSENT;
    AUTO(text) struct text name = {0};
    struct str rest = name_cut(str_slice(path, 1, path.size), &name);
    if (name.size == 0)
        return find(rest, v, depth + 1); /* ".[0]" */
    if (str_equal(text_str(&name), S("*")))
        return find_in_all(rest, v, depth + 1);
    return find(rest, value_get_key(v, text_str(&name)), depth + 1);
}

struct value json_path_first(struct str path, struct value object)
{
    return find(path, object, 0);
}

/* ---- cells ---- */

static void raw(struct cells *c, struct str json)
{
    if (c->count++ > 0)
        text_add_byte(c->out, ',');
    text_add(c->out, json);
}

static void cell_string(struct cells *c, struct value v)
{
    AUTO(text) struct text t = {0};
    if (value_kind(v) == VALUE_STRING)
        text_add(&t, value_str(v));
    else
        json_write(v, &t);
    cell_text(c, text_str(&t));
}

static void cell_number(struct cells *c, struct value v, bool is_whole)
{
    AUTO(text) struct text t = {0};
    if (is_whole && value_kind(v) == VALUE_DOUBLE)
        text_add_int(&t, (int64_t)value_as_double(v, 0));
    else
        json_write(v, &t);
    raw(c, text_str(&t));
}

static void cell_date(struct cells *c, struct value v)
{
    struct wall_time unused;
    if (value_is(v, "") || value_is(v, "null"))
        cell_text(c, S("<unknown>"));
    else if (time_parse(v, &unused))
        cell_age(c, v);
    else
        cell_text(c, S("<invalid>"));
}

static void cell_print(struct cells *c, struct str type, struct value v)
{
    enum value_kind kind = value_kind(v);
    bool is_number = kind == VALUE_INTEGER || kind == VALUE_DOUBLE;
    if (kind == VALUE_NULL && str_equal(type, S("string")))
        cell_text(c, S("<no value>")); /* as Go prints nothing */
    else if (kind == VALUE_NONE || kind == VALUE_NULL)
        raw(c, S("null"));
    else if (str_equal(type, S("string")))
        cell_string(c, v);
    else if (str_equal(type, S("integer")) && is_number)
        cell_number(c, v, true);
    else if (str_equal(type, S("number")) && is_number)
        cell_number(c, v, false);
    else if (str_equal(type, S("boolean")) && kind == VALUE_BOOL)
        cell_bool(c, value_as_bool(v));
    else if (str_equal(type, S("date")) && kind == VALUE_STRING)
        cell_date(c, v);
    else
        raw(c, S("null"));
}

void custom_cells_print(const struct custom_kind *k, struct value object, struct cells *c)
{
    c->count = 0;
    cell_name(c, object);
    for (size_t i = 0; i < k->column_count; i++)
        cell_print(c, k->columns[i].type, json_path_first(k->columns[i].path, object));
}

static void column_write(const struct custom_column *c, struct str description, struct text *out)
{
    text_add(out, S("{\"name\":"));
    json_write_string(c->name, out);
    text_add(out, S(",\"type\":"));
    json_write_string(c->type, out);
    text_add(out, S(",\"format\":"));
    json_write_string(c->format, out);
    text_add(out, S(",\"description\":"));
    json_write_string(description, out);
    text_printf(out, ",\"priority\":%d}", c->priority);
}

void custom_columns_write(const struct custom_kind *k, struct text *out)
{
    const struct custom_column name = {.name = S("Name"), .type = S("string"), .format = S("name")};
    column_write(&name, S("Name"), out);
    for (size_t i = 0; i < k->column_count; i++) {
        const struct custom_column *c = &k->columns[i];
        AUTO(text) struct text description = {0};
        if (c->description.size > 0)
            text_add(&description, c->description);
        else
            text_printf(&description,
                        "Custom resource definition column (in JSONPath format): %.*s",
                        STR_ARG(c->path));
        text_add_byte(out, ',');
        column_write(c, text_str(&description), out);
    }
}
