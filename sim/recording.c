/* SPDX-License-Identifier: Apache-2.0
 *
 * Records with chained checks. A crash of the program leaves a prefix of what was written; a loss
 * of power may leave blocks of zeros behind it as well. Both end within the last record, so a
 * record that reaches beyond the end of the file, or is followed by nothing but zeros, is torn. A
 * record that is all there, is wrong and has others behind it is damage, and so is a size that does
 * not fit its own check: it would make all that follows look like one torn record.
 *
 * The check guards against accidents, not against people: whoever may write the file may write
 * whatever they like.
 */
#include "sim/base/base.h"

#include "sim/recording.h"

#include "sim/base/hash.h"

#define FRAME_SIZE 17 /* size, its check, the check, kind */
#define CHAIN_START UINT64_C(0x776176657461)

static void add_bytes(struct text *out, uint64_t n, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_add_byte(out, (char)(n >> (8 * i) & 0xff));
}

static uint64_t get_bytes(const char *at, size_t count)
{
    uint64_t n = 0;
    for (size_t i = 0; i < count; i++)
        n |= (uint64_t)(uint8_t)at[i] << (8 * i);
    return n;
}

static uint64_t check_of(uint64_t chain, uint8_t kind, struct str content)
{
    return hash_pair(hash_pair(chain, (uint64_t)kind << 56 | content.size), hash_bytes(content));
}

static uint64_t frame_check(uint64_t chain, uint8_t kind, uint64_t size)
{
    return hash_pair(hash_pair(chain, kind), size) >> 32;
}

void recording_begin(struct recording_writer *w, struct text *out)
{
    w->chain = CHAIN_START;
    text_add(out, S(RECORDING_HEAD));
}

void recording_add(struct recording_writer *w, uint8_t kind, struct str content, struct text *out)
{
    CHECK(content.size < RECORDING_RECORD_MAX);
    add_bytes(out, content.size + 1, 4);
    add_bytes(out, frame_check(w->chain, kind, content.size + 1), 4);
    w->chain = check_of(w->chain, kind, content);
    add_bytes(out, w->chain, 8);
    text_add_byte(out, (char)kind);
    text_add(out, content);
}

enum err recording_open(struct recording_reader *r, struct str bytes, struct errmsg *message)
{
    struct str head = S(RECORDING_HEAD);
    struct str name = str_slice(head, 0, head.size - 2); /* without the version */
    *r = (struct recording_reader){.bytes = bytes, .good = head.size, .chain = CHAIN_START};
    if (str_starts_with(bytes, head))
        return ERR_OK;
    if (str_starts_with(bytes, name))
        return errmsg_set(message, ERR_UNSUPPORTED,
                          "this journal has another version of the format than 1");
    return bytes.size == 0 ? errmsg_set(message, ERR_SYNTAX, "this is no journal: it is empty")
                           : errmsg_set(message, ERR_SYNTAX, "this is no journal of wavetank");
}

static bool is_zero(struct str s)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.bytes[i])
            return false;
    }
    return true;
}

bool recording_next(struct recording_reader *r, struct record *ret_record)
{
    struct str rest = str_slice(r->bytes, r->good, r->bytes.size);
    r->state = rest.size == 0 ? RECORDING_WHOLE : RECORDING_TORN;
    if (rest.size < FRAME_SIZE)
        return false;
    uint64_t size = get_bytes(rest.bytes, 4);
    struct record record = {.kind = (uint8_t)rest.bytes[FRAME_SIZE - 1]};
    if (get_bytes(rest.bytes + 4, 4) != frame_check(r->chain, record.kind, size) || size == 0) {
        if (!is_zero(str_slice(rest, FRAME_SIZE, rest.size)))
            r->state = RECORDING_DAMAGED;
        return false;
    }
    if (size - 1 > rest.size - FRAME_SIZE)
        return false;
    size_t end = FRAME_SIZE + (size_t)size - 1;
    record.content = str_slice(rest, FRAME_SIZE, end);
    uint64_t check = check_of(r->chain, record.kind, record.content);
    if (check != get_bytes(rest.bytes + 8, 8)) {
        if (!is_zero(str_slice(rest, end, rest.size)))
            r->state = RECORDING_DAMAGED;
        return false;
    }
    r->good += end;
    r->chain = check;
    r->records++;
    *ret_record = record;
    return true;
}

struct recording_writer recording_continue(const struct recording_reader *r)
{
    return (struct recording_writer){r->chain};
}
