/* SPDX-License-Identifier: Apache-2.0
 *
 * Times in objects: metav1.Time (whole seconds, UTC) and metav1.MicroTime (six decimals), both RFC
 * 3339. Both live in a word (value_string.c). Reading also takes other zones and other numbers of
 * decimals, as Go's time.Parse(RFC3339) does.
 */
#include "sim/base/base.h"

#include "cluster/api/object.h"
#include "cluster/api/value_heap.h"
#include "sim/base/calendar.h"

#define SECONDS_PER_DAY 86400
#define NS_PER_SECOND INT64_C(1000000000)

/* ---- text ---- */

int64_t digits_parse(const char *bytes, size_t count)
{
    int64_t n = 0;
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] < '0' || bytes[i] > '9')
            return -1;
        n = n * 10 + (bytes[i] - '0');
    }
    return n;
}

/* "2006-01-02T15:04:05" without zone. */
bool time_text_parse(const char *b, int64_t *ret_seconds)
{
    if (b[4] != '-' || b[7] != '-' || b[10] != 'T' || b[13] != ':' || b[16] != ':')
        return false;
    int64_t year = digits_parse(b, 4), month = digits_parse(b + 5, 2), day = digits_parse(b + 8, 2);
    int64_t hour = digits_parse(b + 11, 2), minute = digits_parse(b + 14, 2),
            second = digits_parse(b + 17, 2);
    if (year < 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, (int)month) ||
        hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    *ret_seconds = civil_days(year, (int)month, (int)day) * SECONDS_PER_DAY + hour * 3600 +
                   minute * 60 + second;
    return true;
}

void digits_write(char *out, int64_t n, size_t count)
{
    for (size_t i = count; i-- > 0; n /= 10)
        out[i] = (char)('0' + n % 10);
}

void time_text_write(int64_t seconds, char out[TIME_TEXT_SIZE - 1])
{
    struct civil_time t = civil_time_of(seconds);
    memcpy(out, "0000-00-00T00:00:00", TIME_TEXT_SIZE - 1);
    digits_write(out, t.year, 4);
    digits_write(out + 5, t.month, 2);
    digits_write(out + 8, t.day, 2);
    digits_write(out + 11, t.hour, 2);
    digits_write(out + 14, t.minute, 2);
    digits_write(out + 17, t.second, 2);
}

/* ---- values ---- */

struct value time_value(struct wall_time t)
{
    return word_of_packed(PACKED_SECONDS, floor_divide(t.unix_ns, NS_PER_SECOND));
}

struct value micro_time_value(struct wall_time t)
{
    return word_of_packed(PACKED_MICROSECONDS, floor_divide(t.unix_ns, 1000));
}

/* "Z" or "+01:30" and nothing more. */
static bool parse_zone(struct str s, int64_t *ret_offset_seconds)
{
    *ret_offset_seconds = 0;
    if (str_equal(s, S("Z")))
        return true;
    if (s.size != 6 || (s.bytes[0] != '+' && s.bytes[0] != '-') || s.bytes[3] != ':')
        return false;
    int64_t hours = digits_parse(s.bytes + 1, 2), minutes = digits_parse(s.bytes + 4, 2);
    if (hours < 0 || hours > 24 || minutes < 0 || minutes > 60)
        return false;
    int64_t offset = hours * 3600 + minutes * 60;
    *ret_offset_seconds = s.bytes[0] == '-' ? -offset : offset;
    return true;
}

/* ".5" and more digits, from s.bytes[*at] on; digits beyond nanoseconds are dropped. */
static bool parse_fraction(struct str s, size_t *at, int64_t *ret_ns)
{
    *ret_ns = 0;
    if (*at >= s.size || (s.bytes[*at] != '.' && s.bytes[*at] != ','))
        return true;
    int64_t unit = NS_PER_SECOND;
    size_t from = ++*at;
    for (; *at < s.size && s.bytes[*at] >= '0' && s.bytes[*at] <= '9'; ++*at) {
        unit /= 10;
        *ret_ns += (s.bytes[*at] - '0') * unit;
    }
    return *at > from;
}

bool time_parse(struct value v, struct wall_time *ret_time)
{
    int64_t seconds, ns = 0, offset;
    if (word_tag(v) == TAG_PACKED && word_packed_sort(v) == PACKED_SECONDS) {
        seconds = word_packed(v);
    } else {
        struct str s = value_str(v);
        size_t at = TIME_TEXT_SIZE - 1;
        if (s.size < TIME_TEXT_SIZE || !time_text_parse(s.bytes, &seconds) ||
            !parse_fraction(s, &at, &ns) || !parse_zone(str_slice(s, at, s.size), &offset))
            return false;
        seconds -= offset;
    }
    /* What the virtual wall clock can show: the years 1678 to 2261. */
    if (seconds > INT64_MAX / NS_PER_SECOND - 1 || seconds < INT64_MIN / NS_PER_SECOND + 1)
        return false;
    *ret_time = (struct wall_time){seconds * NS_PER_SECOND + ns};
    return true;
}
