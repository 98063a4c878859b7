/* SPDX-License-Identifier: Apache-2.0
 *
 * The reader of YAML streams: the one file that knows libyaml's parser (yaml_write.c knows its
 * emitter). Values are built from the parser's events. An alias shares its anchor's value, so it
 * costs nothing here; what it would cost written out is counted and limited, since every reader
 * behind would pay.
 *
 * Merge keys (<<) give way to keys that the mapping has itself, and earlier ones of a list win.
 * Keys become strings as in JSON: 1 is "1", yes is "true".
 *
 * Places (line and column of each key and item) are kept beside the value for diagnostics.
 */
#include "sim/base/base.h"

#include "cluster/api/yaml.h"

#include <yaml.h>

#include "cluster/api/value_heap.h"
#include "cluster/api/yaml_scalar.h"
#include "sim/base/arena.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define NO_PARENT UINT32_MAX

struct place {       /* small: a file may have millions */
    uint32_t parent; /* of the same list */
    uint32_t index;  /* of an item of a sequence: its key has no bytes */
    uint32_t line, column;
    struct str key;
};
struct yaml_places {
    VEC(struct place) items; /* [0] is the document */
};
struct anchor {
    struct str name;
    struct value value; /* owned */
    size_t weight;
};
struct reader {
    yaml_parser_t parser;
    yaml_event_t event; /* the current one; valid while has_event */
    bool has_event;
    const struct yaml_limits *limits;
    size_t depth, depth_max;
    size_t weight; /* nodes of the document with aliases written out */
    VEC(struct anchor) anchors;
    struct arena names;
    struct yaml_places *places; /* of the current document */
    struct arena *keys;         /* the stream's */
    enum err code;
    struct errmsg *message;
};

static bool read_node(struct reader *r, size_t place, struct value *ret_value);

/* ---- failing ---- */

static bool fail_at(struct reader *r, yaml_mark_t mark, enum err code, const char *what)
{
    r->code = errmsg_set(r->message, code, "line %zu, column %zu: %s", mark.line + 1,
                         mark.column + 1, what);
    return false;
}

static bool fail(struct reader *r, enum err code, const char *what)
{
    return fail_at(r, r->event.start_mark, code, what);
}

static bool next(struct reader *r)
{
    if (r->has_event)
        yaml_event_delete(&r->event);
    r->has_event = yaml_parser_parse(&r->parser, &r->event) != 0;
    if (r->has_event)
        return true;
    const yaml_parser_t *p = &r->parser;
    yaml_mark_t mark = p->problem_mark;
    if (p->error == YAML_READER_ERROR) /* it knows the offset only */
        mark = p->mark;
    return fail_at(r, mark, p->error == YAML_MEMORY_ERROR ? ERR_LIMIT : ERR_SYNTAX,
                   p->problem ? p->problem : "out of memory");
}

/* ---- places ---- */

static size_t add_place(struct reader *r, size_t parent, struct place p)
{
    CHECK(r->places->items.count < NO_PARENT);
    p.parent = (uint32_t)parent;
    p.line = (uint32_t)r->event.start_mark.line + 1;
    p.column = (uint32_t)r->event.start_mark.column + 1;
    vec_push(&r->places->items, p);
    return r->places->items.count - 1;
}

static void place_path(const struct yaml_places *places, size_t place, struct text *out)
{
    const struct place *p = &places->items.items[place];
    if (p->parent == NO_PARENT)
        return;
    place_path(places, p->parent, out);
    if (!p->key.bytes) {
        text_printf(out, "[%" PRIu32 "]", p->index);
        return;
    }
    if (out->size)
        text_add_byte(out, '.');
    text_add(out, p->key);
}

/* The rest of the path behind this step, or false. */
static bool step_matches(const struct place *p, struct str path, struct str *ret_rest)
{
    char number[32];
    struct str step = p->key;
    if (!p->key.bytes) {
        int size = snprintf(number, sizeof(number), "[%" PRIu32 "]", p->index);
        step = (struct str){number, (size_t)size};
    } else if (path.size && path.bytes[0] == '.') {
        path = str_slice(path, 1, path.size);
    }
    if (!str_starts_with(path, step))
        return false;
    *ret_rest = str_slice(path, step.size, path.size);
    return ret_rest->size == 0 || ret_rest->bytes[0] == '.' || ret_rest->bytes[0] == '[';
}

