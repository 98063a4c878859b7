/* SPDX-License-Identifier: Apache-2.0
 *
 * The pure middle of the CronJob controller: which scheduled time is due, and when to look again.
 */
#ifndef CLUSTER_CONTROLLERS_CRONJOB_H
#define CLUSTER_CONTROLLERS_CRONJOB_H

#include "cluster/api/cron.h"
#include "cluster/client/controller.h"

extern const struct controller_info cronjob_controller;

struct cron_times {
    int64_t earliest_s;  /* what the search began from: the last scheduled time, or the creation */
    int64_t scheduled_s; /* the latest time that has come; valid when is_due */
    bool is_due;
    bool is_invalid;      /* the schedule names no time, or the same one again and again */
    int64_t missed_count; /* times that have passed; an estimate, as upstream's; 0: none */
};
/* last_s: the last scheduled time, or the creation; deadline_s: startingDeadlineSeconds, -1: none.
 * */
struct cron_times cron_times_of(const struct cron_schedule *schedule, const struct time_zone *zone,
                                int64_t last_s, int64_t deadline_s, int64_t now_s);
/* How long until the next time, and a tenth of a second. */
struct duration cron_wait(const struct cron_schedule *schedule, const struct time_zone *zone,
                          int64_t last_s, struct wall_time now);

#endif
