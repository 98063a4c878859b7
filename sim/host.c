/* SPDX-License-Identifier: Apache-2.0
 *
 * Hosts: power, and the two clocks of each.
 *
 * The monotonic clock runs with the simulation's, but for a rate error (drift). The wall clock is
 * the start of the run plus the monotonic clock plus an offset, which is chosen anew whenever the
 * clocks are set, so that it then shows the true time plus what was asked. A step of the wall clock
 * never moves the monotonic one. A change of drift begins a new segment, and pending timers are
 * timed anew, since they were set by the monotonic clock.
 *
 * Power-off is silence: processes end without a word to anybody, un-synced records are undone,
 * peers find out by their own time-outs. DEVIATION: the monotonic clock does not start from zero at
 * a boot; nobody compares it across boots.
 */
#include "sim/world.h"

#define MILLION 1000000

__extension__ typedef __int128 wide;

/* ---- clocks ---- */

struct instant host_monotonic(const struct sim *sim, const struct host *host)
{
    int64_t elapsed = sim->now - host->clock_base;
    int64_t drift = 0;
    if (UNLIKELY(host->drift_ppm))
        drift = (int64_t)((wide)elapsed * host->drift_ppm / MILLION);
    return (struct instant){host->clock_base_mono + elapsed + drift};
}

struct wall_time host_wall(const struct sim *sim, const struct host *host)
{
    int64_t mono = host_monotonic(sim, host).ns;
    return (struct wall_time){sim->options.start.unix_ns + mono + host->clock_offset};
}

/* The first instant at which the host's monotonic clock shows `mono` or more. */
struct instant host_from_monotonic(const struct host *host, struct instant mono)
{
    if (mono.ns == INSTANT_NEVER.ns)
        return mono;
    int64_t elapsed = mono.ns - host->clock_base_mono;
    if (LIKELY(!host->drift_ppm))
        return (struct instant){host->clock_base + elapsed};
    int64_t rate = MILLION + host->drift_ppm;
    wide real = (wide)elapsed * MILLION;
    wide rounded = real >= 0 ? (real + rate - 1) / rate : real / rate;
    if (rounded > INT64_MAX - host->clock_base)
        return INSTANT_NEVER;
    return (struct instant){host->clock_base + (int64_t)rounded};
}

void sim_clock_set(struct sim *sim, host_id id, struct duration offset, int32_t drift_ppm)
{
    struct host *host = host_of(sim, id);
    CHECK(drift_ppm > -MILLION);
    outside_action(sim, 0, id, "clock offset %" PRId64 "ns drift %dppm", offset.ns, drift_ppm);
    struct host before = *host;
    host->clock_base_mono = host_monotonic(sim, host).ns;
    host->clock_base = sim->now;
    host->clock_offset = offset.ns - (host->clock_base_mono - sim->now);
    host->drift_ppm = drift_ppm;
    for (process_id p = host->first_process; p; p = process_of(sim, p)->next_on_host)
        process_of(sim, p)->has_odd_clock = true;
    if (before.drift_ppm == drift_ppm)
        return;
    struct popped timer;
    for (event_handle h = queue_each(sim->queue, 0); h; h = queue_each(sim->queue, h)) {
        if (!queue_get(sim->queue, h, &timer) || timer.event.kind != EVENT_TIMER ||
            process_of(sim, timer.event.target)->host != id)
            continue;
        if (timer.at.ns < sim->now || timer.at.ns == INSTANT_NEVER.ns)
            continue; /* parked: it is late already */
        wide elapsed = timer.at.ns - before.clock_base;
        wide mono = before.clock_base_mono + elapsed + elapsed * before.drift_ppm / MILLION;
        struct instant at = host_from_monotonic(host, (struct instant){(int64_t)mono});
        if (at.ns < sim->now)
            at = now_of(sim);
        queue_move(sim->queue, h, at, timer.tie);
    }
}

/* ---- power ---- */

static void power_off(struct sim *sim, host_id id)
{
    struct host *host = host_of(sim, id);
    queue_drop(sim->queue, host->boot);
    host->boot = 0;
    if (!host->is_up)
        return;
    host->is_up = false;
    host->is_paused = false;
    for (process_id p = host->first_process; p; p = process_of(sim, p)->next_on_host) {
        struct process *process = process_of(sim, p);
        queue_drop(sim->queue, process->start);
        process->start = 0;
        process->is_host_paused = process->start_waits = false;
        process_die(sim, p, true);
    }
    disk_power_loss(sim, id);
    streams_refresh_host(sim, id);
}

void host_boot(struct sim *sim, host_id id)
{
    struct host *host = host_of(sim, id);
    host->boot = 0;
    if (host->is_up)
        return;
    host->is_up = true;
    host->boots++;
    streams_host_boots(sim, id);
    streams_refresh_host(sim, id);
    for (process_id p = host->first_process; p; p = process_of(sim, p)->next_on_host)
        if (process_of(sim, p)->is_wanted)
            process_schedule_start(sim, p, process_of(sim, p)->start_delay);
}

void sim_host_power_off(struct sim *sim, host_id id)
{
    outside_action(sim, 0, id, "power off");
    power_off(sim, id);
}

void sim_host_power_on(struct sim *sim, host_id id)
{
    outside_action(sim, 0, id, "power on");
    struct host *host = host_of(sim, id);
    queue_drop(sim->queue, host->boot);
    host_boot(sim, id);
}

void sim_host_reboot(struct sim *sim, host_id id, struct duration down)
{
    outside_action(sim, 0, id, "reboot, down for %" PRId64 "ns", down.ns);
    power_off(sim, id);
    struct event event = {EVENT_BOOT, id, 0};
    host_of(sim, id)->boot = queue_push(sim->queue, instant_add(now_of(sim), down),
                                        tie_next(sim, CLASS_WORLD, 0), &event);
}

static void set_paused(struct sim *sim, host_id id, bool is_paused)
{
    struct host *host = host_of(sim, id);
    if (!host->is_up || host->is_paused == is_paused)
        return;
    host->is_paused = is_paused;
    for (process_id p = host->first_process; p; p = process_of(sim, p)->next_on_host)
        process_of(sim, p)->is_host_paused = is_paused;
    streams_refresh_host(sim, id);
    for (process_id p = host->first_process; p; p = process_of(sim, p)->next_on_host)
        process_unpark(sim, p);
}

void sim_host_pause(struct sim *sim, host_id id)
{
    outside_action(sim, 0, id, "pause");
    set_paused(sim, id, true);
}

void sim_host_resume(struct sim *sim, host_id id)
{
    outside_action(sim, 0, id, "resume");
    set_paused(sim, id, false);
}
