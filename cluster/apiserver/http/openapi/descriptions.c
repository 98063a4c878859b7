/* SPDX-License-Identifier: Apache-2.0
 *
 * What types and fields are, for `kubectl explain`: one short sentence each, from a table of their
 * own. The sentences are ours. A test holds that every kind and every field has one; a type that
 * one field alone has, and that says nothing else, has none of its own.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/page.h"

static const struct row {
    uint16_t type, field; /* ATOM_NONE: the type itself */
    const char *text;
} rows[] = {
#define TYPE_TEXT(type, text) {TYPE_##type, ATOM_NONE, text},
#define FIELD_TEXT(type, field, text) {TYPE_##type, ATOM_##field, text},
#define ANY_TEXT(field, text)
#include "cluster/apiserver/http/openapi/descriptions.def"
#undef TYPE_TEXT
#undef FIELD_TEXT
#undef ANY_TEXT
};

static const struct row anywhere[] = {
#define TYPE_TEXT(type, text)
#define FIELD_TEXT(type, field, text)
#define ANY_TEXT(field, text) {0, ATOM_##field, text},
#include "cluster/apiserver/http/openapi/descriptions.def"
#undef TYPE_TEXT
#undef FIELD_TEXT
#undef ANY_TEXT
};

struct str description_of(const struct type_schema *t, atom field)
{
    size_t type = (size_t)(t - schema_types);
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (rows[i].type == type && rows[i].field == field)
            return str_from(rows[i].text);
    }
    for (size_t i = 0; i < ARRAY_COUNT(anywhere) && field != ATOM_NONE; i++) {
        if (anywhere[i].field == field)
            return str_from(anywhere[i].text);
    }
    return S("");
}
