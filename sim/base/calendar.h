/* SPDX-License-Identifier: Apache-2.0
 *
 * The proleptic Gregorian calendar over seconds since 1970: UTC or local time, as the caller has
 * it.
 * Pure arithmetic: no time zones, no locale, no libc.
 *
 *     struct civil_time t = civil_time_of(floor_divide(step->wall.unix_ns, 1000000000));
 *     int64_t midnight_s = civil_days(t.year, t.month, t.day) * 86400;
 */
#ifndef SIM_BASE_CALENDAR_H
#define SIM_BASE_CALENDAR_H

#include "sim/base/base.h"

struct civil_time {
    int64_t year;
    int month, day; /* 1.. */
    int weekday;    /* 0: Sunday */
    int hour, minute, second;
};
struct civil_time civil_time_of(int64_t seconds);
int64_t civil_days(int64_t year, int month, int day); /* since 1970-01-01 */
int days_in_month(int64_t year, int month);
int64_t floor_divide(int64_t n, int64_t by); /* towards minus infinity; by > 0 */

#endif
