/* SPDX-License-Identifier: Apache-2.0
 *
 * A Status always stays a Status, whatever form was asked for. The items of a typed list stand
 * without kind and apiVersion; those of tables and of PartialObjectMetadataLists have their own.
 *
 * YAML is made from the same JSON, as a real server's serializer does, so it has the same zeros.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/answer.h"

#include "cluster/api/columns.h"
#include "cluster/api/custom/columns.h"
#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/printers/printers.h"
#include "cluster/api/schema.h"
#include "cluster/api/status.h"
#include "cluster/api/strategy.h"
#include "cluster/api/yaml.h"

static void write_body(const struct answer_shape *s, struct value body, struct wall_time now,
                       bool with_columns, struct text *out);
static void write_protobuf(const struct answer_shape *s, struct value body, struct text *out);
static struct protobuf_head head_of(const struct answer_shape *s, struct value body,
                                    bool *ret_is_list);

struct answer_shape answer_shape_of(const struct reading *reading, struct protobuf_writer *writer)
{
    return (struct answer_shape){.resource = reading->request ? reading->request->resource : NULL,
                                 .subresource = reading->request ? reading->request->subresource
                                                                 : SUBRESOURCE_NONE,
                                 .accepted = reading->accepted,
                                 .accepted_error = reading->accepted_error,
                                 .writer = writer,
                                 .include = reading->include,
                                 .is_pretty = reading->is_pretty,
                                 .is_raw_error = reading->is_raw_error};
}

void answer_shape_set_kind(struct answer_shape *shape, const struct custom_kind *kind)
{
    if (!kind)
        return;
    custom_kind_unref(shape->kind);
    shape->kind = custom_kind_ref(kind);
    shape->resource = kind->resource;
}

void answer_shape_release(struct answer_shape *shape)
{
    custom_kind_unref(shape->kind);
    shape->kind = NULL;
}

struct str answer_watch_type(const struct answer_shape *shape)
{
    return shape->accepted.encoding == ENCODING_PROTOBUF
               ? S("application/vnd.kubernetes.protobuf;stream=watch")
               : encoding_media_type(shape->accepted.encoding);
}

static void line_begin(struct text *out, unsigned depth)
{
    text_add_byte(out, '\n');
    for (unsigned i = 0; i < depth; i++)
        text_add(out, S("  "));
}

/* Compact JSON with line ends and indents, its order kept. */
void answer_indent(struct str json, struct text *out)
{
    unsigned depth = 0;
    bool is_in_string = false;
    for (size_t i = 0; i < json.size; i++) {
        char c = json.bytes[i];
        char next = i + 1 < json.size ? json.bytes[i + 1] : 0;
        bool is_open = c == '{' || c == '[';
        bool is_close = c == '}' || c == ']';
        if (is_in_string) {
            text_add_byte(out, c);
            if (c == '\\' && next)
                text_add_byte(out, json.bytes[++i]);
            is_in_string = c != '"';
            continue;
        }
        is_in_string = c == '"';
        bool is_empty = is_open && next == (c == '{' ? '}' : ']');
        if (is_close)
            line_begin(out, --depth);
        text_add_byte(out, c);
        if (is_empty)
            text_add_byte(out, json.bytes[++i]);
        else if (is_open)
            line_begin(out, ++depth);
        else if (c == ',')
            line_begin(out, depth);
        else if (c == ':')
            text_add_byte(out, ' ');
    }
}

static void write_yaml(const struct text *json, struct text *out)
{
    struct value v = VALUE_ABSENT;
    struct errmsg message;
    CHECK(json_parse(text_str(json), NULL, &v, &message) == ERR_OK);
    yaml_write(v, out);
    value_drop(v);
}

struct str answer_body(const struct answer_shape *shape, struct value body, struct wall_time now,
                       struct text *out)
{
    bool is_error = value_is_status(body) && VALUE_IS(body, "Failure", status);
    enum encoding encoding = is_error ? shape->accepted_error.encoding : shape->accepted.encoding;
    bool is_pretty = shape->is_pretty || (is_error && shape->is_raw_error);
    if (encoding == ENCODING_PROTOBUF) {
        write_protobuf(shape, body, out);
    } else if (encoding == ENCODING_JSON && !is_pretty) {
        write_body(shape, body, now, true, out);
        text_add_byte(out, '\n');
    } else {
        AUTO(text) struct text json = {0};
        write_body(shape, body, now, true, &json);
        if (encoding == ENCODING_YAML)
            write_yaml(&json, out);
        else
            answer_indent(text_str(&json), out);
    }
    return encoding_media_type(encoding);
}

