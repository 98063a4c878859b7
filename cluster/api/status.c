/* SPDX-License-Identifier: Apache-2.0
 *
 * Status objects and field errors with the API server's own codes, reasons and texts.
 *
 * `details.kind` is the resource (plural), but the kind in an answer of reason Invalid. An Invalid
 * answer names each different error once in its message, and every error in its causes, as
 * Kubernetes' aggregate does. Values are printed as 1.34 and later do: text quoted as in Go,
 * numbers plain, everything else as JSON.
 *
 * DEVIATION: where the validator of the real API server prints an internal type without JSON tags
 * ("MinAvailable"), the names of the API are printed unless the validator here builds that form
 * itself.
 */
#include "sim/base/base.h"

#include "cluster/api/status.h"

#include "sim/base/mem.h"
#include "sim/base/text.h"

#include "cluster/api/schema.h"

static void add_value(struct text *out, struct value v);
static struct value details_of(const struct resource *r, struct str name);

int status_code(struct value status)
{
    return (int)VALUE_INT(status, 0, code);
}

bool value_is_status(struct value v)
{
    return VALUE_IS(v, "Status", kind) && VALUE_IS(v, "v1", apiVersion);
}

/* ---- Status ---- */

struct value status_make(int code, struct str reason, struct str message, struct value own_details)
{
    struct value shown = reason.size > 0 ? value_string(reason) : VALUE_ABSENT;
    return value_pack("{kind: Status, apiVersion: v1, metadata: {}, status: Failure, message: %S,"
                      " reason: %v, details: %v, code: %d}",
                      message, shown, own_details, code);
}

struct value status_not_served(void)
{
    return status_make(404, S("NotFound"), S("the server could not find the requested resource"),
                       value_object());
}

struct value status_not_found(const struct resource *r, struct str name)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s \"%.*s\" not found", STR_ARG(r->qualified), STR_ARG(name));
    return status_make(404, S("NotFound"), text_str(&t), details_of(r, name));
}

struct value status_already_exists(const struct resource *r, struct str name)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s \"%.*s\" already exists", STR_ARG(r->qualified), STR_ARG(name));
    return status_make(409, S("AlreadyExists"), text_str(&t), details_of(r, name));
}

struct value status_conflict(const struct resource *r, struct str name, struct str why)
{
    AUTO(text) struct text t = {0};
    if (why.size == 0)
        why = S("the object has been modified; please apply your changes to the latest version and "
                "try again");
    text_printf(&t, "Operation cannot be fulfilled on %.*s \"%.*s\": %.*s", STR_ARG(r->qualified),
                STR_ARG(name), STR_ARG(why));
    return status_make(409, S("Conflict"), text_str(&t), details_of(r, name));
}

struct value status_forbidden(const struct resource *r, struct str name, struct str why)
{
    AUTO(text) struct text t = {0};
    if (r == NULL)
        text_printf(&t, "forbidden: %.*s", STR_ARG(why));
    else if (name.size == 0)
        text_printf(&t, "%.*s is forbidden: %.*s", STR_ARG(r->qualified), STR_ARG(why));
    else
        text_printf(&t, "%.*s \"%.*s\" is forbidden: %.*s", STR_ARG(r->qualified), STR_ARG(name),
                    STR_ARG(why));
    return status_make(403, S("Forbidden"), text_str(&t), details_of(r, name));
}

struct value status_bad_request(struct str message)
{
    return status_make(400, S("BadRequest"), message, VALUE_ABSENT);
}

struct value status_unauthorized(void)
{
    return status_make(401, S("Unauthorized"), S("Unauthorized"), VALUE_ABSENT);
}

struct value status_method_not_allowed(const struct resource *r, const char *action)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "%s is not supported on resources of kind \"%.*s\"", action,
                STR_ARG(r->qualified));
    return status_make(405, S("MethodNotAllowed"), text_str(&t), details_of(r, S("")));
}

struct value status_expired(struct str message)
{
    return status_make(410, S("Expired"), message, VALUE_ABSENT);
}

