/* SPDX-License-Identifier: Apache-2.0
 *
 * Messages of bytes on a channel: one block each, its size on the wire that of the bytes and a
 * small frame.
 */
#include "sim/base/base.h"

#include "sim/channel.h"

#include "sim/base/mem.h"

#define CHANNEL_MESSAGE_KIND 15
#define FRAME_SIZE 16

static void release(struct message *m)
{
    mem_free(CONTAINER_OF(m, struct channel_bytes, message));
}

static uint64_t digest(const struct message *m)
{
    const struct channel_bytes *b = (const void *)m; /* its first member */
    uint64_t h = hash_pair(b->id, (uint64_t)b->channel | (uint64_t)b->is_last << 8 |
                                      (uint64_t)b->is_broken << 9);
    return hash_pair(h, hash_bytes(channel_str(b)));
}

const struct message_type channel_bytes_message = {
    .name = "bytes", .kind = CHANNEL_MESSAGE_KIND, .release = release, .digest = digest};

struct channel_bytes *channel_bytes_new(uint64_t id, uint8_t channel, struct str bytes)
{
    CHECK(bytes.size <= CHANNEL_PIECE);
    struct channel_bytes *b = mem_allocate(1, sizeof(*b) + bytes.size);
    message_init(&b->message, &channel_bytes_message, (uint32_t)bytes.size + FRAME_SIZE);
    b->id = id;
    b->channel = channel;
    b->size = (uint32_t)bytes.size;
    if (bytes.size > 0)
        memcpy(b->bytes, bytes.bytes, bytes.size);
    return b;
}

struct channel_bytes *channel_end_new(uint64_t id, bool is_broken)
{
    struct channel_bytes *b = channel_bytes_new(id, 0, S(""));
    b->is_last = true;
    b->is_broken = is_broken;
    return b;
}

void channel_send(struct step *step, stream_id stream, uint64_t id, uint8_t channel,
                  struct str bytes)
{
    do {
        size_t size = bytes.size < CHANNEL_PIECE ? bytes.size : CHANNEL_PIECE;
        struct str piece = str_slice(bytes, 0, size);
        step_send(step, stream, &channel_bytes_new(id, channel, piece)->message);
        bytes = str_slice(bytes, size, bytes.size);
    } while (bytes.size > 0);
}
