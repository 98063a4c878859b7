/* SPDX-License-Identifier: Apache-2.0
 *
 * Literals for tests of field sets: JSON with single quotes.
 */
#ifndef TESTS_UNIT_CLUSTER_API_FIELDS_FIXTURE_H
#define TESTS_UNIT_CLUSTER_API_FIELDS_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "cluster/api/fields/set.h"
#include "cluster/api/json.h"

/* Owned; "" is absent. */
static inline struct value literal(const char *json)
{
    AUTO(text) struct text t = {0};
    struct errmsg message;
    struct value v = VALUE_ABSENT;
    for (const char *c = json; *c; c++)
        text_add_byte(&t, *c == '\'' ? '"' : *c);
    if (t.size > 0 && json_parse(text_str(&t), NULL, &v, &message) != ERR_OK) {
        fprintf(stderr, "%s: %s\n", json, message.text);
        abort();
    }
    return v;
}

/* Equal? If not, both are shown. */
static inline bool shows(const char *name, struct value got, const char *wanted)
{
    AUTO(value) struct value v = literal(wanted);
    if (value_equal(got, v))
        return true;
    AUTO(text) struct text t = {0};
    json_write(got, &t);
    fprintf(stderr, "\n  %s:\n    got    %s\n    wanted %s\n", name, text_c(&t), wanted);
    return false;
}

#endif
