/* SPDX-License-Identifier: Apache-2.0
 *
 * Base 64 (base64.h).
 */
#include "sim/base/base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void encode(const char *digits, bool is_padded, const uint8_t *bytes, size_t size,
                   struct text *out)
{
    for (size_t i = 0; i < size; i += 3) {
        uint32_t word = (uint32_t)bytes[i] << 16;
        word |= i + 1 < size ? (uint32_t)bytes[i + 1] << 8 : 0;
        word |= i + 2 < size ? bytes[i + 2] : 0;
        text_add_byte(out, digits[word >> 18]);
        text_add_byte(out, digits[(word >> 12) & 63]);
        if (i + 1 < size || is_padded)
            text_add_byte(out, i + 1 < size ? digits[(word >> 6) & 63] : '=');
        if (i + 2 < size || is_padded)
            text_add_byte(out, i + 2 < size ? digits[word & 63] : '=');
    }
}

void base64_add(const uint8_t *bytes, size_t size, struct text *out)
{
    encode(standard, true, bytes, size, out);
}

void base64url_add(const uint8_t *bytes, size_t size, struct text *out)
{
    encode(for_urls, false, bytes, size, out);
}

static int digit_of(char c, const char *digits)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == digits[62] ? 62 : c == digits[63] ? 63 : -1;
}

static bool decode(const char *digits, bool has_one_form, struct str s, struct text *out)
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t letters = 0;
    for (size_t i = 0; i < s.size; i++) {
        int digit = digit_of(s.bytes[i], digits);
        if (digit < 0 && !has_one_form && (s.bytes[i] == '\n' || s.bytes[i] == '\r'))
            continue;
        if (digit < 0)
            return false;
        letters++;
        bits = (bits << 6 | (uint32_t)digit) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            text_add_byte(out, (char)(bits >> count & 255));
        }
    }
    return letters % 4 != 1 && (!has_one_form || (bits & ((1u << count) - 1)) == 0);
}

bool base64_decode(struct str s, struct text *out)
{
    size_t most = 2; /* of padding */
    while (s.size > 0 && (s.bytes[s.size - 1] == '\n' || s.bytes[s.size - 1] == '\r' ||
                          (s.bytes[s.size - 1] == '=' && most-- > 0)))
        s.size--;
    return decode(standard, false, s, out);
}

bool base64url_decode(struct str s, struct text *out)
{
    return decode(for_urls, true, s, out);
}
