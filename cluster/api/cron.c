/* SPDX-License-Identifier: Apache-2.0
 *
 * "Cron schedule syntax" [doc:cron-jobs#schedule-syntax]: five fields (minute 0-59, hour 0-23, day
 * of the month 1-31, month 1-12 or JAN-DEC, day of the week 0-6 or SUN-SAT), each a list of
 * numbers, ranges and steps; or one of the descriptors @yearly, @annually, @monthly, @weekly,
 * @daily, @midnight, @hourly; or "@every <duration>".
 *
 * When both days are restricted, either suffices. "N/step" means "N-maximum/step". An hour that a
 * change to summer time leaves out is not scheduled in; one that comes twice is twice.
 *
 * Upstream: github.com/robfig/cron/v3 (ParseStandard, SpecSchedule.Next), whose texts users see.
 */
#include "sim/base/base.h"

#include "cluster/api/cron.h"

#define HOUR_S INT64_C(3600)
#define DAY_S INT64_C(86400)
#define YEARS_MAX 5

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                          "jul", "aug", "sep", "oct", "nov", "dec"};
static const char *const weekday_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};

struct field {
    int64_t low, high;
    const char *const *names; /* of low, low + 1, ...; NULL: numbers only */
    size_t name_count;
};
static const struct field fields[5] = {{0, 59, NULL, 0},
                                       {0, 23, NULL, 0},
                                       {1, 31, NULL, 0},
                                       {1, 12, month_names, ARRAY_COUNT(month_names)},
                                       {0, 6, weekday_names, ARRAY_COUNT(weekday_names)}};

/* ---- reading ---- */

static bool is_name(struct str s, const char *name)
{
    if (s.size != strlen(name))
        return false;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if ((c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c) != name[i])
            return false;
    }
    return true;
}

static bool read_number(struct str s, const struct field *f, int64_t *ret, struct text *why)
{
    for (size_t i = 0; f && i < f->name_count; i++)
        if (is_name(s, f->names[i])) {
            *ret = f->low + (int64_t)i;
            return true;
        }
    if (!str_to_int64(s, ret)) {
        text_printf(why,
                    "failed to parse int from %.*s: strconv.Atoi: parsing \"%.*s\": invalid syntax",
                    STR_ARG(s), STR_ARG(s));
        return false;
    }
    if (*ret < 0)
        text_printf(why, "negative number (%" PRId64 ") not allowed: %.*s", *ret, STR_ARG(s));
    return *ret >= 0;
}

static size_t count_of(struct str s, char byte)
{
    size_t n = 0;
    for (size_t i = 0; i < s.size; i++)
        n += s.bytes[i] == byte;
    return n;
}

static bool check_range(struct str part, const struct field *f, int64_t from, int64_t to,
                        int64_t step, struct text *why)
{
    if (from < f->low)
        text_printf(why, "beginning of range (%" PRId64 ") below minimum (%" PRId64 "): %.*s", from,
                    f->low, STR_ARG(part));
    else if (to > f->high)
        text_printf(why, "end of range (%" PRId64 ") above maximum (%" PRId64 "): %.*s", to,
                    f->high, STR_ARG(part));
    else if (from > to)
        text_printf(why, "beginning of range (%" PRId64 ") beyond end of range (%" PRId64 "): %.*s",
                    from, to, STR_ARG(part));
    else if (step == 0)
        text_printf(why, "step of range should be a positive number: %.*s", STR_ARG(part));
    else
        return true;
    return false;
}

