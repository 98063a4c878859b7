/* SPDX-License-Identifier: Apache-2.0
 *
 * UTF-8, with Go's rules for what is not: overlong forms, surrogates and runes beyond U+10FFFF are
 * invalid, and decoding goes on one byte further.
 */
#include "sim/base/base.h"

#include "cluster/api/utf8.h"

size_t utf8_decode(struct str s, uint32_t *ret_rune)
{
    const unsigned char *b = (const unsigned char *)s.bytes;
    CHECK(s.size > 0);
    if (b[0] < 0x80) {
        *ret_rune = b[0];
        return 1;
    }
    size_t size = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
    *ret_rune = UTF8_REPLACEMENT;
    if (b[0] < 0xc2 || b[0] > 0xf4 || s.size < size)
        return 1;
    uint32_t rune = b[0] & (0xffu >> (size + 1));
    for (size_t i = 1; i < size; i++) {
        if ((b[i] & 0xc0) != 0x80)
            return 1;
        rune = rune << 6 | (b[i] & 0x3fu);
    }
    bool is_overlong = (size == 3 && rune < 0x800) || (size == 4 && rune < 0x10000);
    if (is_overlong || rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
        return 1;
    *ret_rune = rune;
    return size;
}

int64_t utf8_count(struct str s)
{
    int64_t count = 0;
    uint32_t rune;
    for (size_t i = 0; i < s.size; count++)
        i += utf8_decode(str_slice(s, i, s.size), &rune);
    return count;
}

void utf8_add(struct text *out, uint32_t rune)
{
    if (rune > 0x10ffff || (rune >= 0xd800 && rune < 0xe000))
        rune = UTF8_REPLACEMENT;
    if (rune < 0x80) {
        text_add_byte(out, (char)rune);
        return;
    }
    char bytes[4];
    size_t size = rune < 0x800 ? 2 : rune < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; rune >>= 6)
        bytes[i] = (char)(0x80 | (rune & 0x3f));
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    bytes[0] = (char)(lead[size] | rune);
    text_add(out, (struct str){bytes, size});
}
