/* SPDX-License-Identifier: Apache-2.0
 *
 * The order in which a real server looks at a request decides what a client with several mistakes
 * is told: who asks and whether they may, then the path, the method, what is accepted, the options,
 * the media type of the body, the body; then the rest (whether the object is there, the body
 * against the schema). Who may is decided behind the pipeline's entrance, so what is found wrong
 * here travels with the request and is told there.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/reader.h"

#include "cluster/api/decode.h"
#include "cluster/api/decode_scalar.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/protobuf.h"
#include "cluster/api/status.h"
#include "cluster/api/yaml.h"
#include "cluster/apiserver/http/options.h"

#define IMPERSONATE_NAME_MAX 1024 /* of a header */

static bool resource_read(const struct http_request *h, struct reading *r);
static bool watch_is_asked(const struct target *t);
static bool verb_read(const struct http_request *h, struct reading *r,
                      const struct resource *resource, enum subresource subresource);
static bool custom_read(const struct http_request *h, struct reading *r);
static enum accept_what accept_what_of(const struct reading *r);
static bool accept_read(const struct http_request *h, struct reading *r);
static bool is_pretty(const struct http_request *h, const struct target *t);
static bool body_read(const struct http_request *h, struct reading *r);

struct str manager_of(struct str user_agent)
{
    struct str s = str_slice(user_agent, 0, str_find(user_agent, '/'));
    return s.size > 0 ? s : S("unknown");
}

struct value method_refusal(void)
{
    return status_make(405, S("MethodNotAllowed"),
                       S("the server does not allow this method on the requested resource"),
                       value_object());
}

void reading_release(struct reading *r)
{
    if (r->request)
        message_unref(&r->request->message);
    r->request = NULL;
    value_release(&r->refusal);
}

static bool begin(const struct http_request *h, struct arena *arena, struct reading *r)
{
    *r = (struct reading){0};
    bool is_well = target_parse(h->target, arena, &r->target);
    r->is_raw_error =
        accept_negotiate(h->accept, ACCEPT_ERROR, false, &r->accepted_error) != ACCEPTED;
    r->is_pretty = is_pretty(h, &r->target);
    return is_well;
}

void http_read_accept(const struct http_request *h, struct arena *arena,
                      struct reading *ret_reading)
{
    (void)begin(h, arena, ret_reading);
}

void http_read(const struct http_request *h, struct arena *arena, struct reading *ret_reading)
{
    struct reading *r = ret_reading;
    if (!begin(h, arena, r)) {
        r->is_malformed = true;
        r->refusal = status_bad_request(S("the request's URL is malformed"));
        return;
    }
    r->is_get = str_equal(h->method, S("GET"));
    if (r->target.kind == TARGET_PATH) {
        (void)accept_read(h, r);
        if (accept_what_of(r) == ACCEPT_PLAIN) /* who asks for a document knows what it is */
            value_release(&r->refusal);
        return;
    }
    if (!resource_read(h, r) || !accept_read(h, r) || !options_read(h, r) || !body_read(h, r)) {
        CHECK(value_is_present(r->refusal));
        return;
    }
}

