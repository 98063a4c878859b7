/* SPDX-License-Identifier: Apache-2.0
 *
 * value_pack: a literal of a value in C, relaxed JSON with holes for arguments. The template is
 * part of the program: a mistake in it is a bug and aborts. A %v that is absent leaves its key (or
 * item) out.
 *
 * A kubelet packs some twenty values for each status of a pod, so a template is read once: it
 * becomes a short list of operations with its keys interned, and each later call only carries them
 * out. An object whose keys are all given by the template and all present gets its shape from the
 * call before, so it is one allocation and a copy.
 *
 * Operations are found by the address of the template, which therefore must stay as it is for ever,
 * as a literal does. The address decides nothing but speed.
 */
#include "sim/base/base.h"

#include "cluster/api/value_heap.h"

#include "sim/base/mem.h"

#include <stdarg.h>

#define PACK_DEPTH_MAX 64

enum pack_code {
    PACK_HOLE,     /* one argument */
    PACK_CONSTANT, /* a part without holes */
    PACK_KEY,      /* a key of the template */
    PACK_KEY_HOLE, /* a key that is an argument */
    PACK_OBJECT,
    PACK_ARRAY,
    PACK_END, /* of the object or array */
};
struct pack_operation {
    enum pack_code code;
    char sort; /* of a hole: the letter behind the % */
    atom key;
    struct str text;           /* of a key, in the template */
    struct value constant;     /* owned */
    const struct shape *shape; /* PACK_OBJECT: of the last one that had all its keys */
    uint8_t *slots;            /* of its members, in the order of the template */
    uint32_t member_count;     /* PACK_OBJECT: keys, when none is a hole or comes twice; else 0 */
};
struct pack_program {
    const char *template_text;
    VEC(struct pack_operation) operations;
};

/* ---- reading a template ---- */

struct reader {
    const char *at;
    struct pack_program *program;
    unsigned depth;
};

static void read_value(struct reader *r);

static void skip_blanks(struct reader *r)
{
    while (*r->at == ' ' || *r->at == '\n' || *r->at == '\t')
        r->at++;
}

static bool skip(struct reader *r, char byte)
{
    skip_blanks(r);
    if (*r->at != byte)
        return false;
    r->at++;
    return true;
}

static bool is_word_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '/' || c == '$' || c == '+';
}

/* A quoted text (without escapes: a template needs none) or a word. */
static struct str read_text(struct reader *r)
{
    bool is_quoted = *r->at == '"';
    const char *from = r->at += is_quoted;
    while (is_quoted ? *r->at != '"' && *r->at != '\0' : is_word_byte(*r->at))
        CHECK(*r->at++ != '\\');
    struct str s = {from, (size_t)(r->at - from)};
    if (is_quoted) {
        CHECK(*r->at == '"');
        r->at++;
    } else {
        CHECK(s.size > 0);
    }
    return s;
}

static struct pack_operation *add(struct reader *r, enum pack_code code)
{
    vec_push(&r->program->operations, (struct pack_operation){.code = code});
    return &r->program->operations.items[r->program->operations.count - 1];
}

static void read_hole(struct reader *r, enum pack_code code, const char *sorts)
{
    char sort = r->at[1];
    CHECK(*r->at == '%' && sort && strchr(sorts, sort)); /* a hole is one of %s %S %d %D %b %v */
    add(r, code)->sort = sort;
    r->at += 2;
}

static void read_object(struct reader *r)
{
    size_t begin = r->program->operations.count;
    uint32_t members = 0;
    bool is_plain = true;
    add(r, PACK_OBJECT);
    while (!skip(r, '}')) {
        skip_blanks(r);
        if (*r->at == '%') {
            read_hole(r, PACK_KEY_HOLE, "sS");
            is_plain = false;
        } else {
            struct pack_operation *k = add(r, PACK_KEY);
            k->text = read_text(r);
            k->key = atom_of_key(k->text);
            is_plain = is_plain && k->key != ATOM_NONE;
        }
        members++;
        CHECK(skip(r, ':'));
        read_value(r);
        if (!skip(r, ',')) {
            CHECK(skip(r, '}'));
            break;
        }
    }
    add(r, PACK_END);
    if (is_plain && members < SHAPE_KEYS_MAX)
        r->program->operations.items[begin].member_count = members;
}

static void read_array(struct reader *r)
{
    add(r, PACK_ARRAY);
    while (!skip(r, ']')) {
        read_value(r);
        if (!skip(r, ',')) {
            CHECK(skip(r, ']'));
            break;
        }
    }
    add(r, PACK_END);
}

static struct value read_constant(struct reader *r)
{
    bool is_quoted = *r->at == '"';
    struct str s = read_text(r);
    int64_t n;
    if (is_quoted)
        return value_string(s);
    if (str_equal(s, S("null")))
        return value_null();
    if (str_equal(s, S("true")) || str_equal(s, S("false")))
        return value_bool(s.bytes[0] == 't');
    return str_to_int64(s, &n) ? value_integer(n) : value_string(s);
}

static void read_value(struct reader *r)
{
    CHECK(++r->depth <= PACK_DEPTH_MAX);
    skip_blanks(r);
    if (*r->at == '%')
        read_hole(r, PACK_HOLE, "sSdDbv");
    else if (skip(r, '{'))
        read_object(r);
    else if (skip(r, '['))
        read_array(r);
    else
        add(r, PACK_CONSTANT)->constant = read_constant(r);
    r->depth--;
}

