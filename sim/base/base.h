/* SPDX-License-Identifier: Apache-2.0
 *
 * What every file includes first: checks, borrowed strings, instants and durations, errors.
 *
 * Three kinds of failure, never mixed:
 *   - a bug of this program: CHECK, abort;
 *   - the world of the simulation (conflict, refused, node down): plain values, not here;
 *   - a user's mistake (bad scenario, bad flag): `enum err` with a `struct errmsg`.
 *
 *     enum err config_read(struct str text, struct config *ret_config, struct errmsg *message);
 *     ...
 *     CHECK(config.nodes > 0);
 *     struct instant deadline = instant_add(step->now, duration_s(40));
 */
#ifndef SIM_BASE_BASE_H
#define SIM_BASE_BASE_H

#include <inttypes.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* ---- compiler attributes: the only place where they are spelled ---- */

#define MUST_CHECK __attribute__((warn_unused_result))
#define NORETURN __attribute__((noreturn))
#define PRINTF_LIKE(format_index, first_argument)                                                  \
    __attribute__((format(printf, format_index, first_argument)))
#define UNUSED __attribute__((unused))
#define LIKELY(condition) __builtin_expect(!!(condition), 1)
#define UNLIKELY(condition) __builtin_expect(!!(condition), 0)
#define ARRAY_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* AUTO(text) struct text t = {0}; calls text_release(&t) at the end of the block. The function
 * `<type>_release(struct <type> *)` must accept a zeroed object. */
#define AUTO(type) __attribute__((cleanup(type##_release)))

/* The struct of which `pointer` is the member `member`. */
#define CONTAINER_OF(pointer, type, member)                                                        \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* ---- checks ---- */

/* States a fact about this program; always on. A failure is a bug and aborts with its place. */
#define CHECK(condition)                                                                           \
    (LIKELY(condition) ? (void)0 : check_failed(#condition, __FILE__, __LINE__))
NORETURN void check_failed(const char *condition, const char *file, int line);

/* Documents that a condition is sometimes true and sometimes not. */
#define MAYBE(condition) ((void)(condition))

/* ---- borrowed strings ---- */

/* Bytes that belong to somebody else; may hold any byte, need not end in NUL. */
struct str {
    const char *bytes;
    size_t size;
};

/* A literal: S("web"). */
#define S(literal) ((struct str){"" literal "", sizeof(literal) - 1})
/* For printf: printf("%.*s", STR_ARG(name)). */
#define STR_ARG(s) (int)(s).size, (s).bytes

struct str str_from(const char *c_string);
bool str_equal(struct str a, struct str b);
int str_compare(struct str a, struct str b); /* by bytes; a prefix comes first */
bool str_starts_with(struct str s, struct str prefix);
bool str_ends_with(struct str s, struct str suffix);
bool str_contains(struct str s, struct str part);
struct str str_slice(struct str s, size_t from, size_t to); /* [from, to) */
/* Index of the first `byte`, or s.size. */
size_t str_find(struct str s, char byte);
/* Cuts at the first `byte`: the head is returned, *rest becomes what follows it (empty when none).
 */
struct str str_cut(struct str s, char byte, struct str *rest);
struct str str_trim(struct str s); /* without blanks, tabs and line ends around it */
static inline bool is_digit(char c) /* of ASCII, whatever the locale */
{
    return c >= '0' && c <= '9';
}
/* A decimal integer, whole string; false when it is none or does not fit. */
bool str_to_int64(struct str s, int64_t *ret_value);

/* ---- time: instants of the virtual clock, durations, both in nanoseconds ---- */

struct instant {
    int64_t ns; /* since the start of the simulation */
};
struct duration {
    int64_t ns;
};
/* What a clock on the wall shows. */
struct wall_time {
    int64_t unix_ns;
};

#define INSTANT_NEVER ((struct instant){INT64_MAX})

static inline struct duration duration_ns(int64_t n)
{
    return (struct duration){n};
}
static inline struct duration duration_us(int64_t n)
{
    return (struct duration){n * 1000};
}
static inline struct duration duration_ms(int64_t n)
{
    return (struct duration){n * 1000000};
}
static inline struct duration duration_s(int64_t n)
{
    return (struct duration){n * 1000000000};
}
static inline struct duration duration_minutes(int64_t n)
{
    return duration_s(n * 60);
}
static inline struct instant instant_add(struct instant t, struct duration d)
{
    return (struct instant){t.ns > INT64_MAX - (d.ns > 0 ? d.ns : 0) ? INT64_MAX : t.ns + d.ns};
}
static inline struct duration instant_since(struct instant later, struct instant earlier)
{
    return (struct duration){later.ns - earlier.ns};
}
static inline bool instant_before(struct instant a, struct instant b)
{
    return a.ns < b.ns;
}
/* Go's notation: "500us", "1h2m3.5s", "0". */
bool duration_parse(struct str s, struct duration *ret_duration);

/* ---- errors a user can make ---- */

enum err {
#define ERR(name, text) ERR_##name,
#include "sim/base/err.def"
#undef ERR
    ERR_COUNT
};
const char *err_text(enum err code);

#define ERRMSG_SIZE 1024
struct errmsg {
    char text[ERRMSG_SIZE];
};
/* Sets the message; `message` may be NULL. Returns `code`, so: return errmsg_set(m, ERR_SYNTAX,
 * ...). */
enum err errmsg_set(struct errmsg *message, enum err code, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Puts "<context>: " before what is there. */
void errmsg_prefix(struct errmsg *message, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
