/* SPDX-License-Identifier: Apache-2.0
 *
 * Level 1, as the real server: lists compress well at any level, and time is what counts.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/gzip.h"

#include <zlib.h>

#include "sim/base/mem.h"

#define LEVEL 1
#define WINDOW_BITS (15 + 16) /* with gzip's head */
#define MEMORY_LEVEL 8

bool gzip(struct text *body)
{
    z_stream z = {0};
    if (body->size > UINT32_MAX / 2 ||
        deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEMORY_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
        return false;
    size_t most = deflateBound(&z, body->size);
    char *out = mem_array(char, most + 1);
    z.next_in = (Bytef *)body->bytes;
    z.avail_in = (uInt)body->size;
    z.next_out = (Bytef *)out;
    z.avail_out = (uInt)most;
    bool is_done = deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (is_done) {
        text_clear(body);
        text_add(body, (struct str){out, z.total_out});
    }
    deflateEnd(&z);
    mem_free(out);
    return is_done;
}
