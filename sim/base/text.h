/* SPDX-License-Identifier: Apache-2.0
 *
 * An owned, growable string. Zeroed is empty and valid; always NUL-terminated once something is in
 * it.
 *
 *     AUTO(text) struct text t = {0};
 *     text_add(&t, S("default"));
 *     text_printf(&t, "/%s-%d", name, 3);
 *     puts(text_c(&t));
 */
#ifndef SIM_BASE_TEXT_H
#define SIM_BASE_TEXT_H

#include "sim/base/base.h"

#include <stdarg.h>

struct text {
    char *bytes;
    size_t size;
    size_t capacity;
};

void text_add(struct text *t, struct str s);
void text_add_byte(struct text *t, char byte);
void text_printf(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);
void text_vprintf(struct text *t, const char *format, va_list arguments) PRINTF_LIKE(2, 0);
void text_add_int(struct text *t, int64_t n);
/* Go's notation: 1m30s, 1.5s, 500ms, 0s. */
void text_add_duration(struct text *t, struct duration d);
void text_clear(struct text *t);
void text_release(struct text *t);
const char *text_c(const struct text *t);               /* "" when empty; until the next change */
static inline struct str text_str(const struct text *t) /* until the next change */
{
    return (struct str){t->size ? t->bytes : "", t->size};
}

#endif
