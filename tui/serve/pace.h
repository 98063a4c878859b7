/* SPDX-License-Identifier: Apache-2.0
 *
 * How virtual time follows the clock on the wall. Arithmetic only: whoever owns it says what both
 * clocks show and what has happened.
 *
 *     struct pace p = {.mode = PACE_FACTOR, .factor = 60};
 *     pace_begin(&p, sim_now(sim), wall_us);
 *     ...
 *     struct instant limit = pace_look(&p, sim_now(sim), wall_us);       run what is due up to it
 *     int ms = pace_rest_ms(&p, next_event, most_ms);                    nothing is due for so long
 *
 * Factor: virtual time is so many times as fast. Paused: it stands. Max: it leaps from event to
 * event as fast as the machine can while something goes on, and follows the wall once nothing but
 * heartbeats has happened for PACE_SETTLED of virtual time, or PACE_ALONE has passed since anybody
 * outside last wrote; so an idle cluster neither burns a CPU nor grows old while nobody looks.
 *
 * A clock on the wall that has jumped (a laptop that slept, a debugger) moves virtual time by
 * PACE_JUMP_US at most; what the machine cannot catch up with is given up. Virtual time never goes
 * back: when it is ahead, since somebody waited for an answer, it stands or, when far ahead, goes
 * on from there.
 */
#ifndef TUI_SERVE_PACE_H
#define TUI_SERVE_PACE_H

#include "sim/base/base.h"

#define PACE_SETTLED duration_minutes(10)
#define PACE_ALONE duration_minutes(60)
#define PACE_JUMP_US 2000000
#define PACE_LAG_US 2000000 /* of the clock on the wall */
#define PACE_LEAD duration_s(1)
#define PACE_FACTOR_MAX 1000000

enum pace_mode { PACE_FACTOR, PACE_MAX, PACE_PAUSED };
struct pace {
    enum pace_mode mode;
    int64_t factor;
    enum pace_mode resumed; /* the mode after a pause */
    bool is_busy;           /* something waits for virtual time to pass: max does not rest */
    /* As fast as it can up to here, then paused; INSTANT_NEVER and UINT64_MAX: no such goal. */
    bool has_goal;
    struct instant goal;
    uint64_t goal_events;
    /* private to pace.c */
    int64_t wall_us;
    struct instant target, written, changed;
};

/* "1", "60", "max", "paused"; false: none of these. */
bool pace_parse(struct pace *p, struct str text);
void pace_text(const struct pace *p, char out[32]);
void pace_begin(struct pace *p, struct instant now, int64_t wall_us);
void pace_written(struct pace *p, struct instant now); /* somebody outside has written */
void pace_changed(struct pace *p, struct instant now); /* more than a heartbeat */
struct instant pace_look(struct pace *p, struct instant now, int64_t wall_us);
/* Max, and at rest. */
bool pace_is_settled(const struct pace *p, struct instant now);
int pace_rest_ms(const struct pace *p, struct instant now, struct instant next, int most_ms);

void pace_pause(struct pace *p);
void pace_resume(struct pace *p);
void pace_goal_set(struct pace *p, struct instant at, uint64_t events);
/* True once when it is reached; the pace is paused then. */
bool pace_goal_reached(struct pace *p, struct instant now, uint64_t events);

#endif
