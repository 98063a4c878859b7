/* SPDX-License-Identifier: Apache-2.0
 *
 * Changing the text of a kubeconfig in block style, line by line: what kubectl, kind and people
 * write. A section is a key of the top and the lines below it up to the next such key; an item of a
 * list is its line with the dash and the lines up to the next dash. Comments and blank lines at the
 * end of a section or an item belong to what follows.
 *
 * Where things stand is asked of the YAML reader; what is not laid out like this is left to the
 * caller, who also compares what the result says with what it should.
 */
#include "sim/base/base.h"

#include "tui/kubeconfig.h"

#include "cluster/api/object.h"
#include "cluster/api/yaml.h"

struct lines {
    struct str text;
    struct yaml_stream stream;
    const struct yaml_document *document; /* NULL: there is none */
};

/* Where line n (from 1) begins; the end of the text beyond the last. */
static size_t line_offset(struct str text, size_t n)
{
    size_t at = 0;
    for (; n > 1 && at < text.size; n--) {
        size_t end = at + str_find(str_slice(text, at, text.size), '\n');
        at = end < text.size ? end + 1 : end;
    }
    return at;
}

/* Line n without its end; false beyond the last. */
static bool line_at(struct str text, size_t n, struct str *ret_line)
{
    struct str rest = str_slice(text, line_offset(text, n), text.size);
    *ret_line = str_slice(rest, 0, str_find(rest, '\n'));
    return rest.size > 0;
}

static size_t line_count(struct str text)
{
    size_t count = text.size > 0 && text.bytes[text.size - 1] != '\n';
    for (size_t i = 0; i < text.size; i++)
        count += text.bytes[i] == '\n';
    return count;
}

/* Lines [from, to), each with an end. */
static void add_lines(struct str text, size_t from, size_t to, struct text *out)
{
    struct str lines = str_slice(text, line_offset(text, from), line_offset(text, to));
    text_add(out, lines);
    if (lines.size > 0 && lines.bytes[lines.size - 1] != '\n')
        text_add_byte(out, '\n');
}

static bool lines_open(struct lines *l, struct str text)
{
    struct errmsg message;
    *l = (struct lines){.text = text};
    if (yaml_parse(text, NULL, &l->stream, &message) || l->stream.count > 1)
        return false;
    l->document = l->stream.count ? &l->stream.items[0] : NULL;
    return true;
}

static bool place(const struct lines *l, struct str path, size_t *ret_line, size_t *ret_column)
{
    return l->document && yaml_place(l->document, path, ret_line, ret_column);
}

/* Without comments, blank lines and document marks at the end. */
static size_t trimmed(struct str text, size_t from, size_t to)
{
    struct str line;
    while (to > from + 1 && line_at(text, to - 1, &line)) {
        struct str t = str_trim(line);
        if (t.size > 0 && t.bytes[0] != '#' && !str_equal(t, S("...")))
            break;
        to--;
    }
    return to;
}

/* The lines [from, to) of a key of the top. */
static bool section(const struct lines *l, const char *key, size_t *ret_from, size_t *ret_to)
{
    size_t column, line, other;
    if (!place(l, str_from(key), &line, &column) || column != 1)
        return false;
    size_t to = line_count(l->text) + 1;
    struct value root = l->document->value;
    for (size_t i = 0; i < value_count(root); i++) {
        AUTO(text) struct text path = {0};
        text_printf(&path, "%.*s", STR_ARG(value_key_at(root, i)));
        if (place(l, text_str(&path), &other, &column) && other > line && other < to)
            to = other;
    }
    *ret_from = line;
    *ret_to = trimmed(l->text, line, to);
    return true;
}

/* The column of the dash of an item; false: it has none at the begin of its line. */
static bool item_place(const struct lines *l, const char *list, size_t index, size_t *ret_line,
                       size_t *ret_dash)
{
    AUTO(text) struct text path = {0};
    struct str line;
    size_t column;
    text_printf(&path, "%s[%zu]", list, index);
    if (!place(l, text_str(&path), ret_line, &column) || !line_at(l->text, *ret_line, &line))
        return false;
    size_t dash = 0;
    while (dash < line.size && line.bytes[dash] == ' ')
        dash++;
    *ret_dash = dash + 1;
    return dash < line.size && line.bytes[dash] == '-' && dash + 1 < column;
}

/* "- cluster: ..." with the dash in a column. */
static void item_write(struct value item, size_t dash, struct text *out)
{
    AUTO(text) struct text yaml = {0};
    yaml_write(item, &yaml);
    struct str rest = text_str(&yaml);
    bool is_first = true;
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        for (size_t i = 1; i < dash; i++)
            text_add_byte(out, ' ');
        text_add(out, is_first ? S("- ") : S("  "));
        text_add(out, line);
        text_add_byte(out, '\n');
        is_first = false;
    }
}

/* The lines that the item replaces: those of the item of its name, or none behind the last one. */
static bool find_item(const struct lines *l, const char *list, struct value item, size_t to,
                      size_t *ret_from, size_t *ret_to, size_t *ret_dash)
{
    struct value items = value_get_key(l->document->value, str_from(list));
    size_t count = value_count(items), dash;
    for (size_t i = 0; i < count; i++) {
        size_t next = to;
        if (!item_place(l, list, i, ret_from, ret_dash) ||
            (i + 1 < count && !item_place(l, list, i + 1, &next, &dash)))
            return false;
        *ret_to = trimmed(l->text, *ret_from, next);
        if (value_equal(VALUE_GET(value_at(items, i), name), VALUE_GET(item, name)))
            return true;
    }
    *ret_from = *ret_to; /* behind the last */
    return true;
}

static bool splice(const struct lines *l, const char *list, struct value item, struct text *out)
{
    size_t from, to, dash = 1, last = line_count(l->text) + 1;
    if (!section(l, list, &from, &to)) {
        if (l->document && value_is_present(value_get_key(l->document->value, str_from(list))))
            return false; /* it is there, in another style */
        add_lines(l->text, 1, last, out);
        text_printf(out, "%s:\n", list);
        item_write(item, 1, out);
        return true;
    }
    size_t list_to = to;
    if (value_count(value_get_key(l->document->value, str_from(list))) > 0) {
        if (!find_item(l, list, item, list_to, &from, &to, &dash))
            return false;
        add_lines(l->text, 1, from, out);
    } else { /* "users: []", "users: null" */
        add_lines(l->text, 1, from, out);
        text_printf(out, "%s:\n", list);
    }
    item_write(item, dash, out);
    add_lines(l->text, to, last, out);
    return true;
}

bool kubeconfig_splice(struct str old, const char *list, struct value item, struct text *out)
{
    struct lines l;
    bool is_done = lines_open(&l, old) && splice(&l, list, item, out);
    yaml_stream_release(&l.stream);
    return is_done;
}

bool kubeconfig_splice_key(struct str old, const char *key, struct str value, struct text *out)
{
    struct lines l;
    size_t from, to, last = line_count(old) + 1;
    bool is_done = lines_open(&l, old);
    if (is_done && section(&l, key, &from, &to)) {
        add_lines(old, 1, from, out);
        text_printf(out, "%s: %.*s\n", key, STR_ARG(value));
        add_lines(old, to, last, out);
    } else if (is_done && l.document &&
               value_is_present(value_get_key(l.document->value, str_from(key)))) {
        is_done = false;
    } else if (is_done) {
        add_lines(old, 1, last, out);
        text_printf(out, "%s: %.*s\n", key, STR_ARG(value));
    }
    yaml_stream_release(&l.stream);
    return is_done;
}
