/* SPDX-License-Identifier: Apache-2.0
 *
 * Private to openapi/: a page, which is one document being written as JSON, in the words of OpenAPI
 * 2 or 3; and the parts that write into it.
 *
 * Separators look after themselves: page_key and page_item put a comma in front unless the object
 * or list has just been opened.
 */
#ifndef CLUSTER_APISERVER_HTTP_OPENAPI_PAGE_H
#define CLUSTER_APISERVER_HTTP_OPENAPI_PAGE_H

#include "cluster/api/schema.h"
#include "cluster/apiserver/http/openapi/openapi.h"

/* Definitions that are no structs of the schema table. */
enum common {
    COMMON_QUANTITY,
    COMMON_INT_OR_STRING,
    COMMON_TIME,
    COMMON_MICRO_TIME,
    COMMON_DURATION,
    COMMON_FIELDS,
    COMMON_RAW_EXTENSION,
    COMMON_PATCH,
    COMMON_JSON,
    COMMON_SCHEMA_OR_BOOL,
    COMMON_SCHEMA_OR_ARRAY,
    COMMON_SCHEMA_OR_STRINGS,
    COMMON_SUBRESOURCE_STATUS,
    COMMON_VERSION_INFO,
    COMMON_COUNT
};

struct page {
    struct text *out;
    bool is_v3;
    struct str group_version; /* of the document: "apps/v1"; empty: all */
    const struct openapi_kinds *kinds;
    bool types[TYPE_COUNT]; /* definitions that something refers to */
    bool commons[COMMON_COUNT];
};

/* ---- JSON ---- */

void page_item(struct page *p);                  /* the comma in front of it */
void page_key(struct page *p, const char *name); /* "name": */
void page_name(struct page *p, struct str name); /* likewise */
void page_string(struct page *p, const char *name, struct str s);
void page_strings(struct page *p, const char *name, struct str list, char separator);
void page_put(struct page *p, const char *json); /* as it is */

/* ---- names.c ---- */

void definition_name(const struct type_schema *t, struct text *out);
const char *common_name(enum common c);
/* "$ref" to it, as a member; what is referred to is noted. */
void page_reference(struct page *p, const struct type_schema *t);
void page_common(struct page *p, enum common c);
/* Of a kind that a resource has: its object, or its list. */
void page_kind_reference(struct page *p, const struct resource *r, bool is_list);
void kind_definition_name(const struct resource *r, bool is_list, struct text *out);

/* ---- definitions.c ---- */

/* All that has been referred to, and what that refers to; the lists of the page's resources. */
void page_definitions(struct page *p);

/* ---- operations.c ---- */

/* The paths of the page's version, or all there are. */
void page_paths(struct page *p);
bool page_has(const struct page *p, const struct resource *r);
/* Paths without resources: "api", "apis", "apis/apps", "version", ... False: no such. */
bool page_plain_path(struct page *p, struct str path);

/* ---- descriptions.c ---- */

/* Of a field, of a type (field ATOM_NONE), or empty. */
struct str description_of(const struct type_schema *t, atom field);

/* ---- gnostic.c ---- */

/* A document as JSON in the protobuf of gnostic's OpenAPIv2 or OpenAPIv3. */
void gnostic_write(bool is_v3, struct str json, struct text *out);

#endif