/* Depth first, since keys may have dots in them. *deepest is the best so far. */
static bool find_place(const struct yaml_places *places, size_t at, struct str path,
                       size_t *deepest, size_t *rest_size)
{
    if (path.size < *rest_size) {
        *rest_size = path.size;
        *deepest = at;
    }
    if (path.size == 0)
        return true;
    for (size_t i = at + 1; i < places->items.count; i++) {
        struct str rest;
        const struct place *p = &places->items.items[i];
        if (p->parent == at && step_matches(p, path, &rest) &&
            find_place(places, i, rest, deepest, rest_size))
            return true;
    }
    return false;
}

bool yaml_place(const struct yaml_document *document, struct str path, size_t *ret_line,
                size_t *ret_column)
{
    size_t deepest = 0, rest_size = SIZE_MAX;
    bool is_found = find_place(document->places, 0, path, &deepest, &rest_size);
    *ret_line = document->places->items.items[deepest].line;
    *ret_column = document->places->items.items[deepest].column;
    return is_found;
}

/* ---- scalars and aliases ---- */

static bool is_tag(const yaml_char_t *tag, const char *name)
{
    return tag && strcmp((const char *)tag, name) == 0;
}

static bool read_scalar(struct reader *r, struct value *ret_value)
{
    const yaml_char_t *tag = r->event.data.scalar.tag;
    struct str text = {(const char *)r->event.data.scalar.value, r->event.data.scalar.length};
    bool is_plain = r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !is_tag(tag, "!");
    bool is_typed = is_tag(tag, YAML_INT_TAG) || is_tag(tag, YAML_FLOAT_TAG) ||
                    is_tag(tag, YAML_BOOL_TAG) || is_tag(tag, YAML_NULL_TAG);
    if (is_tag(tag, "tag:yaml.org,2002:binary"))
        return fail(r, ERR_UNSUPPORTED, "!!binary is not supported");
    if (is_tag(tag, YAML_STR_TAG) || !(is_plain || is_typed)) {
        *ret_value = value_string(text);
        return true;
    }
    return yaml_scalar_value(text, ret_value) ||
           fail(r, ERR_VALUE, "json: unsupported value: infinity or NaN");
}

static struct anchor *find_anchor(struct reader *r, struct str name)
{
    for (size_t i = r->anchors.count; i-- > 0;)
        if (str_equal(r->anchors.items[i].name, name))
            return &r->anchors.items[i];
    return NULL;
}

static bool read_alias(struct reader *r, struct value *ret_value)
{
    const struct anchor *a = find_anchor(r, str_from((const char *)r->event.data.alias.anchor));
    if (!a) {
        char what[128];
        (void)snprintf(what, sizeof(what), "unknown anchor '%.80s' referenced",
                       (const char *)r->event.data.alias.anchor);
        return fail(r, ERR_UNKNOWN, what);
    }
    r->weight += a->weight;
    if (r->weight > YAML_EXPANDED_NODES_MAX)
        return fail(r, ERR_LIMIT, "document contains excessive aliasing");
    *ret_value = value_keep(a->value);
    return true;
}

/* ---- sequences and mappings ---- */

static bool enter(struct reader *r)
{
    return ++r->depth <= r->depth_max || fail(r, ERR_LIMIT, "exceeded max depth");
}

static bool read_sequence(struct reader *r, size_t place, struct value *ret_value)
{
    if (!enter(r))
        return false;
    struct value array = value_array();
    while (next(r) && r->event.type != YAML_SEQUENCE_END_EVENT) {
        size_t item_place =
            add_place(r, place, (struct place){.index = (uint32_t)value_count(array)});
        struct value item;
        if (!read_node(r, item_place, &item))
            break;
        array = value_append(array, item);
    }
    r->depth--;
    if (r->code != ERR_OK) {
        value_drop(array);
        return false;
    }
    *ret_value = array;
    return true;
}

