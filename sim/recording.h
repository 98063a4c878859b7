/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of a journal on a disk: records, one after another, each with a kind and a content that
 * others know about. Whatever was written whole can be read again after a crash; what a crash left
 * half written at the end is found and left out; damage anywhere else is found and said.
 *
 *     struct recording_writer w = {0};
 *     recording_begin(&w, &out);
 *     recording_add(&w, 3, S("..."), &out);            out: append it to the file
 *
 *     struct recording_reader r;
 *     if (recording_open(&r, bytes, &message)) ...     no journal, or of another version
 *     struct record record;
 *     while (recording_next(&r, &record)) ...
 *     r.state is RECORDING_WHOLE, RECORDING_TORN or RECORDING_DAMAGED; r.good bytes are good
 *
 * Version 1. The file begins with RECORDING_HEAD. A record is its size (of kind and content; four
 * bytes, the lowest first), a check of size and kind (four bytes), a check of all of it (eight
 * bytes), the kind (one byte) and the content. Both checks are hashes that begin with the check of
 * the record before, so that a missing record is found as well.
 */
#ifndef SIM_RECORDING_H
#define SIM_RECORDING_H

#include "sim/base/text.h"

#define RECORDING_HEAD "wavetank journal 1\n"
#define RECORDING_RECORD_MAX ((size_t)512 << 20)

struct recording_writer {
    uint64_t chain;
};
void recording_begin(struct recording_writer *w, struct text *out);
void recording_add(struct recording_writer *w, uint8_t kind, struct str content, struct text *out);

enum recording_state {
    RECORDING_WHOLE,
    RECORDING_TORN,    /* the last record is not all there */
    RECORDING_DAMAGED, /* a record is not what was written */
};
struct recording_reader {
    struct str bytes; /* borrowed */
    size_t good;      /* so many bytes are good */
    uint64_t chain, records;
    enum recording_state state; /* once there is no next */
};
struct record {
    uint8_t kind;
    struct str content; /* borrowed from the bytes */
};
enum err recording_open(struct recording_reader *r, struct str bytes,
                        struct errmsg *message) MUST_CHECK;
bool recording_next(struct recording_reader *r, struct record *ret_record);
/* Goes on writing behind what was good. */
struct recording_writer recording_continue(const struct recording_reader *r);

#endif
