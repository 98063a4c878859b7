/* SPDX-License-Identifier: Apache-2.0
 *
 * The buffer grows at its front: what is written moves to the end of a block twice as large.
 */
#include "sim/base/base.h"

#include "cluster/api/wire.h"

#include "sim/base/mem.h"

#define BUFFER_SIZE_MIN 4096
#define HANDED_OVER_FROM ((size_t)256 * 1024)

void wire_grow(struct wire_buffer *w, size_t size)
{
    size_t used = w->capacity - w->at, capacity = w->capacity ? w->capacity : BUFFER_SIZE_MIN;
    while (capacity - used < size)
        capacity *= 2;
    char *bytes = mem_array(char, capacity);
    if (used > 0)
        memcpy(bytes + capacity - used, w->bytes + w->at, used);
    mem_free(w->bytes);
    w->bytes = bytes;
    w->at = capacity - used;
    w->capacity = capacity;
}

void wire_release(struct wire_buffer *w)
{
    mem_free(w->bytes);
    *w = (struct wire_buffer){0};
}

/* What is large is handed over, not copied; nothing large is kept. */
void wire_take(struct wire_buffer *w, struct text *out)
{
    size_t size = w->capacity - w->at;
    if (!out->bytes && size >= HANDED_OVER_FROM && w->at > 0) {
        memmove(w->bytes, w->bytes + w->at, size);
        w->bytes[size] = 0;
        *out = (struct text){w->bytes, size, w->capacity};
        *w = (struct wire_buffer){0};
        return;
    }
    text_add(out, (struct str){w->bytes + w->at, w->capacity - w->at});
    w->at = w->capacity;
    if (w->capacity >= HANDED_OVER_FROM)
        wire_release(w);
}
