/* SPDX-License-Identifier: Apache-2.0
 *
 * The time zones that schedules may name: how far local time is from UTC at an instant.
 *
 *     const struct time_zone *zone = time_zone_find(S("Europe/Oslo"));      NULL: not known here
 *     int64_t local_s = unix_s + time_zone_offset_s(zone, unix_s);
 */
#ifndef CLUSTER_API_TIME_ZONE_H
#define CLUSTER_API_TIME_ZONE_H

#include "sim/base/calendar.h"

struct time_zone;
const struct time_zone *time_zone_find(struct str name);
int64_t time_zone_offset_s(const struct time_zone *zone, int64_t unix_s); /* NULL: UTC */

#endif