/* A key as text. */
static bool key_text(struct reader *r, struct value key, struct text *out)
{
    switch (value_kind(key)) {
    case VALUE_STRING:
        text_add(out, value_str(key));
        return true;
    case VALUE_INTEGER:
        text_add_int(out, value_as_integer(key, 0));
        return true;
    case VALUE_BOOL:
        text_add(out, value_as_bool(key) ? S("true") : S("false"));
        return true;
    case VALUE_DOUBLE:
        text_printf(out, "%.17g", value_as_double(key, 0));
        return true;
    case VALUE_NONE:
    case VALUE_NULL:
    case VALUE_ARRAY:
    case VALUE_OBJECT:
        break;
    }
    return fail(r, ERR_TYPE, "unsupported map key: a key is text, a number or a boolean");
}

/* Members of `from` that `into` does not have. Consumes `into`. */
static struct value merge_missing(struct value into, struct value from)
{
    for (size_t i = 0; i < value_count(from); i++)
        if (!value_is_present(value_get_key(into, value_key_at(from, i))))
            into = value_set_key(into, value_key_at(from, i), value_keep(value_member_at(from, i)));
    return into;
}

static bool merge_is_good(struct value merge)
{
    if (value_kind(merge) != VALUE_ARRAY)
        return value_kind(merge) == VALUE_OBJECT;
    for (size_t i = 0; i < value_count(merge); i++)
        if (value_kind(value_at(merge, i)) != VALUE_OBJECT)
            return false;
    return true;
}

/* What << gave, put in behind the mapping's own keys. Consumes both. */
static struct value apply_merge(struct value object, struct value merge)
{
    if (value_kind(merge) == VALUE_OBJECT)
        object = merge_missing(object, merge);
    for (size_t i = 0; value_kind(merge) == VALUE_ARRAY && i < value_count(merge); i++)
        object = merge_missing(object, value_at(merge, i));
    value_drop(merge);
    return object;
}

static void report_duplicate(struct reader *r, size_t place)
{
    if (!r->limits || !r->limits->duplicate_key)
        return;
    AUTO(text) struct text path = {0};
    place_path(r->places, place, &path);
    const struct place *p = &r->places->items.items[place];
    r->limits->duplicate_key(r->limits->owner, text_str(&path), p->key, p->line, p->column);
}

/* The current event is a key. */
static bool read_member(struct reader *r, size_t place, struct value *object, struct value *merge)
{
    bool is_plain =
        r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool is_merge = is_plain && strcmp((const char *)r->event.data.scalar.value, "<<") == 0;
    size_t member_place = add_place(r, place, (struct place){0});
    AUTO(value) struct value key = VALUE_ABSENT;
    AUTO(text) struct text text = {0};
    struct value part;
    if (!read_node(r, member_place, &key) || !key_text(r, key, &text))
        return false;
    r->places->items.items[member_place].key = arena_str(r->keys, text_str(&text));
    yaml_mark_t mark = r->event.start_mark;
    if (!next(r) || !read_node(r, member_place, &part))
        return false;
    if (is_merge) {
        if (!merge_is_good(part)) {
            value_drop(part);
            return fail_at(r, mark, ERR_TYPE,
                           "map merge requires map or sequence of maps as the value");
        }
        value_drop(*merge);
        *merge = part;
        return true;
    }
    if (value_is_present(value_get_key(*object, text_str(&text))))
        report_duplicate(r, member_place);
    *object = value_set_key(*object, text_str(&text), part);
    return true;
}

static bool read_mapping(struct reader *r, size_t place, struct value *ret_value)
{
    if (!enter(r))
        return false;
    struct value object = value_object(), merge = VALUE_ABSENT;
    while (next(r) && r->event.type != YAML_MAPPING_END_EVENT)
        if (!read_member(r, place, &object, &merge))
            break;
    r->depth--;
    object = apply_merge(object, merge);
    if (r->code != ERR_OK) {
        value_drop(object);
        return false;
    }
    *ret_value = object;
    return true;
}

/* The current event begins a node; afterwards it is the node's last one. */
static bool read_node(struct reader *r, size_t place, struct value *ret_value)
{
    size_t before = r->weight++;
    const yaml_char_t *anchor = NULL;
    struct str name = {"", 0};
    yaml_event_type_t type = r->event.type;
    if (type == YAML_SCALAR_EVENT)
        anchor = r->event.data.scalar.anchor;
    else if (type == YAML_SEQUENCE_START_EVENT)
        anchor = r->event.data.sequence_start.anchor;
    else if (type == YAML_MAPPING_START_EVENT)
        anchor = r->event.data.mapping_start.anchor;
    else if (type == YAML_ALIAS_EVENT)
        return read_alias(r, ret_value);
    if (anchor)
        name = arena_str(&r->names, str_from((const char *)anchor));
    bool is_good = type == YAML_SCALAR_EVENT           ? read_scalar(r, ret_value)
                   : type == YAML_SEQUENCE_START_EVENT ? read_sequence(r, place, ret_value)
                                                       : read_mapping(r, place, ret_value);
    if (is_good && anchor)
        vec_push(&r->anchors, (struct anchor){name, value_keep(*ret_value), r->weight - before});
    return is_good;
}

