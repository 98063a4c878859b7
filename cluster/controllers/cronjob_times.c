/* SPDX-License-Identifier: Apache-2.0
 *
 * Which time of a CronJob's schedule is due. Only the latest one that has come counts, however many
 * were missed; with startingDeadlineSeconds nothing older than that is looked for
 * [doc:cron-jobs#job-creation].
 *
 * Upstream: utils.go (mostRecentScheduleTime, nextScheduleTime, nextScheduleTimeDuration).
 */
#include "sim/base/base.h"

#include "cluster/controllers/cronjob.h"

#define WAIT_SLACK_NS INT64_C(100000000)
#define SECOND_NS INT64_C(1000000000)

struct cron_times cron_times_of(const struct cron_schedule *schedule, const struct time_zone *zone,
                                int64_t last_s, int64_t deadline_s, int64_t now_s)
{
    struct cron_times t = {.earliest_s = last_s};
    if (deadline_s >= 0 && now_s - deadline_s > last_s)
        t.earliest_s = now_s - deadline_s;
    int64_t first, second;
    if (!cron_schedule_next(schedule, zone, t.earliest_s, &first) ||
        !cron_schedule_next(schedule, zone, first, &second) || second - first < 1) {
        t.is_invalid = true;
        return t;
    }
    if (now_s < first)
        return t;
    if (now_s < second) {
        t.is_due = true;
        t.scheduled_s = first;
        return t;
    }
    /* Near enough to the latest by the distance of the first two, then step by step. */
    t.missed_count = (now_s - first) / (second - first) + 1;
    int64_t at = first + (t.missed_count - 2) * (second - first);
    while (cron_schedule_next(schedule, zone, at, &at) && at <= now_s) {
        t.is_due = true;
        t.scheduled_s = at;
    }
    return t;
}

struct duration cron_wait(const struct cron_schedule *schedule, const struct time_zone *zone,
                          int64_t last_s, struct wall_time now)
{
    int64_t now_s = now.unix_ns / SECOND_NS, next;
    struct cron_times t = cron_times_of(schedule, zone, last_s, -1, now_s);
    int64_t from =
        t.is_due ? t.scheduled_s : (t.is_invalid || t.missed_count > 0 ? now_s : t.earliest_s);
    if (!cron_schedule_next(schedule, zone, from, &next))
        next = now_s;
    return duration_ns(next * SECOND_NS + WAIT_SLACK_NS - now.unix_ns);
}
