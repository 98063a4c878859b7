/* SPDX-License-Identifier: Apache-2.0
 *
 * The target moves with the clock on the wall, piece by piece, so that a piece that is too long can
 * be cut. Instants are far below the end of their range: a limit of "no limit" is the last one
 * before INSTANT_NEVER, at which nothing is due.
 */
#include "sim/base/base.h"

#include "tui/serve/pace.h"

#include <stdio.h>

#define UNLIMITED ((struct instant){INT64_MAX - 1})

bool pace_parse(struct pace *p, struct str text)
{
    int64_t factor = p->factor ? p->factor : 1;
    if (str_equal(text, S("max"))) {
        p->mode = PACE_MAX;
    } else if (str_equal(text, S("paused"))) {
        p->mode = PACE_PAUSED;
    } else {
        if (str_ends_with(text, S("x")))
            text.size--;
        if (!str_to_int64(text, &factor) || factor < 1 || factor > PACE_FACTOR_MAX)
            return false;
        p->mode = PACE_FACTOR;
    }
    p->factor = factor;
    if (p->mode != PACE_PAUSED)
        p->resumed = p->mode;
    p->has_goal = false;
    return true;
}

void pace_text(const struct pace *p, char out[32])
{
    switch (p->mode) {
    case PACE_FACTOR:
        snprintf(out, 32, "%" PRId64, p->factor);
        return;
    case PACE_MAX:
        snprintf(out, 32, "max");
        return;
    case PACE_PAUSED:
        snprintf(out, 32, "paused");
        return;
    }
}

void pace_begin(struct pace *p, struct instant now, int64_t wall_us)
{
    p->wall_us = wall_us;
    p->target = p->written = p->changed = now;
}

void pace_written(struct pace *p, struct instant now)
{
    p->written = now;
    p->changed = now;
}

void pace_changed(struct pace *p, struct instant now)
{
    p->changed = now;
}

bool pace_is_settled(const struct pace *p, struct instant now)
{
    return p->mode == PACE_MAX && !p->is_busy && !p->has_goal &&
           (instant_since(now, p->changed).ns >= PACE_SETTLED.ns ||
            instant_since(now, p->written).ns >= PACE_ALONE.ns);
}

static int64_t factor_of(const struct pace *p)
{
    return p->mode == PACE_FACTOR ? p->factor : 1;
}

struct instant pace_look(struct pace *p, struct instant now, int64_t wall_us)
{
    int64_t passed = wall_us - p->wall_us, factor = factor_of(p);
    passed = passed < 0 ? 0 : passed > PACE_JUMP_US ? PACE_JUMP_US : passed;
    p->wall_us = wall_us;
    bool is_leaping = p->has_goal || (p->mode == PACE_MAX && !pace_is_settled(p, now));
    if (p->mode == PACE_PAUSED || is_leaping) {
        p->target = now;
        if (!is_leaping)
            return p->target;
        return p->has_goal && instant_before(p->goal, UNLIMITED) ? p->goal : UNLIMITED;
    }
    p->target = instant_add(p->target, duration_us(passed * factor));
    if (instant_since(p->target, now).ns > duration_us(PACE_LAG_US).ns * factor)
        p->target = instant_add(now, duration_us(PACE_LAG_US * factor));
    if (instant_since(now, p->target).ns > PACE_LEAD.ns)
        p->target = now;
    return p->target;
}

int pace_rest_ms(const struct pace *p, struct instant now, struct instant next, int most_ms)
{
    if (p->mode == PACE_PAUSED && !p->has_goal)
        return most_ms;
    if (p->has_goal || (p->mode == PACE_MAX && !pace_is_settled(p, now)))
        return next.ns == INSTANT_NEVER.ns ? most_ms : 0;
    if (next.ns == INSTANT_NEVER.ns)
        return most_ms;
    int64_t ms = instant_since(next, p->target).ns / factor_of(p) / 1000000;
    return ms < 0 ? 0 : ms >= most_ms ? most_ms : (int)ms + 1;
}

void pace_pause(struct pace *p)
{
    p->mode = PACE_PAUSED;
    p->has_goal = false;
}

void pace_resume(struct pace *p)
{
    p->mode = p->resumed;
    p->has_goal = false;
}

void pace_goal_set(struct pace *p, struct instant at, uint64_t events)
{
    p->has_goal = true;
    p->goal = at;
    p->goal_events = events;
}

bool pace_goal_reached(struct pace *p, struct instant now, uint64_t events)
{
    if (!p->has_goal || (instant_before(now, p->goal) && events < p->goal_events))
        return false;
    pace_pause(p);
    return true;
}