/* A real server's bookmark is an empty object of its internal type, in which replicas is no
 * pointer: a zero that shows. Owned. */
static struct value bookmark(const struct answer_shape *s, struct value object)
{
    bool has_replicas = s->resource && (s->resource->subresources & (1u << SUBRESOURCE_SCALE)) != 0;
    object = value_keep(object);
    return has_replicas ? VALUE_SET(object, value_integer(0), spec, replicas) : object;
}

void answer_watch_event(struct answer_shape *shape, const struct watch_event *event,
                        struct wall_time now, struct text *out)
{
    static const char *const types[] = {
        [WATCH_ADDED] = "ADDED",       [WATCH_MODIFIED] = "MODIFIED", [WATCH_DELETED] = "DELETED",
        [WATCH_BOOKMARK] = "BOOKMARK", [WATCH_ERROR] = "ERROR",
    };
    CHECK(event->type != WATCH_END);
    AUTO(value)
    struct value object =
        event->type == WATCH_BOOKMARK ? bookmark(shape, event->object) : value_keep(event->object);
    if (shape->accepted.encoding == ENCODING_PROTOBUF) {
        bool is_list;
        struct protobuf_head head = head_of(shape, object, &is_list);
        CHECK(!is_list);
        protobuf_write_event(shape->writer, &head, str_from(types[event->type]), object, out);
        return;
    }
    text_printf(out, "{\"type\":\"%s\",\"object\":", types[event->type]);
    write_body(shape, object, now, !shape->has_columns, out);
    if (shape->accepted.form == FORM_TABLE && event->type != WATCH_ERROR)
        shape->has_columns = true;
    text_add(out, S("}\n"));
}

/* ---- objects ---- */

static const struct type_schema *type_of(const struct answer_shape *s, struct value v)
{
    if (value_is_status(v))
        return &schema_types[TYPE_meta_v1_Status];
    if (!s->resource)
        return NULL;
    struct str kind = VALUE_STR(v, kind);
    if (str_equal(kind, s->resource->kind))
        return s->resource->type;
    /* which subresource of a custom kind it is was not known when the request was read */
    const struct type_schema *sub =
        schema_for_subresource(s->resource, s->kind ? SUBRESOURCE_SCALE : s->subresource);
    return sub && str_equal(kind, str_from(sub->name)) ? sub : NULL;
}

static bool is_list(const struct answer_shape *s, struct value v)
{
    return s->resource && s->resource->list_kind.size > 0 &&
           str_equal(VALUE_STR(v, kind), s->resource->list_kind);
}

static void write_list_head(const char *kind, struct str api_version, struct value body,
                            struct text *out)
{
    text_printf(out, "{\"kind\":\"%s\",\"apiVersion\":\"%.*s\",\"metadata\":", kind,
                STR_ARG(api_version));
    schema_write_json(&schema_types[TYPE_meta_v1_ListMeta], VALUE_GET(body, metadata), out);
}

/* Items of custom kinds keep their kind and apiVersion; members are sorted, as everything that has
 * no Go type. */
static void write_custom_list(const struct answer_shape *s, struct value body, struct text *out)
{
    struct value metadata = VALUE_GET(body, metadata), items = VALUE_GET(body, items);
    metadata = value_is_present(VALUE_GET(metadata, continue))
                   ? value_keep(metadata)
                   : VALUE_SET(value_keep(metadata), value_string(S("")), continue);
    text_printf(out, "{\"apiVersion\":\"%.*s\",\"items\":[", STR_ARG(s->resource->group_version));
    for (size_t i = 0; i < value_count(items); i++) {
        if (i > 0)
            text_add_byte(out, ',');
        schema_write_json(NULL, value_at(items, i), out);
    }
    text_printf(out, "],\"kind\":\"%.*s\",\"metadata\":", STR_ARG(s->resource->list_kind));
    schema_write_json(NULL, metadata, out);
    text_add_byte(out, '}');
    value_drop(metadata);
}

static void write_list(const struct answer_shape *s, struct value body, struct text *out)
{
    struct value items = VALUE_GET(body, items);
    if (s->kind) {
        write_custom_list(s, body, out);
        return;
    }
    write_list_head(s->resource->list_kind.bytes, s->resource->group_version, body, out);
    text_add(out, S(",\"items\":["));
    for (size_t i = 0; i < value_count(items); i++) {
        if (i > 0)
            text_add_byte(out, ',');
        schema_write_json_item(s->resource->type, value_at(items, i), out);
    }
    text_add(out, S("]}"));
}

