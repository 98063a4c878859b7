/* SPDX-License-Identifier: Apache-2.0
 *
 * A small book of time zones. Each has an offset from UTC and a rule for summer time; the rules are
 * those of 2026, applied to every year.
 *
 * DEVIATION: a real controller has the whole zone database, with its history. Here are UTC, the
 * fixed zones Etc/GMT-14 .. Etc/GMT+12 and the zones of the table; any other name is unknown, and
 * the CronJob controller says so.
 */
#include "sim/base/base.h"

#include "cluster/api/time_zone.h"

#define DAY_S INT64_C(86400)
#define HOUR_S INT64_C(3600)

enum summer_rule { SUMMER_NEVER, SUMMER_EUROPE, SUMMER_AMERICA, SUMMER_AUSTRALIA, SUMMER_ZEALAND };
struct time_zone {
    const char *name;
    int offset_minutes;
    enum summer_rule rule;
};

static const struct time_zone zones[] = {
    {"UTC", 0, SUMMER_NEVER},
    {"Etc/UTC", 0, SUMMER_NEVER},
    {"Etc/GMT", 0, SUMMER_NEVER},
    {"GMT", 0, SUMMER_NEVER},
    {"Zulu", 0, SUMMER_NEVER},
    {"Africa/Abidjan", 0, SUMMER_NEVER},
    {"Africa/Johannesburg", 120, SUMMER_NEVER},
    {"Africa/Lagos", 60, SUMMER_NEVER},
    {"Africa/Nairobi", 180, SUMMER_NEVER},
    {"America/Anchorage", -540, SUMMER_AMERICA},
    {"America/Argentina/Buenos_Aires", -180, SUMMER_NEVER},
    {"America/Bogota", -300, SUMMER_NEVER},
    {"America/Chicago", -360, SUMMER_AMERICA},
    {"America/Denver", -420, SUMMER_AMERICA},
    {"America/Halifax", -240, SUMMER_AMERICA},
    {"America/Lima", -300, SUMMER_NEVER},
    {"America/Los_Angeles", -480, SUMMER_AMERICA},
    {"America/Mexico_City", -360, SUMMER_NEVER},
    {"America/New_York", -300, SUMMER_AMERICA},
    {"America/Phoenix", -420, SUMMER_NEVER},
    {"America/Sao_Paulo", -180, SUMMER_NEVER},
    {"America/Toronto", -300, SUMMER_AMERICA},
    {"America/Vancouver", -480, SUMMER_AMERICA},
    {"Asia/Bangkok", 420, SUMMER_NEVER},
    {"Asia/Dubai", 240, SUMMER_NEVER},
    {"Asia/Ho_Chi_Minh", 420, SUMMER_NEVER},
    {"Asia/Hong_Kong", 480, SUMMER_NEVER},
    {"Asia/Jakarta", 420, SUMMER_NEVER},
    {"Asia/Karachi", 300, SUMMER_NEVER},
    {"Asia/Kathmandu", 345, SUMMER_NEVER},
    {"Asia/Kolkata", 330, SUMMER_NEVER},
    {"Asia/Calcutta", 330, SUMMER_NEVER},
    {"Asia/Manila", 480, SUMMER_NEVER},
    {"Asia/Riyadh", 180, SUMMER_NEVER},
    {"Asia/Seoul", 540, SUMMER_NEVER},
    {"Asia/Shanghai", 480, SUMMER_NEVER},
    {"Asia/Singapore", 480, SUMMER_NEVER},
    {"Asia/Taipei", 480, SUMMER_NEVER},
    {"Asia/Tokyo", 540, SUMMER_NEVER},
    {"Atlantic/Reykjavik", 0, SUMMER_NEVER},
    {"Australia/Adelaide", 570, SUMMER_AUSTRALIA},
    {"Australia/Brisbane", 600, SUMMER_NEVER},
    {"Australia/Darwin", 570, SUMMER_NEVER},
    {"Australia/Hobart", 600, SUMMER_AUSTRALIA},
    {"Australia/Melbourne", 600, SUMMER_AUSTRALIA},
    {"Australia/Perth", 480, SUMMER_NEVER},
    {"Australia/Sydney", 600, SUMMER_AUSTRALIA},
    {"Europe/Amsterdam", 60, SUMMER_EUROPE},
    {"Europe/Athens", 120, SUMMER_EUROPE},
    {"Europe/Berlin", 60, SUMMER_EUROPE},
    {"Europe/Brussels", 60, SUMMER_EUROPE},
    {"Europe/Bucharest", 120, SUMMER_EUROPE},
    {"Europe/Budapest", 60, SUMMER_EUROPE},
    {"Europe/Copenhagen", 60, SUMMER_EUROPE},
    {"Europe/Dublin", 0, SUMMER_EUROPE},
    {"Europe/Helsinki", 120, SUMMER_EUROPE},
    {"Europe/Istanbul", 180, SUMMER_NEVER},
    {"Europe/Kyiv", 120, SUMMER_EUROPE},
    {"Europe/Lisbon", 0, SUMMER_EUROPE},
    {"Europe/London", 0, SUMMER_EUROPE},
    {"Europe/Madrid", 60, SUMMER_EUROPE},
    {"Europe/Moscow", 180, SUMMER_NEVER},
    {"Europe/Oslo", 60, SUMMER_EUROPE},
    {"Europe/Paris", 60, SUMMER_EUROPE},
    {"Europe/Prague", 60, SUMMER_EUROPE},
    {"Europe/Rome", 60, SUMMER_EUROPE},
    {"Europe/Sofia", 120, SUMMER_EUROPE},
    {"Europe/Stockholm", 60, SUMMER_EUROPE},
    {"Europe/Vienna", 60, SUMMER_EUROPE},
    {"Europe/Warsaw", 60, SUMMER_EUROPE},
    {"Europe/Zurich", 60, SUMMER_EUROPE},
    {"Pacific/Auckland", 720, SUMMER_ZEALAND},
    {"Pacific/Honolulu", -600, SUMMER_NEVER},
};
/* Etc/GMT+1 is west of Greenwich: the sign is the one of POSIX. */
#define ETC(sign, text, n)                                                                         \
    {                                                                                              \
        "Etc/GMT" text, sign *(n)*60, SUMMER_NEVER                                                 \
    }
