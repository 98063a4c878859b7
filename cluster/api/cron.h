/* SPDX-License-Identifier: Apache-2.0
 *
 * Schedules of CronJobs: "0,30 9-17 * * MON-FRI", "@hourly", "@every 90s".
 *
 *     struct cron_schedule schedule;
 *     if (!cron_schedule_parse(S("0 3 * * *"), &schedule, &why)) ...      why: what the API server
 *     tells the user
 *     if (cron_schedule_next(&schedule, zone, now_s, &next_s)) ...         the first instant after
 *     now_s
 */
#ifndef CLUSTER_API_CRON_H
#define CLUSTER_API_CRON_H

#include "cluster/api/time_zone.h"
#include "sim/base/text.h"

struct cron_schedule {
    uint64_t minutes, hours, days, months, weekdays; /* bit n: the number n is meant */
    bool is_any_day, is_any_weekday;                 /* "*": the other of the two decides alone */
    int64_t every_s;                                 /* "@every": the period; else 0 */
};
/* False: *why has the reason added to it. */
bool cron_schedule_parse(struct str text, struct cron_schedule *ret_schedule, struct text *why);
/* In whole seconds since 1970, UTC; false: none within five years (31 February). */
bool cron_schedule_next(const struct cron_schedule *schedule, const struct time_zone *zone,
                        int64_t after_s, int64_t *ret_next_s);

#endif
