/* SPDX-License-Identifier: Apache-2.0
 *
 * What all parts of the cluster swarm use: draws, the log of what was done, operations, time.
 */
#include "tests/swarm/cluster_world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int draw(struct storm *s, int limit)
{
    return (int)random_below(&s->draws, (uint64_t)limit);
}

bool draw_one_in(struct storm *s, int n)
{
    return draw(s, n) == 0;
}

void note(struct storm *s, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    text_printf(&s->log, "  %8.3f  ", (double)wavetank_now_ns(s->w) / 1e9);
    text_vprintf(&s->log, format, arguments);
    text_add_byte(&s->log, '\n');
    va_end(arguments);
}

int act(struct storm *s, const char *format, ...)
{
    AUTO(text) struct text yaml = {0};
    va_list arguments;
    va_start(arguments, format);
    text_vprintf(&yaml, format, arguments);
    va_end(arguments);
    int code = wavetank_do(s->w, text_c(&yaml), s->error, sizeof(s->error));
    note(s, "%s%s%s", text_c(&yaml), code ? " -> " : "", code ? s->error : "");
    if (code == WAVETANK_BAD_INPUT) {
        printf("the swarm speaks wrongly: %s: %s\n", text_c(&yaml), s->error);
        fflush(stdout);
        abort();
    }
    return code;
}

bool pass_time(struct storm *s, int64_t milliseconds)
{
    char text[32];
    snprintf(text, sizeof(text), "%" PRId64 "ms", milliseconds);
    return wavetank_run_for(s->w, text, s->error, sizeof(s->error)) == WAVETANK_OK;
}

void storm_release(struct storm *s)
{
    wavetank_free(s->w);
    text_release(&s->log);
    vec_release(&s->crash_points);
    vec_release(&s->deleted_nodes);
    CHECK(!s->calm);
}
