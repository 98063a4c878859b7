/* SPDX-License-Identifier: Apache-2.0
 *
 * Days and dates, by eras of 400 years (146,097 days). Years begin in March in between, so that the
 * leap day is the last of a year.
 */
#include "sim/base/base.h"

#include "sim/base/calendar.h"

#define DAY_S 86400
#define ERA_DAYS 146097
#define DAYS_TO_1970 719468 /* from 0000-03-01 */

int64_t floor_divide(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}

int days_in_month(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    return days[month - 1] + (month == 2 && is_leap);
}

int64_t civil_days(int64_t year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_divide(y, 400), of_era = y - era * 400;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * ERA_DAYS + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

struct civil_time civil_time_of(int64_t seconds)
{
    int64_t days = floor_divide(seconds, DAY_S), left = seconds - days * DAY_S;
    int64_t z = days + DAYS_TO_1970, era = floor_divide(z, ERA_DAYS), of_era = z - era * ERA_DAYS;
    int64_t year_of_era = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t march_month = (5 * of_year + 2) / 153;
    struct civil_time t = {.day = (int)(of_year - (153 * march_month + 2) / 5 + 1),
                           .month = (int)(march_month < 10 ? march_month + 3 : march_month - 9),
                           .weekday = (int)((days % 7 + 11) % 7),
                           .hour = (int)(left / 3600),
                           .minute = (int)(left / 60 % 60),
                           .second = (int)(left % 60)};
    t.year = year_of_era + era * 400 + (t.month <= 2);
    return t;
}