/* ---- protobuf ---- */

/* Of what subresources answer. */
static struct str api_version_of(const struct type_schema *t)
{
    return t == &schema_types[TYPE_autoscaling_v1_Scale]             ? S("autoscaling/v1")
           : t == &schema_types[TYPE_policy_v1_Eviction]             ? S("policy/v1")
           : t == &schema_types[TYPE_authentication_v1_TokenRequest] ? S("authentication.k8s.io/v1")
                                                                     : S("v1");
}

/* What of the body goes into protobuf: the object itself, or its metadata. */
static struct protobuf_head head_of(const struct answer_shape *s, struct value body,
                                    bool *ret_is_list)
{
    static const struct str versions[] = {{"meta.k8s.io/v1", 14}, {"meta.k8s.io/v1beta1", 19}};
    enum form form = value_is_status(body) ? FORM_OBJECT : s->accepted.form;
    *ret_is_list = is_list(s, body);
    if (form == FORM_OBJECT && *ret_is_list)
        return (struct protobuf_head){s->resource->type, s->resource->group_version,
                                      s->resource->list_kind};
    if (form == FORM_OBJECT) {
        const struct type_schema *t = type_of(s, body);
        CHECK(t);
        if (value_is_status(body))
            return (struct protobuf_head){t, S("v1"), S("Status")};
        if (t == s->resource->type)
            return (struct protobuf_head){t, s->resource->group_version, s->resource->kind};
        return (struct protobuf_head){t, api_version_of(t), str_from(t->name)};
    }
    return (struct protobuf_head){
        &schema_types[TYPE_meta_v1_PartialObjectMetadata], versions[s->accepted.is_beta],
        *ret_is_list ? S("PartialObjectMetadataList") : S("PartialObjectMetadata")};
}

static void write_protobuf(const struct answer_shape *s, struct value body, struct text *out)
{
    bool is_of_many;
    struct protobuf_head head = head_of(s, body, &is_of_many);
    if (is_of_many)
        protobuf_write_list(s->writer, &head, body, out);
    else
        protobuf_write(s->writer, &head, body, out);
}

/* ---- metadata alone ---- */

/* Metadata alone is taken from a real server's internal form, in which this annotation of daemon
 * sets is a field of the spec. Owned. */
static struct value internal_metadata(const struct answer_shape *s, struct value metadata)
{
    struct str field = S(DAEMON_SET_TEMPLATE_GENERATION);
    struct value annotations = VALUE_GET(metadata, annotations);
    metadata = value_keep(metadata);
    if (!s->resource || s->resource->index != RESOURCE_daemonsets ||
        !value_is_present(value_get_key(annotations, field)))
        return metadata;
    annotations = value_set_key(value_keep(annotations), field, VALUE_ABSENT);
    if (value_count(annotations) == 0) {
        value_drop(annotations);
        annotations = VALUE_ABSENT;
    }
    return value_set(metadata, ATOM_annotations, annotations);
}

static void write_partial(const struct answer_shape *s, struct value object, struct text *out)
{
    text_printf(out,
                "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/%s\","
                "\"metadata\":",
                s->accepted.is_beta ? "v1beta1" : "v1");
    AUTO(value) struct value metadata = internal_metadata(s, VALUE_GET(object, metadata));
    schema_write_json(&schema_types[TYPE_meta_v1_ObjectMeta], metadata, out);
    text_add_byte(out, '}');
}

static void write_partial_list(const struct answer_shape *s, struct value body, struct text *out)
{
    struct value items = VALUE_GET(body, items);
    struct str version = s->accepted.is_beta ? S("meta.k8s.io/v1beta1") : S("meta.k8s.io/v1");
    write_list_head("PartialObjectMetadataList", version, body, out);
    text_add(out, S(",\"items\":["));
    for (size_t i = 0; i < value_count(items); i++) {
        if (i > 0)
            text_add_byte(out, ',');
        write_partial(s, value_at(items, i), out);
    }
    text_add(out, S("]}"));
}

/* ---- tables ---- */