static struct pack_program *program_new(const char *template_text)
{
    struct pack_program *p = mem_new(struct pack_program);
    p->template_text = template_text;
    struct reader r = {.at = template_text, .program = p};
    uint64_t nodes = value_heap.node_count, bytes = value_heap.byte_count;
    read_value(&r);
    skip_blanks(&r);
    CHECK(*r.at == '\0');
    value_heap.pack_node_count += value_heap.node_count - nodes;
    value_heap.pack_byte_count += value_heap.byte_count - bytes;
    return p;
}

/* ---- finding it ---- */

static struct pack_program **program_slot(const char *template_text)
{
    uint64_t hash = (uint64_t)(uintptr_t)template_text * UINT64_C(0x9E3779B97F4A7C15);
    uint32_t mask = value_heap.pack_mask;
    for (uint32_t i = (uint32_t)(hash >> 40) & mask;; i = (i + 1) & mask) {
        struct pack_program **slot = &value_heap.pack_programs[i];
        if (!*slot || (*slot)->template_text == template_text)
            return slot;
    }
}

static void programs_grow(void)
{
    struct pack_program **old = value_heap.pack_programs;
    size_t old_count = old ? (size_t)value_heap.pack_mask + 1 : 0;
    size_t count = old ? 2 * old_count : 256;
    value_heap.pack_programs = mem_array(struct pack_program *, count);
    value_heap.pack_mask = (uint32_t)count - 1;
    for (size_t i = 0; i < old_count; i++)
        if (old[i])
            *program_slot(old[i]->template_text) = old[i];
    mem_free(old);
}

static struct pack_program *program_of(const char *template_text)
{
    if (UNLIKELY(2 * value_heap.pack_count >= value_heap.pack_mask))
        programs_grow();
    struct pack_program **slot = program_slot(template_text);
    if (UNLIKELY(!*slot)) {
        *slot = program_new(template_text);
        value_heap.pack_count++;
    }
    return *slot;
}

/* ---- carrying it out ---- */

struct packer {
    struct pack_operation *at;
    va_list arguments;
};

static struct value pack_value(struct packer *p);

static struct value pack_argument(struct packer *p, char sort)
{
    switch (sort) {
    case 's':
        return value_string(str_from(va_arg(p->arguments, const char *)));
    case 'S':
        return value_string(va_arg(p->arguments, struct str));
    case 'd':
        return value_integer(va_arg(p->arguments, int));
    case 'D':
        return value_integer(va_arg(p->arguments, int64_t));
    case 'b':
        return value_bool(va_arg(p->arguments, int));
    default:
        CHECK(sort == 'v');
        return va_arg(p->arguments, struct value);
    }
}

/* All keys of the template are there: the shape is that of the call before. */
static struct value pack_shaped(const struct pack_operation *o, const struct value_member *members)
{
    struct list_node *n = node_allocate(list_size(o->member_count));
    n->head.info = o->shape->id;
    for (uint32_t i = 0; i < o->member_count; i++)
        n->items[o->slots[i]] = members[i].part;
    return word_of(n, TAG_STRUCT);
}

static void remember_shape(struct pack_operation *o, const struct value_member *members,
                           struct value object)
{
    if (word_tag(object) != TAG_STRUCT || node_shape(word_node(object))->count != o->member_count) {
        o->member_count = 0; /* a dict, or a key that comes twice */
        return;
    }
    o->shape = node_shape(word_node(object));
    o->slots = mem_array(uint8_t, o->member_count);
    for (uint32_t i = 0; i < o->member_count; i++)
        o->slots[i] = (uint8_t)shape_slot(o->shape, members[i].key);
}

static struct value pack_object(struct packer *p)
{
    struct pack_operation *o = p->at++;
    size_t base = value_heap.members.count;
    while (p->at->code != PACK_END) {
        const struct pack_operation *k = p->at++;
        struct value_member m = {.key = k->key, .text = k->text};
        if (k->code == PACK_KEY_HOLE) {
            m.text = k->sort == 's' ? str_from(va_arg(p->arguments, const char *))
                                    : va_arg(p->arguments, struct str);
            m.key = atom_of_key(m.text);
        }
        m.part = pack_value(p);
        if (value_is_present(m.part))
            vec_push(&value_heap.members, m);
    }
    p->at++;
    size_t count = value_heap.members.count - base;
    const struct value_member *members = value_heap.members.items + base;
    struct value object = value_object();
    if (count && count == o->member_count && o->shape) {
        object = pack_shaped(o, members);
    } else if (count) {
        object = value_from_members(value_heap.members.items + base, count, false);
        if (count == o->member_count)
            remember_shape(o, members, object);
    }
    value_heap.members.count = base;
    return object;
}

static struct value pack_array(struct packer *p)
{
    p->at++;
    struct value array = value_array();
    while (p->at->code != PACK_END) {
        struct value item = pack_value(p);
        if (value_is_present(item))
            array = value_append(array, item);
    }
    p->at++;
    return array;
}

static struct value pack_value(struct packer *p)
{
    struct pack_operation *o = p->at;
    switch (o->code) {
    case PACK_HOLE:
        p->at++;
        return pack_argument(p, o->sort);
    case PACK_CONSTANT:
        p->at++;
        return value_keep(o->constant);
    case PACK_OBJECT:
        return pack_object(p);
    case PACK_ARRAY:
        return pack_array(p);
    case PACK_KEY:
    case PACK_KEY_HOLE:
    case PACK_END:
        break;
    }
    check_failed("a value stands here", __FILE__, __LINE__);
}

struct value value_pack(const char *template_text, ...)
{
    value_heap_start();
    struct packer p = {.at = program_of(template_text)->operations.items};
    va_start(p.arguments, template_text);
    struct value v = pack_value(&p);
    va_end(p.arguments);
    return v;
}
