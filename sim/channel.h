/* SPDX-License-Identifier: Apache-2.0
 *
 * Bytes on numbered channels of a conversation, as a message: what a stream carries once its two
 * ends have agreed to talk freely. Several conversations may share a stream; each has an id.
 *
 *     step_send(step, stream, &channel_bytes_new(id, 1, S("hello\n"))->message);
 *     channel_send(step, stream, id, 1, text_str(&much));      in pieces of CHANNEL_PIECE
 *     step_send(step, stream, &channel_end_new(id, false)->message);
 */
#ifndef SIM_CHANNEL_H
#define SIM_CHANNEL_H

#include "sim/sim.h"

#define CHANNEL_PIECE ((size_t)32 * 1024)

struct channel_bytes {
    struct message message;
    uint64_t id;
    uint8_t channel;
    bool is_last;   /* the conversation is over */
    bool is_broken; /* likewise, and something is missing */
    uint32_t size;
    char bytes[];
};
extern const struct message_type channel_bytes_message;
struct channel_bytes *channel_bytes_new(uint64_t id, uint8_t channel, struct str bytes);
struct channel_bytes *channel_end_new(uint64_t id, bool is_broken);
/* All of it, in order; nothing: one empty message. */
void channel_send(struct step *step, stream_id stream, uint64_t id, uint8_t channel,
                  struct str bytes);
static inline struct str channel_str(const struct channel_bytes *b)
{
    return (struct str){b->bytes, b->size};
}

#endif