static void write_columns(const struct resource *r, struct text *out)
{
    size_t count;
    const struct column *columns = columns_of(r, &count);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            text_add_byte(out, ',');
        text_printf(out,
                    "{\"name\":\"%.*s\",\"type\":\"%.*s\",\"format\":\"%.*s\",\"description\":"
                    "\"%.*s\",\"priority\":%d}",
                    STR_ARG(columns[i].name), STR_ARG(columns[i].type), STR_ARG(columns[i].format),
                    STR_ARG(column_description(&columns[i])), columns[i].priority);
    }
}

static void write_row_conditions(struct value object, struct text *out)
{
    bool has_failed = VALUE_IS(object, "Failed", status, phase);
    if (!VALUE_IS(object, "Pod", kind) ||
        (!has_failed && !VALUE_IS(object, "Succeeded", status, phase)))
        return;
    text_printf(out,
                ",\"conditions\":[{\"type\":\"Completed\",\"status\":\"True\",\"reason\":\"%s\","
                "\"message\":\"%s\"}]",
                has_failed ? "Failed" : "Succeeded",
                has_failed ? "The pod failed." : "The pod has completed successfully.");
}

static void write_row(const struct answer_shape *s, struct value object, struct wall_time now,
                      struct text *out)
{
    struct cells cells = {.out = out, .now = now};
    text_add(out, S("{\"cells\":["));
    if (s->kind)
        custom_cells_print(s->kind, object, &cells);
    else
        cells_print(s->resource, object, &cells);
    text_add_byte(out, ']');
    write_row_conditions(object, out);
    text_add(out, S(",\"object\":"));
    if (s->include == INCLUDE_METADATA)
        write_partial(s, object, out);
    else if (s->include == INCLUDE_OBJECT)
        schema_write_json(s->resource->type, object, out);
    else
        text_add(out, S("null"));
    text_add_byte(out, '}');
}

static void write_table(const struct answer_shape *s, struct value body, struct wall_time now,
                        bool with_columns, struct text *out)
{
    bool is_of_many = is_list(s, body);
    struct value items = VALUE_GET(body, items);
    struct str version = VALUE_STR(body, metadata, resourceVersion);
    AUTO(value)
    struct value own_head =
        is_of_many ? value_keep(body) : value_pack("{metadata: {resourceVersion: %S}}", version);
    write_list_head("Table", s->accepted.is_beta ? S("meta.k8s.io/v1beta1") : S("meta.k8s.io/v1"),
                    own_head, out);
    if (with_columns) {
        text_add(out, S(",\"columnDefinitions\":["));
        if (s->kind)
            custom_columns_write(s->kind, out);
        else
            write_columns(s->resource, out);
        text_add(out, S("],\"rows\":["));
    } else {
        text_add(out, S(",\"columnDefinitions\":null,\"rows\":["));
    }
    for (size_t i = 0; is_of_many && i < value_count(items); i++) {
        if (i > 0)
            text_add_byte(out, ',');
        write_row(s, value_at(items, i), now, out);
    }
    if (!is_of_many)
        write_row(s, body, now, out);
    text_add(out, S("]}"));
}

/* A Scale has a table of its own; not that of a custom object. */
static struct answer_shape shape_of_body(const struct answer_shape *s, struct value body)
{
    static const struct resource scales = {.group = {"autoscaling", 11},
                                           .version = {"v1", 2},
                                           .kind = {"Scale", 5},
                                           .type = &schema_types[TYPE_autoscaling_v1_Scale]};
    struct answer_shape shape = *s;
    if (s->subresource == SUBRESOURCE_SCALE && !s->kind && VALUE_IS(body, "Scale", kind))
        shape.resource = &scales;
    return shape;
}

static void write_body(const struct answer_shape *shape, struct value body, struct wall_time now,
                       bool with_columns, struct text *out)
{
    const struct answer_shape body_shape = shape_of_body(shape, body), *s = &body_shape;
    bool is_of_many = is_list(s, body);
    bool is_own = is_of_many || (s->resource && !value_is_status(body) &&
                                 str_equal(VALUE_STR(body, kind), s->resource->kind));
    enum form form = is_own ? s->accepted.form : FORM_OBJECT;
    if (form == FORM_TABLE)
        write_table(s, body, now, with_columns, out);
    else if (is_of_many && form != FORM_OBJECT)
        write_partial_list(s, body, out);
    else if (form != FORM_OBJECT)
        write_partial(s, body, out);
    else if (is_of_many)
        write_list(s, body, out);
    else
        schema_write_json(type_of(s, body), body, out);
}
