/* SPDX-License-Identifier: Apache-2.0
 *
 * Atoms: interned keys, for ever. Those of atoms.def come first, in its order, so that their
 * numbers are the constants of value.h. A number says nothing about order: keys are compared by
 * their bytes.
 *
 * Keys that arrive from outside are interned too, up to ATOMS_MAX; past it, and for keys that are
 * data (FieldsV1's k:{...} and v:..., very long ones), objects become dicts, which hold their keys
 * themselves.
 */
#include "sim/base/base.h"

#include "cluster/api/json.h"
#include "cluster/api/value_heap.h"

#include "sim/base/hash.h"
#include "sim/base/mem.h"

#define ATOMS_MAX 65536
#define ATOM_TEXT_MAX 320 /* a qualified name has up to 253 + 1 + 63 bytes; with "f:" in front */

static const struct str known_atoms[] = {
    {"", 0},
#define ATOM(name, text) {text, sizeof(text) - 1},
#include "cluster/api/atoms.def"
#undef ATOM
};
_Static_assert(ARRAY_COUNT(known_atoms) == ATOM_KNOWN_COUNT, "one text for each constant");

/* Private to the table: never leaves this file. */
static uint32_t text_hash(struct str s)
{
    uint64_t h = s.size * UINT64_C(0x9E3779B97F4A7C15);
    size_t i = 0;
    for (; i + 8 <= s.size; i += 8) {
        uint64_t chunk;
        memcpy(&chunk, s.bytes + i, 8);
        h = (h ^ chunk) * UINT64_C(0xff51afd7ed558ccd);
        h ^= h >> 29;
    }
    uint64_t rest = 0;
    if (i < s.size)
        memcpy(&rest, s.bytes + i, s.size - i);
    h = (h ^ rest) * UINT64_C(0xff51afd7ed558ccd);
    return (uint32_t)(h >> 32);
}

static uint32_t *table_slot(struct str s, uint32_t hash)
{
    uint32_t mask = value_heap.atom_table_mask;
    for (uint32_t i = hash & mask;; i = (i + 1) & mask) {
        uint32_t *slot = &value_heap.atom_table[i];
        if (*slot == ATOM_NONE)
            return slot;
        const struct atom_entry *e = &value_heap.atoms.items[*slot];
        if (e->hash == hash && e->size == s.size &&
            (s.size == 0 || memcmp(e->text, s.bytes, s.size) == 0))
            return slot;
    }
}

static void table_grow(void)
{
    uint32_t capacity = value_heap.atom_table_mask ? (value_heap.atom_table_mask + 1) * 2 : 4096;
    mem_free(value_heap.atom_table);
    value_heap.atom_table = mem_array(uint32_t, capacity);
    value_heap.atom_table_mask = capacity - 1;
    for (uint32_t a = 1; a < value_heap.atoms.count; a++) {
        const struct atom_entry *e = &value_heap.atoms.items[a];
        *table_slot((struct str){e->text, e->size}, e->hash) = a;
    }
}

static atom add(struct str s, uint32_t hash)
{
    CHECK(s.size < UINT32_MAX && value_heap.atoms.count < TRANSITION_REMOVES);
    if ((value_heap.atoms.count + 1) * 2 > value_heap.atom_table_mask)
        table_grow();
    struct text quoted = {0}; /* never given back: atoms are for ever */
    json_write_string(s, &quoted);
    text_add_byte(&quoted, ':');
    atom a = (atom)value_heap.atoms.count;
    vec_push(&value_heap.atoms, (struct atom_entry){.text = mem_copy_string(s),
                                                    .quoted = quoted.bytes,
                                                    .size = (uint32_t)s.size,
                                                    .quoted_size = (uint32_t)quoted.size,
                                                    .hash = hash,
                                                    .content_hash = hash_bytes(s)});
    *table_slot(s, hash) = a;
    return a;
}

void atom_heap_start(void)
{
    vec_push(&value_heap.atoms, (struct atom_entry){.text = "", .quoted = ""}); /* ATOM_NONE */
    table_grow();
    for (size_t i = 1; i < ARRAY_COUNT(known_atoms); i++) {
        atom a = add(known_atoms[i], text_hash(known_atoms[i]));
        CHECK(a == i);
    }
}

atom atom_find(struct str text)
{
    value_heap_start();
    return *table_slot(text, text_hash(text));
}

atom atom_of(struct str text)
{
    value_heap_start();
    uint32_t hash = text_hash(text);
    atom a = *table_slot(text, hash);
    return a != ATOM_NONE ? a : add(text, hash);
}

atom atom_of_key(struct str text)
{
    value_heap_start();
    uint32_t hash = text_hash(text);
    atom a = *table_slot(text, hash);
    if (a != ATOM_NONE)
        return a;
    bool is_data = text.size > ATOM_TEXT_MAX ||
                   (text.size >= 2 && text.bytes[1] == ':' && text.bytes[0] != 'f');
    return is_data || value_heap.atoms.count >= ATOMS_MAX ? ATOM_NONE : add(text, hash);
}

struct str atom_text(atom a)
{
    value_heap_start();
    CHECK(a < value_heap.atoms.count);
    const struct atom_entry *e = &value_heap.atoms.items[a];
    return (struct str){e->text, e->size};
}

atom atom_field(atom a)
{
    value_heap_start();
    while (value_heap.field_atoms.count <= a)
        vec_push(&value_heap.field_atoms, ATOM_NONE);
    atom known = value_heap.field_atoms.items[a];
    if (known != ATOM_NONE)
        return known;
    AUTO(text) struct text t = {0};
    text_add(&t, S("f:"));
    text_add(&t, atom_text(a));
    known = atom_of(text_str(&t));
    value_heap.field_atoms.items[a] = known;
    return known;
}
