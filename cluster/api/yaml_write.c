/* SPDX-License-Identifier: Apache-2.0
 *
 * Values to YAML as `kubectl get -o yaml` prints them: block style, keys sorted as go-yaml does,
 * lists not indented under their key, strings plain where they read back as strings, literal (|)
 * where they have line ends, else in double quotes. The rules of styles are go-yaml's; the layout
 * is libyaml's, of which that is a port.
 */
#include "sim/base/base.h"

#include "cluster/api/yaml.h"

#include <yaml.h>

#include "cluster/api/json.h"
#include "cluster/api/utf8.h"
#include "cluster/api/yaml_scalar.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"

static int append(void *out, unsigned char *bytes, size_t size)
{
    text_add(out, (struct str){(const char *)bytes, size});
    return 1;
}

static void emit(yaml_emitter_t *emitter, yaml_event_t *event)
{
    int is_good = yaml_emitter_emit(emitter, event);
    CHECK(is_good);
}

static void emit_scalar(yaml_emitter_t *emitter, struct str s, yaml_scalar_style_t style)
{
    yaml_event_t event;
    CHECK(s.size < INT32_MAX);
    int is_good = yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)s.bytes,
                                               (int)s.size, 1, 1, style);
    CHECK(is_good);
    emit(emitter, &event);
}

/* libyaml takes nothing but UTF-8. */
static struct str as_utf8(struct str s, struct text *room)
{
    bool is_valid = true;
    for (size_t at = 0; at < s.size;) {
        uint32_t rune;
        size_t size = utf8_decode(str_slice(s, at, s.size), &rune);
        is_valid = is_valid && !(rune == UTF8_REPLACEMENT && size == 1);
        utf8_add(room, rune);
        at += size;
    }
    return is_valid ? s : text_str(room);
}

static void emit_string(yaml_emitter_t *emitter, struct str bytes)
{
    AUTO(text) struct text room = {0};
    struct str s = as_utf8(bytes, &room);
    yaml_scalar_style_t style = str_find(s, '\n') < s.size    ? YAML_LITERAL_SCALAR_STYLE
                                : yaml_scalar_needs_quotes(s) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                              : YAML_PLAIN_SCALAR_STYLE;
    emit_scalar(emitter, s, style);
}

/* ---- the order of keys: go-yaml's, numbers by their value, letters behind all else ---- */

/* DEVIATION: letters beyond ASCII count as letters one and all; go-yaml asks Unicode. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

static int64_t number_from(struct str s, size_t *at, int64_t n)
{
    for (; *at < s.size && is_digit(s.bytes[*at]); ++*at)
        n = n < INT64_MAX / 100 ? n * 10 + (s.bytes[*at] - '0') : n;
    return n;
}

/* The first differing byte is at i and neither is a letter. */
static int compare_numbers(struct str a, struct str b, size_t i)
{
    int64_t lead = 0;
    if (a.bytes[i] == '0' || b.bytes[i] == '0')
        for (size_t j = i; j-- > 0 && is_digit(a.bytes[j]);)
            if (a.bytes[j] != '0')
                lead = 1;
    size_t a_end = i, b_end = i;
    int64_t x = number_from(a, &a_end, lead), y = number_from(b, &b_end, lead);
    if (x != y)
        return x < y ? -1 : 1;
    if (a_end != b_end)
        return a_end < b_end ? -1 : 1;
    return (unsigned char)a.bytes[i] < (unsigned char)b.bytes[i] ? -1 : 1;
}

static int compare_keys(const void *left, const void *right, void *context)
{
    struct value object = *(const struct value *)context;
    struct str a = value_key_at(object, *(const size_t *)left);
    struct str b = value_key_at(object, *(const size_t *)right);
    size_t i = 0;
    while (i < a.size && i < b.size && a.bytes[i] == b.bytes[i])
        i++;
    if (i == a.size || i == b.size)
        return (a.size > b.size) - (a.size < b.size);
    bool a_letter = is_letter(a.bytes[i]), b_letter = is_letter(b.bytes[i]);
    if (a_letter && b_letter)
        return (unsigned char)a.bytes[i] < (unsigned char)b.bytes[i] ? -1 : 1;
    /* "a1b" before "a10": a number that goes on is larger. */
    bool is_in_number = i > 0 && is_digit(a.bytes[i - 1]);
    if (a_letter || b_letter)
        return a_letter == is_in_number ? -1 : 1;
    return compare_numbers(a, b, i);
}

static void emit_value(yaml_emitter_t *emitter, struct value v);

static void emit_members(yaml_emitter_t *emitter, struct value object)
{
    size_t count = value_count(object);
    size_t *order = mem_array(size_t, count + 1);
    for (size_t i = 0; i < count; i++)
        order[i] = i;
    sort_stable(order, count, sizeof(order[0]), compare_keys, &object);
    for (size_t i = 0; i < count; i++) {
        emit_string(emitter, value_key_at(object, order[i]));
        emit_value(emitter, value_member_at(object, order[i]));
    }
    mem_free(order);
}

static void emit_value(yaml_emitter_t *emitter, struct value v)
{
    yaml_event_t event;
    if (value_kind(v) == VALUE_STRING) {
        emit_string(emitter, value_str(v));
    } else if (value_kind(v) == VALUE_ARRAY) {
        size_t count = value_count(v);
        yaml_sequence_start_event_initialize(
            &event, NULL, NULL, 1, count ? YAML_BLOCK_SEQUENCE_STYLE : YAML_FLOW_SEQUENCE_STYLE);
        emit(emitter, &event);
        for (size_t i = 0; i < count; i++)
            emit_value(emitter, value_at(v, i));
        yaml_sequence_end_event_initialize(&event);
        emit(emitter, &event);
    } else if (value_kind(v) == VALUE_OBJECT) {
        size_t count = value_count(v);
        yaml_mapping_start_event_initialize(
            &event, NULL, NULL, 1, count ? YAML_BLOCK_MAPPING_STYLE : YAML_FLOW_MAPPING_STYLE);
        emit(emitter, &event);
        emit_members(emitter, v);
        yaml_mapping_end_event_initialize(&event);
        emit(emitter, &event);
    } else {
        AUTO(text) struct text number = {0};
        json_write(v, &number);
        emit_scalar(emitter, text_str(&number), YAML_PLAIN_SCALAR_STYLE);
    }
}

void yaml_write(struct value v, struct text *out)
{
    yaml_emitter_t emitter;
    yaml_event_t event;
    int is_ready = yaml_emitter_initialize(&emitter);
    CHECK(is_ready);
    yaml_emitter_set_output(&emitter, append, out);
    yaml_emitter_set_unicode(&emitter, 1);
    yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING);
    emit(&emitter, &event);
    yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1);
    emit(&emitter, &event);
    emit_value(&emitter, v);
    yaml_document_end_event_initialize(&event, 1);
    emit(&emitter, &event);
    yaml_stream_end_event_initialize(&event);
    emit(&emitter, &event);
    yaml_emitter_delete(&emitter);
}
