/* SPDX-License-Identifier: Apache-2.0
 *
 * The Status object: how an API server says no. Texts, reasons and codes are Kubernetes' own.
 *
 *     return status_not_found(resource, name);          an owned value of kind Status, code 404
 *
 * Field errors are collected in a list and become one Status of reason Invalid (code 422).
 * Source: kubernetes.io/docs/reference/using-api/api-concepts/ and
 * staging/.../apimachinery/pkg/api/errors.
 */
#ifndef CLUSTER_API_STATUS_H
#define CLUSTER_API_STATUS_H

#include "cluster/api/resource.h"
#include "cluster/api/value.h"

int status_code(struct value status);
bool value_is_status(struct value v); /* kind: Status */

struct value status_not_found(const struct resource *r, struct str name);
struct value status_not_served(void); /* 404 of a resource or verb that is not there */
struct value status_already_exists(const struct resource *r, struct str name);
struct value status_conflict(const struct resource *r, struct str name,
                             struct str why); /* empty: "the object has been modified; ..." */
struct value status_forbidden(const struct resource *r, struct str name,
                              struct str why); /* resource may be NULL */
struct value status_bad_request(struct str message);
struct value status_unauthorized(void);
struct value status_method_not_allowed(const struct resource *r, const char *action);
struct value status_expired(struct str message);
struct value status_too_many_requests(struct str message, int retry_after_seconds);
struct value status_internal_error(struct str message);
struct value status_timeout(struct str message, int retry_after_seconds);
struct value status_service_unavailable(struct str message);
struct value status_make(int code, struct str reason, struct str message, struct value own_details);

/* ---- field errors ---- */

enum field_error_type {
    FIELD_REQUIRED,
    FIELD_INVALID,
    FIELD_NOT_SUPPORTED,
    FIELD_FORBIDDEN,
    FIELD_DUPLICATE,
    FIELD_NOT_FOUND,
    FIELD_TOO_LONG,
    FIELD_TOO_MANY,
    FIELD_INTERNAL,
    FIELD_TYPE_INVALID
};
struct field_error {
    enum field_error_type type;
    struct text path;
    struct text body; /* "Invalid value: 0: must be greater than 0" */
};
struct field_errors {
    struct field_error *items;
    size_t count, capacity;
};
/* `value` is printed where the type shows one (absent: null); a detail of nothing is NO_DETAIL.
 * The path is text. */
#define NO_DETAIL "%s", ""
void field_error_add(struct field_errors *errors, enum field_error_type type, struct str path,
                     struct value value, const char *detail_format, ...) PRINTF_LIKE(5, 6);
/* Walks of a document keep the path to where they are on the stack; it becomes text only for an
 * error:
 *
 *     struct field_path spec = path_child(NULL, "spec"), item = path_index(&spec, 3);      spec[3]
 */
struct field_path {
    const struct field_path *parent; /* NULL: the document */
    struct str name;                 /* of a field, or of a map's key */
    int64_t index;                   /* PATH_NAME, PATH_KEY, or the index */
};
#define PATH_NAME (-1)
#define PATH_KEY (-2)
static inline struct field_path path_child(const struct field_path *parent, const char *name)
{
    return (struct field_path){parent, str_from(name), PATH_NAME};
}
static inline struct field_path path_index(const struct field_path *parent, size_t index)
{
    return (struct field_path){parent, {"", 0}, (int64_t)index};
}
static inline struct field_path path_key(const struct field_path *parent, struct str key)
{
    return (struct field_path){parent, key, PATH_KEY};
}
void field_path_text(const struct field_path *path, struct text *out);
void field_error_at(struct field_errors *errors, enum field_error_type type,
                    const struct field_path *path, struct value value, const char *detail_format,
                    ...) PRINTF_LIKE(5, 6);
/* The same with the value as it shall be printed: internal types of the API server, whose order no
 * map has. */
void field_error_shown(struct field_errors *errors, enum field_error_type type,
                       const struct field_path *path, struct str shown, const char *detail);
void field_errors_release(struct field_errors *errors);
/* Is this reason among the details' causes, such as NamespaceTerminating? False for anything but a
 * Status. */
bool status_has_cause(struct value status, const char *reason);
/* "Kind.group "name" is invalid: ..." with its causes. */
struct value status_invalid(const struct resource *r, struct str name,
                            const struct field_errors *errors);

#endif