/* One part of a list: "*", "5", "1-5", each also with "/2". */
static bool read_part(struct str part, const struct field *f, uint64_t *bits, bool *is_any,
                      struct text *why)
{
    struct str step_text, range = str_cut(part, '/', &step_text);
    struct str end, begin = str_cut(range, '-', &end);
    bool has_step = range.size < part.size, has_end = begin.size < range.size;
    int64_t from = f->low, to = f->high, step = 1;
    if (str_equal(begin, S("*")) || str_equal(begin, S("?"))) {
        *is_any = true;
        has_end = true;
    } else {
        if (count_of(range, '-') > 1) {
            text_printf(why, "too many hyphens: %.*s", STR_ARG(part));
            return false;
        }
        if (!read_number(begin, f, &from, why))
            return false;
        to = from;
        if (has_end && !read_number(end, f, &to, why))
            return false;
    }
    if (count_of(part, '/') > 1) {
        text_printf(why, "too many slashes: %.*s", STR_ARG(part));
        return false;
    }
    if (has_step) {
        if (!read_number(step_text, NULL, &step, why))
            return false;
        to = has_end ? to : f->high;
        if (step > 1)
            *is_any = false;
    }
    if (!check_range(part, f, from, to, step, why))
        return false;
    for (int64_t i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return true;
}

static bool read_field(struct str text, const struct field *f, uint64_t *bits, bool *is_any,
                       struct text *why)
{
    for (struct str rest = text; rest.size > 0;) {
        struct str part = str_cut(rest, ',', &rest);
        bool is_any_here = false;
        if (part.size > 0 && !read_part(part, f, bits, &is_any_here, why))
            return false;
        *is_any = *is_any || is_any_here;
    }
    return true;
}

static bool read_descriptor(struct str text, struct cron_schedule *s, struct text *why)
{
    static const struct {
        const char *name, *fields;
    } known[] = {{"@yearly", "0 0 1 1 *"}, {"@annually", "0 0 1 1 *"}, {"@monthly", "0 0 1 * *"},
                 {"@weekly", "0 0 * * 0"}, {"@daily", "0 0 * * *"},    {"@midnight", "0 0 * * *"},
                 {"@hourly", "0 * * * *"}};
    for (size_t i = 0; i < ARRAY_COUNT(known); i++)
        if (str_equal(text, str_from(known[i].name)))
            return cron_schedule_parse(str_from(known[i].fields), s, why);
    struct str prefix = S("@every ");
    if (!str_starts_with(text, prefix)) {
        text_printf(why, "unrecognized descriptor: %.*s", STR_ARG(text));
        return false;
    }
    struct duration period;
    struct str written = str_slice(text, prefix.size, text.size);
    if (!duration_parse(written, &period)) {
        text_printf(why, "failed to parse duration %.*s: time: invalid duration \"%.*s\"",
                    STR_ARG(text), STR_ARG(written));
        return false;
    }
    s->every_s = period.ns / 1000000000; /* whole seconds, at least one */
    s->every_s = s->every_s < 1 ? 1 : s->every_s;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static size_t split(struct str text, struct str *words, size_t max)
{
    size_t count = 0;
    for (size_t i = 0; i < text.size;) {
        size_t from = i;
        while (i < text.size && !is_blank(text.bytes[i]))
            i++;
        if (i > from) {
            if (count < max)
                words[count] = str_slice(text, from, i);
            count++;
        } else {
            i++;
        }
    }
    return count;
}

bool cron_schedule_parse(struct str text, struct cron_schedule *ret_schedule, struct text *why)
{
    struct cron_schedule s = {0};
    *ret_schedule = s;
    if (text.size == 0) {
        text_add(why, S("empty spec string"));
        return false;
    }
    if (text.bytes[0] == '@')
        return read_descriptor(text, ret_schedule, why);
    struct str words[16];
    size_t count = split(text, words, ARRAY_COUNT(words));
    if (count != ARRAY_COUNT(fields)) {
        text_printf(why, "expected exactly 5 fields, found %d: [", (int)count);
        for (size_t i = 0; i < count && i < ARRAY_COUNT(words); i++)
            text_printf(why, "%s%.*s", i ? " " : "", STR_ARG(words[i]));
        text_add_byte(why, ']');
        return false;
    }
    uint64_t *bits[] = {&s.minutes, &s.hours, &s.days, &s.months, &s.weekdays};
    bool is_any[ARRAY_COUNT(fields)] = {false};
    for (size_t i = 0; i < count; i++)
        if (!read_field(words[i], &fields[i], bits[i], &is_any[i], why))
            return false;
    s.is_any_day = is_any[2];
    s.is_any_weekday = is_any[4];
    *ret_schedule = s;
    return true;
}

/* ---- the next time ---- */

static bool has_bit(uint64_t bits, int n)
{
    return bits >> n & 1;
}

static bool is_its_day(const struct cron_schedule *s, const struct civil_time *t)
{
    bool is_day = has_bit(s->days, t->day), is_weekday = has_bit(s->weekdays, t->weekday);
    bool is_met = s->is_any_day || s->is_any_weekday ? is_day && is_weekday : is_day || is_weekday;
    return is_met && has_bit(s->months, t->month);
}

/* Goes through the instants of the zone's local time: whole days are passed over in steps that end
 * before midnight by more than any change of the clocks. */
bool cron_schedule_next(const struct cron_schedule *schedule, const struct time_zone *zone,
                        int64_t after_s, int64_t *ret_next_s)
{
    if (schedule->every_s > 0) {
        *ret_next_s = after_s + schedule->every_s;
        return true;
    }
    int64_t t = after_s - (after_s % 60 + 60) % 60 + 60;
    int64_t last_year = civil_time_of(after_s).year + YEARS_MAX;
    for (;;) {
        int64_t local_s = t + time_zone_offset_s(zone, t);
        struct civil_time local = civil_time_of(local_s);
        if (local.year > last_year)
            return false;
        int64_t of_hour = local.minute * 60 + local.second, of_day = local.hour * HOUR_S + of_hour;
        if (!is_its_day(schedule, &local)) {
            int64_t to_midnight = DAY_S - of_day;
            t += to_midnight > 4 * HOUR_S ? to_midnight - 3 * HOUR_S : HOUR_S - of_hour;
        } else if (!has_bit(schedule->hours, local.hour)) {
            t += HOUR_S - of_hour;
        } else if (!has_bit(schedule->minutes, local.minute)) {
            t += 60 - local.second;
        } else {
            *ret_next_s = t;
            return true;
        }
    }
}