/* ---- streams ---- */

static void places_free(struct yaml_places *places)
{
    if (!places)
        return;
    vec_release(&places->items);
    mem_free(places);
}

static void forget_anchors(struct reader *r)
{
    for (size_t i = 0; i < r->anchors.count; i++)
        value_drop(r->anchors.items[i].value);
    r->anchors.count = 0;
    arena_clear(&r->names);
}

/* The current event is a document's start. */
static bool read_document(struct reader *r, struct yaml_stream *stream)
{
    if (!next(r))
        return false;
    bool is_empty = r->event.type == YAML_SCALAR_EVENT && r->event.data.scalar.length == 0 &&
                    r->event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    struct yaml_document d = {.line = r->event.start_mark.line + 1};
    d.places = r->places = mem_new(struct yaml_places);
    r->weight = 0;
    size_t root = add_place(r, NO_PARENT, (struct place){0});
    bool is_good = read_node(r, root, &d.value);
    forget_anchors(r);
    if (is_good && !next(r)) { /* the document's end */
        value_drop(d.value);
        is_good = false;
    }
    if (is_good && !is_empty)
        vec_push(stream, d);
    else
        places_free(d.places);
    return is_good;
}

static bool read_stream(struct reader *r, struct yaml_stream *stream)
{
    if (!next(r))
        return false;
    for (;;) {
        if (!next(r))
            return false;
        if (r->event.type == YAML_STREAM_END_EVENT)
            return true;
        if (!read_document(r, stream))
            return false;
    }
}

void yaml_stream_release(struct yaml_stream *stream)
{
    for (size_t i = 0; i < stream->count; i++) {
        value_drop(stream->items[i].value);
        places_free(stream->items[i].places);
    }
    vec_release(stream);
    if (stream->keys)
        arena_release(stream->keys);
    mem_free(stream->keys);
    stream->keys = NULL;
}

enum err yaml_parse(struct str text, const struct yaml_limits *limits,
                    struct yaml_stream *ret_stream, struct errmsg *message)
{
    struct reader r = {.limits = limits, .message = message};
    r.depth_max = limits && limits->depth_max ? limits->depth_max : YAML_DEPTH_MAX;
    size_t size_max = limits && limits->size_max ? limits->size_max : YAML_SIZE_MAX;
    if (text.size > size_max)
        return errmsg_set(message, ERR_LIMIT, "the document has %zu bytes; the limit is %zu",
                          text.size, size_max);
    struct yaml_stream stream = {.keys = mem_new(struct arena)};
    r.keys = stream.keys;
    int is_ready = yaml_parser_initialize(&r.parser);
    CHECK(is_ready);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text.bytes, text.size);
    bool is_good = read_stream(&r, &stream);
    if (r.has_event)
        yaml_event_delete(&r.event);
    yaml_parser_delete(&r.parser);
    vec_release(&r.anchors);
    arena_release(&r.names);
    if (is_good)
        *ret_stream = stream;
    else
        yaml_stream_release(&stream);
    return r.code;
}

enum err yaml_parse_one(struct str text, struct value *ret_value, struct errmsg *message)
{
    return yaml_parse_one_within(text, NULL, ret_value, message);
}

enum err yaml_parse_one_within(struct str text, const struct yaml_limits *limits,
                               struct value *ret_value, struct errmsg *message)
{
    struct yaml_stream stream = {0};
    enum err code = yaml_parse(text, limits, &stream, message);
    if (code != ERR_OK)
        return code;
    if (stream.count > 1)
        code = errmsg_set(message, ERR_SYNTAX, "line %zu: a second document where one was expected",
                          stream.items[1].line);
    else
        *ret_value = stream.count ? value_keep(stream.items[0].value) : value_null();
    yaml_stream_release(&stream);
    return code;
}
