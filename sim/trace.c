/* SPDX-License-Identifier: Apache-2.0
 *
 * The timeline and its hash chains.
 *
 * A line is hashed from what it is made of: who, subject, the format and its arguments, found by
 * walking the format. The text is only printed when a sink or the ring of last lines wants it, so a
 * run without an audience has the same hashes as one with it. There are three chains: of one
 * process' lines, of all lines, and (in sim.c) of every input; the last may change with how lazily
 * things are modelled, the first two may not.
 */
#include "sim/world.h"

#include <stdarg.h>

static uint64_t absorb(uint64_t hash, uint64_t value)
{
    return hash_pair(hash, value);
}

/* The argument of one conversion; `at` points behind the '%'. Returns the place behind it. */
static const char *absorb_argument(const char *at, va_list *arguments, uint64_t *hash)
{
    int precision = -1, longs = 0;
    while (*at && strchr("-+ #0123456789.*", *at)) {
        if (*at == '.')
            precision = 0;
        if (*at == '*')
            precision = va_arg(*arguments, int);
        else if (precision >= 0 && *at >= '0' && *at <= '9')
            precision = precision * 10 + (*at - '0');
        at++;
    }
    bool is_size = false;
    for (; *at == 'l' || *at == 'z' || *at == 'j'; at++) {
        longs += *at == 'l';
        is_size |= *at != 'l';
    }
    switch (*at) {
    case 's': {
        const char *s = va_arg(*arguments, const char *);
        size_t size = precision >= 0 ? (size_t)precision : strlen(s);
        if (precision >= 0 && size) { /* a string with a precision may end earlier */
            const char *end = memchr(s, 0, size);
            size = end ? (size_t)(end - s) : size;
        }
        *hash = absorb(*hash, hash_bytes((struct str){s, size}));
        break;
    }
    case 'd':
    case 'i':
        *hash = absorb(*hash, is_size || longs ? (uint64_t)va_arg(*arguments, int64_t)
                                               : (uint64_t)(int64_t)va_arg(*arguments, int));
        break;
    case 'u':
    case 'x':
    case 'X':
        *hash = absorb(*hash, is_size || longs ? va_arg(*arguments, uint64_t)
                                               : va_arg(*arguments, unsigned));
        break;
    case 'c':
        *hash = absorb(*hash, (uint64_t)(unsigned char)va_arg(*arguments, int));
        break;
    case '%':
        break;
    default:
        check_failed("a conversion that the timeline knows", __FILE__, __LINE__);
    }
    return at + 1;
}

static uint64_t line_hash(const char *who, struct str subject, const char *format,
                          va_list *arguments)
{
    uint64_t hash = hash_bytes(str_from(who));
    hash = absorb(hash, hash_bytes(subject));
    hash = absorb(hash, hash_bytes(str_from(format)));
    for (const char *at = format; (at = strchr(at, '%'));)
        at = absorb_argument(at + 1, arguments, &hash);
    return hash;
}

static void ring_add(struct trace *trace, struct str line)
{
    struct text *slot = &trace->ring[trace->ring_count++ % trace->ring_size];
    text_clear(slot);
    text_add(slot, line);
}

PRINTF_LIKE(4, 0)
static void line_print(struct sim *sim, const char *who, struct str subject, const char *format,
                       va_list arguments)
{
    struct trace *trace = &sim->trace;
    struct text *line = &trace->line;
    text_clear(line);
    int64_t ms = sim->now / 1000000;
    text_printf(line, "[%" PRId64 ".%03" PRId64 "] %s", ms / 1000, ms % 1000, who);
    if (subject.size) {
        text_add_byte(line, ' ');
        text_add(line, subject);
    }
    text_add(line, S(": "));
    text_vprintf(line, format, arguments);
    if (trace->ring_size)
        ring_add(trace, text_str(line));
    if (trace->sink)
        trace->sink(trace->sink_owner, now_of(sim), text_str(line));
}

PRINTF_LIKE(5, 0)
static void line_add(struct sim *sim, struct process *p, const char *who, struct str subject,
                     const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    uint64_t hash = line_hash(who, subject, format, &again) ^ (uint64_t)sim->now;
    va_end(again);
    sim->trace.whole = absorb(sim->trace.whole, hash);
    if (p)
        p->trace_hash = absorb(p->trace_hash, hash);
    if (UNLIKELY(sim->trace.sink || sim->trace.ring_size))
        line_print(sim, who, subject, format, arguments);
}

void step_trace(struct step *step, const char *who, struct str subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_add(step->sim, process_of(step->sim, step->process), who, subject, format, arguments);
    va_end(arguments);
}

void sim_trace(struct sim *sim, const char *who, struct str subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_add(sim, NULL, who, subject, format, arguments);
    va_end(arguments);
}

void trace_outside(struct sim *sim, const char *who, struct str subject, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    line_add(sim, NULL, who, subject, format, arguments);
    va_end(arguments);
}

void step_observe(struct step *step, uint32_t kind, uint64_t a, uint64_t b)
{
    struct sim *sim = step->sim;
    struct process *p = process_of(sim, step->process);
    uint64_t hash = hash_pair(hash_pair(kind, a), b) ^ (uint64_t)sim->now;
    sim->trace.whole = absorb(sim->trace.whole, hash);
    p->trace_hash = absorb(p->trace_hash, hash);
}

void sim_set_trace_sink(struct sim *sim, sim_trace_fn sink, void *owner)
{
    sim->trace.sink = sink;
    sim->trace.sink_owner = owner;
}

static void ring_release(struct trace *trace)
{
    for (size_t i = 0; i < trace->ring_size; i++)
        text_release(&trace->ring[i]);
    mem_free(trace->ring);
    trace->ring = NULL;
    trace->ring_size = trace->ring_count = 0;
}

void sim_keep_last_lines(struct sim *sim, size_t lines)
{
    ring_release(&sim->trace);
    if (lines) {
        sim->trace.ring = mem_array(struct text, lines);
        sim->trace.ring_size = lines;
    }
}

void sim_add_last_lines(const struct sim *sim, struct text *out)
{
    const struct trace *trace = &sim->trace;
    size_t kept = trace->ring_count < trace->ring_size ? trace->ring_count : trace->ring_size;
    for (size_t i = trace->ring_count - kept; i < trace->ring_count; i++) {
        text_add(out, text_str(&trace->ring[i % trace->ring_size]));
        text_add_byte(out, '\n');
    }
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->trace.whole;
}

uint64_t sim_component_hash(const struct sim *sim, process_id process)
{
    return process_of(sim, process)->trace_hash;
}

uint64_t sim_event_hash(const struct sim *sim)
{
    return sim->trace.events;
}

void trace_release(struct trace *trace)
{
    ring_release(trace);
    text_release(&trace->line);
}