static const struct time_zone fixed[] = {
    ETC(-1, "+1", 1),  ETC(-1, "+2", 2),   ETC(-1, "+3", 3),   ETC(-1, "+4", 4),
    ETC(-1, "+5", 5),  ETC(-1, "+6", 6),   ETC(-1, "+7", 7),   ETC(-1, "+8", 8),
    ETC(-1, "+9", 9),  ETC(-1, "+10", 10), ETC(-1, "+11", 11), ETC(-1, "+12", 12),
    ETC(1, "-1", 1),   ETC(1, "-2", 2),    ETC(1, "-3", 3),    ETC(1, "-4", 4),
    ETC(1, "-5", 5),   ETC(1, "-6", 6),    ETC(1, "-7", 7),    ETC(1, "-8", 8),
    ETC(1, "-9", 9),   ETC(1, "-10", 10),  ETC(1, "-11", 11),  ETC(1, "-12", 12),
    ETC(1, "-13", 13), ETC(1, "-14", 14),
};

const struct time_zone *time_zone_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(zones); i++)
        if (str_equal(str_from(zones[i].name), name))
            return &zones[i];
    for (size_t i = 0; i < ARRAY_COUNT(fixed); i++)
        if (str_equal(str_from(fixed[i].name), name))
            return &fixed[i];
    return NULL;
}

/* ---- summer time ---- */

/* Midnight of the n-th Sunday of a month (n 1..4), or of the last one (n 0), in seconds. */
static int64_t sunday_s(int64_t year, int month, int n)
{
    int64_t first = n > 0 ? civil_days(year, month, 1) : civil_days(year, month + 1, 1) - 7;
    int64_t weekday = (first % 7 + 11) % 7;
    return (first + (7 - weekday) % 7 + (n > 1 ? 7 * (n - 1) : 0)) * DAY_S;
}

/* `local_s` is standard time of the zone. */
static bool is_summer(const struct time_zone *zone, int64_t unix_s, int64_t local_s)
{
    int64_t year = civil_time_of(local_s).year;
    switch (zone->rule) {
    case SUMMER_NEVER:
        return false;
    case SUMMER_EUROPE: /* at 01:00 UTC everywhere */
        return unix_s >= sunday_s(year, 3, 0) + HOUR_S && unix_s < sunday_s(year, 10, 0) + HOUR_S;
    case SUMMER_AMERICA: /* 02:00 standard, back at 02:00 summer time */
        return local_s >= sunday_s(year, 3, 2) + 2 * HOUR_S &&
               local_s < sunday_s(year, 11, 1) + HOUR_S;
    case SUMMER_AUSTRALIA:
        return local_s >= sunday_s(year, 10, 1) + 2 * HOUR_S ||
               local_s < sunday_s(year, 4, 1) + 2 * HOUR_S;
    case SUMMER_ZEALAND:
        return local_s >= sunday_s(year, 9, 0) + 2 * HOUR_S ||
               local_s < sunday_s(year, 4, 1) + 2 * HOUR_S;
    }
    return false;
}

int64_t time_zone_offset_s(const struct time_zone *zone, int64_t unix_s)
{
    if (!zone)
        return 0;
    int64_t standard = (int64_t)zone->offset_minutes * 60;
    return standard + (is_summer(zone, unix_s, unix_s + standard) ? HOUR_S : 0);
}