/* The verb of a request for a resource that may not be known, as Kubernetes' RequestInfo has it. */
static const char *verb_asked(const struct http_request *h, const struct target *t)
{
    static const struct {
        const char *method, *one, *many;
    } rows[] = {{"POST", "create", "create"}, {"GET", "get", "list"},
                {"HEAD", "get", "list"},      {"PUT", "update", "update"},
                {"PATCH", "patch", "patch"},  {"DELETE", "delete", "deletecollection"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (!str_equal(h->method, str_from(rows[i].method)))
            continue;
        bool is_read = i == 1 || i == 2;
        return is_read && watch_is_asked(t) ? "watch"
               : t->name.size > 0           ? rows[i].one
                                            : rows[i].many;
    }
    return "";
}

static struct value resource_asked(const struct http_request *h, const struct target *t)
{
    return value_pack("{verb: %s, group: %S, resource: %S, subresource: %S, namespace: %S, "
                      "name: %S}",
                      verb_asked(h, t), t->group, t->plural, t->subresource,
                      str_equal(t->plural, S("namespaces")) ? S("") : t->namespace, t->name);
}

static struct value path_asked(const struct http_request *h)
{
    AUTO(text) struct text verb = {0};
    for (size_t i = 0; i < h->method.size; i++) {
        char c = h->method.bytes[i];
        text_add_byte(&verb, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    return value_pack("{verb: %S}", text_str(&verb));
}

static void request_complete(const struct http_request *h, struct request *q)
{
    q->user_agent = value_string(h->user_agent);
    q->impersonate = value_keep(h->impersonate);
}

void reading_defer(const struct http_request *h, struct reading *r)
{
    if (!r->request) {
        r->request = request_for_path(r->target.path);
        r->request->asked =
            r->target.kind == TARGET_RESOURCE ? resource_asked(h, &r->target) : path_asked(h);
        request_complete(h, r->request);
    }
    value_drop(r->request->refusal);
    r->request->refusal = r->refusal;
    r->refusal = VALUE_ABSENT;
}

struct value impersonation_add(struct value v, struct str name, struct str value)
{
    static const char prefix[] = "impersonate-", extra_prefix[] = "extra-";
    AUTO(text) struct text lower = {0};
    if (name.size <= strlen(prefix) || name.size > IMPERSONATE_NAME_MAX ||
        (name.bytes[0] != 'I' && name.bytes[0] != 'i'))
        return v;
    for (size_t i = 0; i < name.size; i++) {
        char c = name.bytes[i];
        text_add_byte(&lower, c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c);
    }
    struct str rest = text_str(&lower);
    if (!str_starts_with(rest, str_from(prefix)))
        return v;
    rest = str_slice(rest, strlen(prefix), rest.size);
    atom single = str_equal(rest, S("user")) ? ATOM_user : ATOM_uid;
    if (str_equal(rest, S("user")) || str_equal(rest, S("uid"))) {
        v = value_is_present(v) ? v : value_object();
        return value_is_present(value_get(v, single)) ? v
                                                      : value_set(v, single, value_string(value));
    }
    if (str_equal(rest, S("group"))) {
        struct value groups = value_keep(value_get(v, ATOM_groups));
        return value_set(value_is_present(v) ? v : value_object(), ATOM_groups,
                         value_append(groups, value_string(value)));
    }
    if (!str_starts_with(rest, str_from(extra_prefix)))
        return v;
    AUTO(text) struct text key = {0};
    rest = str_slice(rest, strlen(extra_prefix), rest.size);
    if (!target_unescape(rest, &key)) {
        text_clear(&key);
        text_add(&key, rest);
    }
    struct value extra = value_keep(value_get(v, ATOM_extra));
    struct value list = value_keep(value_get_key(extra, text_str(&key)));
    extra = value_set_key(value_is_present(extra) ? extra : value_object(), text_str(&key),
                          value_append(list, value_string(value)));
    return value_set(value_is_present(v) ? v : value_object(), ATOM_extra, extra);
}

/* ---- path and method ---- */

static bool group_version_is_served(struct str group, struct str version)
{
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (str_equal(r->group, group) && str_equal(r->version, version))
            return true;
    }
    return false;
}

static bool subresource_find(struct str text, enum subresource *ret_subresource)
{
    struct str first = str_slice(text, 0, str_find(text, '/'));
    for (int i = 0; i < SUBRESOURCE_COUNT; i++) {
        if (!str_equal(first, str_from(subresource_text((enum subresource)i))))
            continue;
        *ret_subresource = (enum subresource)i;
        return first.size == text.size || i == SUBRESOURCE_PROXY;
    }
    return false;
}

static bool resource_read(const struct http_request *h, struct reading *r)
{
    const struct target *t = &r->target;
    if (!group_version_is_served(t->group, t->version))
        return custom_read(h, r);
    const struct resource *resource = resource_find(t->group, t->version, t->plural);
    enum subresource sub = SUBRESOURCE_NONE;
    bool is_there = resource && subresource_find(t->subresource, &sub) &&
                    (sub == SUBRESOURCE_NONE || (resource->subresources & (1u << sub)));
    bool has_namespace = t->namespace.size > 0 && !str_equal(t->plural, S("namespaces"));
    if (!is_there || (has_namespace && !resource->is_namespaced)) {
        r->refusal = status_not_served();
        return false;
    }
    return verb_read(h, r, resource, sub);
}

static bool watch_is_asked(const struct target *t)
{
    struct str watch = target_option(t, "watch");
    return t->is_legacy_watch || (target_has_option(t, "watch") && !str_equal(watch, S("false")) &&
                                  !str_equal(watch, S("0")));
}

static bool method_verb(const struct http_request *h, const struct target *t, enum verb *ret_verb)
{
    bool is_one = t->name.size > 0;
    if (str_equal(h->method, S("GET")))
        *ret_verb = watch_is_asked(t) && t->subresource.size == 0 ? VERB_WATCH
                    : is_one                                      ? VERB_GET
                                                                  : VERB_LIST;
    else if (str_equal(h->method, S("POST")))
        *ret_verb = VERB_CREATE;
    else if (str_equal(h->method, S("PUT")))
        *ret_verb = VERB_UPDATE;
    else if (str_equal(h->method, S("PATCH")))
        *ret_verb = VERB_PATCH;
    else if (str_equal(h->method, S("DELETE")))
        *ret_verb = is_one ? VERB_DELETE : VERB_DELETE_COLLECTION;
    else
        return false;
    return true;
}

static void request_begin(const struct http_request *h, struct reading *r, enum verb verb,
                          const struct resource *resource, struct str namespace)
{
    struct request *q = request_new(verb, resource);
    r->request = q;
    if (namespace.size > 0)
        q->namespace = value_string(namespace);
    request_complete(h, q);
}

/* What is no constant row may be a custom kind; which, the API server knows. */
static bool custom_read(const struct http_request *h, struct reading *r)
{
    const struct target *t = &r->target;
    bool is_one = t->name.size > 0;
    enum verb verb;
    if (!method_verb(h, t, &verb) || (verb == VERB_CREATE && is_one && t->subresource.size == 0)) {
        r->refusal = method_refusal();
        return false;
    }
    request_begin(h, r, verb, resource_placeholder(), t->namespace);
    r->request->target =
        value_pack("{group: %S, version: %S, resource: %S, name: %S, subresource: %S}", t->group,
                   t->version, t->plural, t->name, t->subresource);
    if ((verb == VERB_UPDATE || verb == VERB_PATCH) && !is_one)
        r->refusal = status_bad_request(S("name must be provided"));
    return !value_is_present(r->refusal);
}

/* A name must be one segment of a path in the store. False: it is not. */
static bool name_check(struct str name, struct reading *r)
{
    AUTO(text) struct text problems = {0};
    bool is_dots = str_equal(name, S(".")) || str_equal(name, S(".."));
    if (is_dots)
        text_printf(&problems, "may not be '%.*s'", STR_ARG(name));
    if (str_find(name, '%') < name.size)
        text_add(&problems, S("may not contain '%'"));
    if (problems.size == 0)
        return true;
    AUTO(text) struct text m = {0};
    text_add(&m, S("Name parameter invalid: "));
    json_write_string(name, &m);
    text_printf(&m, ": %s", text_c(&problems));
    r->refusal = status_bad_request(text_str(&m));
    return false;
}

static bool verb_read(const struct http_request *h, struct reading *r,
                      const struct resource *resource, enum subresource subresource)
{
    const struct target *t = &r->target;
    bool is_one = t->name.size > 0;
    enum verb verb;
    if (!method_verb(h, t, &verb) || (verb == VERB_CREATE && is_one && !subresource) ||
        ((verb == VERB_UPDATE || verb == VERB_PATCH) && !is_one)) {
        r->refusal = method_refusal();
        return false;
    }
    bool needs_namespace = resource->is_namespaced &&
                           (is_one || verb == VERB_CREATE || verb == VERB_DELETE_COLLECTION);
    if (needs_namespace && t->namespace.size == 0) {
        r->refusal = is_one ? status_not_served() : method_refusal();
        return false;
    }
    if (is_one && verb != VERB_WATCH && !name_check(t->name, r))
        return false;
    struct str namespace = resource->is_namespaced ? t->namespace : S("");
    request_begin(h, r, verb, resource, namespace);
    r->request->subresource = subresource;
    if (is_one && verb != VERB_WATCH)
        r->request->key = object_key_of(resource->storage, namespace, t->name);
    return true;
}

/* ---- what is accepted ---- */

static enum accept_what accept_what_of(const struct reading *r)
{
    struct str path = r->target.path;
    if (r->target.kind == TARGET_RESOURCE)
        return r->request->verb == VERB_WATCH  ? ACCEPT_WATCH
               : r->request->verb == VERB_LIST ? ACCEPT_LIST
                                               : ACCEPT_OBJECT;
    if (str_ends_with(path, S("/")))
        path.size--;
    if (str_equal(path, S("/api")) || str_equal(path, S("/apis")))
        return ACCEPT_AGGREGATED;
    return str_starts_with(path, S("/api/")) || str_starts_with(path, S("/apis/"))
               ? ACCEPT_DISCOVERY
               : ACCEPT_PLAIN;
}

/* Asked for by the query; else known from who asks: people read what these clients show. */
static bool is_pretty(const struct http_request *h, const struct target *t)
{
    static const char *const truths[] = {"1", "t", "T", "true", "TRUE", "True"};
    static const char *const shown_to_people[] = {"curl", "Wget", "Mozilla/5.0"};
    struct str pretty = target_option(t, "pretty");
    for (size_t i = 0; i < ARRAY_COUNT(truths) && pretty.size > 0; i++) {
        if (str_equal(pretty, str_from(truths[i])))
            return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(shown_to_people) && pretty.size == 0; i++) {
        if (str_starts_with(h->user_agent, str_from(shown_to_people[i])))
            return true;
    }
    return false;
}

/* Metadata of a list is PartialObjectMetadataList, that of an object is not. */
static bool partial_fits(struct reading *r)
{
    const struct request *q = r->request;
    bool is_list = q->verb == VERB_LIST, wants_list = r->accepted.form == FORM_PARTIAL_LIST;
    struct str rest, package = str_cut(q->resource->group, '.', &rest);
    if (r->accepted.form != FORM_PARTIAL && !wants_list)
        return true;
    if (q->verb == VERB_WATCH && wants_list) /* which events are not: they stay as they are */
        r->accepted.form = FORM_OBJECT;
    if ((!is_list && q->verb != VERB_GET) || is_list == wants_list)
        return true;
    if (package.size == 0 || str_equal(package, S("events")))
        package = S("core");
    struct str type = is_list ? q->resource->list_kind : q->resource->kind;
    if (value_is_present(q->target)) {
        package = S("unstructured");
        type = is_list ? S("UnstructuredList") : S("Unstructured");
    }
    AUTO(text) struct text m = {0};
    text_printf(&m, "you requested %s, but the requested object is %s (*%.*s.%.*s)",
                wants_list ? "PartialObjectMetadataList" : "PartialObjectMetadata",
                wants_list ? "not a list" : "a list", STR_ARG(package), STR_ARG(type));
    r->refusal = value_pack("{kind: Status, apiVersion: v1, metadata: {}, status: Failure, "
                            "message: %S, reason: NotAcceptable, code: 406}",
                            text_str(&m));
    return false;
}

static bool accept_read(const struct http_request *h, struct reading *r)
{
    const struct target *t = &r->target;
    enum accept_what what = accept_what_of(r);
    struct str include = target_option(t, "includeObject");
    bool is_stream = r->request && r->request->subresource >= SUBRESOURCE_LOG;
    bool is_custom = r->request && !r->request->resource->type;
    enum accept_result result = accept_negotiate(h->accept, what, is_custom, &r->accepted);
    if (is_custom)
        r->is_raw_error =
            accept_negotiate(h->accept, ACCEPT_ERROR, true, &r->accepted_error) != ACCEPTED;
    if (result != ACCEPTED && !is_stream) {
        r->refusal = accept_refusal(result, what);
        return false;
    }
    r->is_pretty |= r->accepted.is_pretty;
    if (r->request && !partial_fits(r))
        return false;
    if (r->accepted.form != FORM_TABLE || include.size == 0)
        return true;
    if (str_equal(include, S("None")))
        r->include = INCLUDE_NONE;
    else if (str_equal(include, S("Object")))
        r->include = INCLUDE_OBJECT;
    else if (!str_equal(include, S("Metadata"))) {
        AUTO(text) struct text m = {0};
        text_printf(&m, "unrecognized includeObject value: \"%.*s\"", STR_ARG(include));
        r->refusal = status_bad_request(text_str(&m));
        return false;
    }
    return true;
}

/* ---- the body ---- */

static struct value unknown_format(struct str accepted)
{
    AUTO(text) struct text m = {0};
    text_printf(&m,
                "the body of the request was in an unknown format - accepted media types "
                "include: %.*s",
                STR_ARG(accepted));
    return value_pack("{kind: Status, apiVersion: v1, metadata: {}, status: Failure, message: %S, "
                      "reason: UnsupportedMediaType, code: 415}",
                      text_str(&m));
}

#define BODY_SHOWN 30

/* What is shown of a body in a message: its beginning, in hexadecimal unless it may be JSON. */
static void body_show(struct str body, struct text *out)
{
    struct str shown = str_slice(body, 0, body.size < BODY_SHOWN ? body.size : BODY_SHOWN);
    if (body.size == 0)
        text_add(out, S("<empty>"));
    else if (body.bytes[0] == '{')
        text_add(out, shown);
    else
        for (size_t i = 0; i < shown.size; i++)
            text_printf(out, "%02x", (unsigned char)shown.bytes[i]);
    if (shown.size < body.size)
        text_add(out, S(" ..."));
}

/* What a body in protobuf may be: the kind itself, what its subresource takes, DeleteOptions. */
static const struct type_schema *protobuf_type(void *owner, struct str api_version, struct str kind)
{
    const struct request *q = owner;
    const struct type_schema *sub = schema_for_subresource(q->resource, q->subresource);
    if (str_equal(kind, S("DeleteOptions")))
        return &schema_types[TYPE_meta_v1_DeleteOptions];
    if (sub && (kind.size == 0 || str_equal(kind, str_from(sub->name))))
        return sub;
    const struct resource *r = resource_find_kind(api_version, kind);
    return r ? r->type : NULL;
}

static void on_duplicate(void *owner, struct str path)
{
    struct request *q = owner;
    if (!value_is_present(q->duplicates))
        q->duplicates = value_array();
    q->duplicates = value_append(q->duplicates, value_string(path));
}

/* What is told of a document is told in its order: it is kept where there is more than one thing to
 * tell. */
static void keep_source(struct request *q, struct str text, struct value body)
{
    const struct type_schema *type = schema_for_subresource(q->resource, q->subresource);
    const struct decode_options options = {.validation = FIELD_VALIDATION_WARN,
                                           .duplicates = q->duplicates};
    AUTO(text) struct text ignored = {0};
    struct value warnings = VALUE_ABSENT;
    if (!type || q->field_validation == FIELD_VALIDATION_IGNORE)
        return;
    value_drop(decode_bare(type, value_keep(body), &options, &ignored, &warnings));
    if (value_count(warnings) > 1)
        q->source = value_string(text);
    value_drop(warnings);
}

static void on_yaml_duplicate(void *owner, struct str path, struct str key, size_t line,
                              size_t column)
{
    struct value *lines = owner;
    (void)path;
    (void)column;
    if (!value_is_present(*lines))
        *lines = value_array();
    *lines = value_append(
        *lines, value_printf("line %zu: key \"%.*s\" already set in map", line, STR_ARG(key)));
}

/* A configuration to be applied: the first document, which has to be a map. */
static bool parse_configuration(struct request *q, struct str body, struct value *ret_value,
                                struct errmsg *message)
{
    struct yaml_stream stream = {0};
    const struct yaml_limits limits = {.duplicate_key = on_yaml_duplicate, .owner = &q->duplicates};
    if (yaml_parse(body, &limits, &stream, message) != ERR_OK) {
        struct errmsg placed = *message;
        const char *column = strstr(placed.text, ", column ");
        const char *problem = column ? strstr(column, ": ") : NULL;
        if (problem)
            (void)errmsg_set(message, ERR_SYNTAX, "error converting YAML to JSON: yaml: %.*s%s",
                             (int)(column - placed.text), placed.text, problem);
        return false;
    }
    struct value v = stream.count > 0 ? stream.items[0].value : VALUE_ABSENT;
    bool is_map = stream.count == 0 || value_kind(v) == VALUE_OBJECT || value_kind(v) == VALUE_NULL;
    if (is_map)
        *ret_value = value_kind(v) == VALUE_OBJECT ? value_keep(v) : value_object();
    else
        (void)errmsg_set(message, ERR_TYPE,
                         "error unmarshaling JSON: while decoding JSON: json: cannot unmarshal %s "
                         "into Go value of type map[string]interface {}",
                         json_kind_text(v));
    yaml_stream_release(&stream);
    return is_map;
}

/* All keys that come twice are one mistake. */
static bool parse_yaml(struct request *q, struct str body, bool is_write, struct value *ret_value,
                       struct errmsg *message)
{
    struct value lines = VALUE_ABSENT;
    const struct yaml_limits limits = {.duplicate_key = on_yaml_duplicate, .owner = &lines};
    if (yaml_parse_one_within(body, is_write ? &limits : NULL, ret_value, message) != ERR_OK) {
        value_drop(lines);
        return false;
    }
    if (value_is_present(lines))
        q->duplicates = value_append(value_array(), lines);
    return true;
}

static bool parse(struct request *q, struct str body, enum body_type type, struct value *ret_value,
                  struct errmsg *message)
{
    bool is_options = q->verb == VERB_DELETE || q->verb == VERB_DELETE_COLLECTION;
    if (type == BODY_PROTOBUF && value_is_present(q->target) && !is_options) {
        (void)errmsg_set(message, ERR_VALUE,
                         "object *unstructured.Unstructured does not implement the protobuf "
                         "marshalling interface and cannot be encoded to a protobuf message");
        return false; /* of a custom kind nobody knows the numbers of the fields */
    }
    if (type == BODY_PROTOBUF)
        return protobuf_parse(body, protobuf_type, q, ret_value, message);
    if (type == BODY_YAML && q->patch_type == PATCH_APPLY)
        return parse_configuration(q, body, ret_value, message);
    bool is_write = q->verb == VERB_CREATE || q->verb == VERB_UPDATE || q->verb == VERB_PATCH;
    if (type == BODY_YAML)
        return parse_yaml(q, body, is_write, ret_value, message);
    struct json_limits limits = {.has_bare_messages = true, .owner = q};
    if (is_write)
        limits.duplicate_key = on_duplicate;
    if (json_parse(body, &limits, ret_value, message) != ERR_OK)
        return false;
    if (is_write && q->verb != VERB_PATCH)
        keep_source(q, body, *ret_value);
    return true;
}

/* A body whose envelope was read is named after it. */
static void unrecognized_protobuf(const struct request *q, struct str body, struct str kind,
                                  const struct errmsg *message, struct text *out)
{
    struct str said, version = S("");
    AUTO(text) struct text shown = {0};
    if (protobuf_envelope(body, &version, &said)) {
        said = said.size > 0 ? said : kind;
        kind = kind.size > 0 ? kind : said; /* a custom kind: what it is called is not known here */
        version = version.size > 0 ? version : q->resource->group_version;
        size_t slash = str_find(version, '/');
        text_printf(
            out, "%.*s in version \"%.*s\" cannot be handled as a %.*s: %s", STR_ARG(said),
            STR_ARG(slash < version.size ? str_slice(version, slash + 1, version.size) : version),
            STR_ARG(kind), message->text);
        return;
    }
    body_show(body, &shown);
    text_printf(out, "the object provided is unrecognized (must be of type %.*s): %s (%s)",
                STR_ARG(kind), message->text, text_c(&shown));
}

static struct value unrecognized(const struct request *q, struct str body, enum body_type type,
                                 const struct errmsg *message)
{
    AUTO(text) struct text m = {0};
    AUTO(text) struct text shown = {0};
    struct str kind = q->resource->kind;
    body_show(body, &shown);
    if (q->verb == VERB_PATCH) {
        const char *what = q->patch_type == PATCH_APPLY       ? "error decoding YAML: "
                           : q->patch_type == PATCH_STRATEGIC ? ""
                                                              : "error decoding patch: ";
        text_printf(&m, "%s%s", what, message->text);
        return status_bad_request(text_str(&m));
    }
    if (q->verb == VERB_DELETE || q->verb == VERB_DELETE_COLLECTION)
        kind = S("DeleteOptions");
    if (type == BODY_PROTOBUF) {
        unrecognized_protobuf(q, body, kind, message, &m);
        return status_bad_request(text_str(&m));
    }
    text_printf(&m,
                "the object provided is unrecognized (must be of type %.*s): couldn't get "
                "version/kind; json parse error: %s (%.*s)",
                STR_ARG(kind), message->text, STR_ARG(text_str(&shown)));
    return status_bad_request(text_str(&m));
}

/* The media type of the body; false: refused. */
static bool type_read(const struct http_request *h, struct reading *r, enum body_type *ret_type)
{
    struct request *q = r->request;
    *ret_type = BODY_JSON;
    if (q->verb == VERB_PATCH) {
        q->patch_type = patch_type_of(h->content_type);
        *ret_type = q->patch_type == PATCH_APPLY ? BODY_YAML : BODY_JSON;
        if (q->patch_type != PATCH_NONE)
            return true;
        r->refusal =
            value_is_present(q->target)
                ? unknown_format(S("application/json-patch+json, application/merge-patch+json, "
                                   "application/apply-patch+yaml"))
                : status_make(415, S("UnsupportedMediaType"), S("415: Unsupported Media Type"),
                              value_object());
        return false;
    }
    *ret_type = body_type_of(h->content_type);
    if (*ret_type != BODY_UNKNOWN)
        return true;
    r->refusal = unknown_format(
        S("application/json, application/yaml, application/vnd.kubernetes.protobuf"));
    return false;
}

static bool name_read(struct reading *r)
{
    struct request *q = r->request;
    struct str name = VALUE_STR(q->body, metadata, name);
    struct str namespace = VALUE_STR(q->body, metadata, namespace);
    if (q->verb != VERB_CREATE || q->key || name.size == 0 || q->subresource != SUBRESOURCE_NONE ||
        value_is_present(q->target)) /* the API server makes the key of a custom object */
        return true;
    if (namespace.size > 0 && q->resource->is_namespaced &&
        !str_equal(namespace, r->target.namespace))
        return true; /* the registry refuses it */
    q->key = object_key_of(q->resource->storage, value_str(q->namespace), name);
    return true;
}

static bool body_read(const struct http_request *h, struct reading *r)
{
    struct request *q = r->request;
    bool is_delete = q->verb == VERB_DELETE || q->verb == VERB_DELETE_COLLECTION;
    bool is_write = q->verb == VERB_CREATE || q->verb == VERB_UPDATE || q->verb == VERB_PATCH;
    if (!is_write && (!is_delete || h->body.size == 0))
        return true;
    bool is_stream = q->subresource >= SUBRESOURCE_LOG && q->subresource != SUBRESOURCE_COUNT;
    if (is_stream)
        return true;
    enum body_type type;
    if (!type_read(h, r, &type))
        return false;
    struct errmsg message = {{0}};
    struct value body = VALUE_ABSENT;
    if (!parse(q, h->body, type, &body, &message)) {
        struct value refusal = unrecognized(q, h->body, type, &message);
        /* A patch is read when there is something to patch. */
        bool waits = q->verb == VERB_PATCH && q->patch_type != PATCH_APPLY;
        if (waits)
            q->patch_refusal = refusal;
        else
            r->refusal = refusal;
        return waits;
    }
    if (is_delete) {
        bool is_read = delete_options_read(q, body, &r->refusal);
        value_drop(body);
        return is_read;
    }
    q->body = body;
    q->body_bytes = (uint32_t)h->body.size;
    return name_read(r);
}