static struct value retry_details(int seconds)
{
    return seconds ? value_pack("{retryAfterSeconds: %d}", seconds) : value_object();
}

struct value status_too_many_requests(struct str message, int retry_after_seconds)
{
    return status_make(429, S("TooManyRequests"), message, retry_details(retry_after_seconds));
}

struct value status_internal_error(struct str message)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "Internal error occurred: %.*s", STR_ARG(message));
    return status_make(500, S("InternalError"), text_str(&t),
                       value_pack("{causes: [{message: %S}]}", message));
}

struct value status_timeout(struct str message, int retry_after_seconds)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "Timeout: %.*s", STR_ARG(message));
    return status_make(504, S("Timeout"), text_str(&t), retry_details(retry_after_seconds));
}

struct value status_service_unavailable(struct str message)
{
    return status_make(503, S("ServiceUnavailable"), message, VALUE_ABSENT);
}

static struct value details_of(const struct resource *r, struct str name)
{
    struct value d = value_object();
    if (name.size > 0)
        d = value_set(d, ATOM_name, value_string(name));
    if (r != NULL && r->group.size > 0)
        d = value_set(d, ATOM_group, value_string(r->group));
    if (r != NULL)
        d = value_set(d, ATOM_kind, value_string(r->plural));
    return d;
}

/* ---- field errors ---- */

static const struct {
    const char *reason, *text;
    bool shows_value;
} error_types[] = {
    [FIELD_REQUIRED] = {"FieldValueRequired", "Required value", false},
    [FIELD_INVALID] = {"FieldValueInvalid", "Invalid value", true},
    [FIELD_NOT_SUPPORTED] = {"FieldValueNotSupported", "Unsupported value", true},
    [FIELD_FORBIDDEN] = {"FieldValueForbidden", "Forbidden", false},
    [FIELD_DUPLICATE] = {"FieldValueDuplicate", "Duplicate value", true},
    [FIELD_NOT_FOUND] = {"FieldValueNotFound", "Not found", true},
    [FIELD_TOO_LONG] = {"FieldValueTooLong", "Too long", false},
    [FIELD_TOO_MANY] = {"FieldValueTooMany", "Too many", true},
    [FIELD_INTERNAL] = {"InternalError", "Internal error", false},
    [FIELD_TYPE_INVALID] = {"FieldValueTypeInvalid", "Invalid value", true},
};

void field_path_text(const struct field_path *path, struct text *out)
{
    if (path == NULL)
        return;
    field_path_text(path->parent, out);
    if (path->index >= 0)
        text_printf(out, "[%" PRId64 "]", path->index);
    else if (path->index == PATH_KEY)
        text_printf(out, "[%.*s]", STR_ARG(path->name));
    else
        text_printf(out, "%s%.*s", out->size ? "." : "", STR_ARG(path->name));
}

static void add_error(struct field_errors *errors, enum field_error_type type, struct str path,
                      struct str shown, struct str detail)
{
    if (errors->count == errors->capacity) {
        size_t capacity = errors->capacity ? 2 * errors->capacity : 4;
        errors->items = mem_resize(errors->items, struct field_error, errors->capacity, capacity);
        errors->capacity = capacity;
    }
    struct field_error *e = &errors->items[errors->count++];
    *e = (struct field_error){.type = type};
    text_add(&e->path, path);
    text_add(&e->body, str_from(error_types[type].text));
    if (error_types[type].shows_value && shown.size > 0)
        text_printf(&e->body, ": %.*s", STR_ARG(shown));
    if (detail.size > 0)
        text_printf(&e->body, ": %.*s", STR_ARG(detail));
}

static void PRINTF_LIKE(5, 0)
    format_error(struct field_errors *errors, enum field_error_type type, struct str path,
                 struct value value, const char *detail_format, va_list arguments)
{
    AUTO(text) struct text detail = {0}, shown = {0};
    text_vprintf(&detail, detail_format, arguments);
    if (error_types[type].shows_value)
        add_value(&shown, value);
    add_error(errors, type, path, text_str(&shown), text_str(&detail));
}

