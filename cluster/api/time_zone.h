/* SPDX-License-Identifier: Apache-2.0
 *
 * The time zones that schedules may name: how far local time is from UTC at an instant.
 *
 *     const struct time_zone *zone = time_zone_find(S("Europe/Oslo"));      NULL: not known here
 *     int64_t local_s = unix_s + time_zone_offset_s(zone, unix_s);
 */
#ifndef CLUSTER_API_TIME_ZONE_H
#define CLUSTER_API_TIME_ZONE_H

#include "sim/base/base.h"

struct time_zone;
const struct time_zone *time_zone_find(struct str name);
int64_t time_zone_offset_s(const struct time_zone *zone, int64_t unix_s); /* NULL: UTC */

/* The proleptic Gregorian calendar of seconds since 1970 (local or UTC, as the caller has it). */
struct civil_time {
    int64_t year;
    int month, day;     /* 1.. */
    int weekday;        /* 0: Sunday */
    int hour, minute, second;
};
struct civil_time civil_time_of(int64_t seconds);
int64_t civil_days(int64_t year, int month, int day); /* since 1970-01-01 */

#endif