void field_error_shown(struct field_errors *errors, enum field_error_type type,
                       const struct field_path *path, struct str shown, const char *detail)
{
    AUTO(text) struct text t = {0};
    field_path_text(path, &t);
    add_error(errors, type, text_str(&t), shown, str_from(detail));
}

void field_error_add(struct field_errors *errors, enum field_error_type type, struct str path,
                     struct value value, const char *detail_format, ...)
{
    va_list arguments;
    va_start(arguments, detail_format);
    format_error(errors, type, path, value, detail_format, arguments);
    va_end(arguments);
}

void field_error_at(struct field_errors *errors, enum field_error_type type,
                    const struct field_path *path, struct value value, const char *detail_format,
                    ...)
{
    AUTO(text) struct text t = {0};
    field_path_text(path, &t);
    va_list arguments;
    va_start(arguments, detail_format);
    format_error(errors, type, text_str(&t), value, detail_format, arguments);
    va_end(arguments);
}

void field_errors_release(struct field_errors *errors)
{
    for (size_t i = 0; i < errors->count; i++) {
        text_release(&errors->items[i].path);
        text_release(&errors->items[i].body);
    }
    mem_free(errors->items);
    *errors = (struct field_errors){0};
}

/* True when an earlier error reads the same. */
static bool is_repeated(const struct field_errors *errors, size_t index)
{
    const struct field_error *e = &errors->items[index];
    for (size_t i = 0; i < index; i++) {
        if (str_equal(text_str(&errors->items[i].body), text_str(&e->body)) &&
            str_equal(text_str(&errors->items[i].path), text_str(&e->path)))
            return true;
    }
    return false;
}

struct value status_invalid(const struct resource *r, struct str name,
                            const struct field_errors *errors)
{
    AUTO(text) struct text list = {0};
    struct value causes = value_array();
    size_t different = 0;
    for (size_t i = 0; i < errors->count; i++) {
        const struct field_error *e = &errors->items[i];
        struct str path = text_str(&e->path), body = text_str(&e->body);
        causes = value_append(causes, value_pack("{reason: %s, message: %S, field: %S}",
                                                 error_types[e->type].reason, body, path));
        if (is_repeated(errors, i))
            continue;
        text_printf(&list, "%s%.*s: %.*s", different++ ? ", " : "", STR_ARG(path), STR_ARG(body));
    }
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s%s%.*s \"%.*s\" is invalid: %s%.*s%s", STR_ARG(r->kind),
                r->group.size ? "." : "", STR_ARG(r->group), STR_ARG(name),
                different > 1 ? "[" : "", STR_ARG(text_str(&list)), different > 1 ? "]" : "");
    struct value details = value_set(details_of(r, name), ATOM_kind, value_string(r->kind));
    details = value_set(details, ATOM_causes, causes);
    return status_make(422, S("Invalid"), text_str(&t), details);
}

/* Go's %q: what it escapes beyond JSON's rules is the byte as \x.. and DEL. */
static void add_quoted(struct text *out, struct str s)
{
    text_add_byte(out, '"');
    for (size_t i = 0; i < s.size; i++) {
        unsigned char c = (unsigned char)s.bytes[i];
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (c == '\n')
            text_add(out, S("\\n"));
        else if (c == '\t')
            text_add(out, S("\\t"));
        else if (c == '\r')
            text_add(out, S("\\r"));
        else if (c < 0x20 || c == 0x7f)
            text_printf(out, "\\x%02x", c);
        else
            text_add_byte(out, (char)c);
    }
    text_add_byte(out, '"');
}

static void add_value(struct text *out, struct value v)
{
    if (value_kind(v) == VALUE_STRING)
        add_quoted(out, value_str(v));
    else if (!value_is_present(v))
        text_add(out, S("null"));
    else
        schema_write_json(NULL, v, out);
}

bool status_has_cause(struct value status, const char *reason)
{
    struct value causes = VALUE_GET(status, details, causes);
    for (size_t i = 0; i < value_count(causes); i++)
        if (value_is(value_get(value_at(causes, i), ATOM_reason), reason))
            return true;
    return false;
}
