/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths and operations, from the table of resources. What is the same for all operations of a path
 * (its name, its namespace) stands with the path.
 *
 *     /api/v1/namespaces/{namespace}/pods              list, post, deletecollection
 *     /api/v1/namespaces/{namespace}/pods/{name}       get, put, patch, delete
 *     /api/v1/namespaces/{namespace}/pods/{name}/log   and other subresources
 *     /api/v1/pods                                     the list over all namespaces
 *     /api/v1/watch/...                                the old way to watch each of them
 *     /api/v1/                                         the discovery document
 *
 * Names of operations are those of a real server ("readCoreV1NamespacedPodStatus"): generated
 * clients have them as names of functions.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/page.h"

#include "cluster/api/json.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

enum parameter {
#define PARAMETER(identifier, ...) PARAMETER_##identifier,
#include "cluster/apiserver/http/openapi/parameters.def"
#undef PARAMETER
    PARAMETER_COUNT
};
static const struct {
    const char *name, *place, *type, *description;
} parameters[PARAMETER_COUNT] = {
#define PARAMETER(identifier, name_, place_, type_, description_)                                  \
    [PARAMETER_##identifier] = {name_, place_, type_, description_},
#include "cluster/apiserver/http/openapi/parameters.def"
#undef PARAMETER
};
_Static_assert(PARAMETER_COUNT < 64, "a set of parameters fits a word");

#define BIT(p) (UINT64_C(1) << PARAMETER_##p)
#define LIST_ONLY                                                                                  \
    (BIT(CONTINUE) | BIT(FIELD_SELECTOR) | BIT(LABEL_SELECTOR) | BIT(LIMIT) |                      \
     BIT(RESOURCE_VERSION) | BIT(RESOURCE_VERSION_MATCH) | BIT(SEND_INITIAL_EVENTS) |              \
     BIT(SHARD_SELECTOR) | BIT(TIMEOUT_SECONDS))
#define LIST_PARAMETERS (LIST_ONLY | BIT(ALLOW_WATCH_BOOKMARKS) | BIT(WATCH))
#define DELETE_PARAMETERS                                                                          \
    (BIT(DRY_RUN) | BIT(GRACE_PERIOD_SECONDS) | BIT(IGNORE_STORE_READ_ERROR) |                     \
     BIT(ORPHAN_DEPENDENTS) | BIT(PROPAGATION_POLICY))
#define WRITE_PARAMETERS (BIT(DRY_RUN) | BIT(FIELD_MANAGER) | BIT(FIELD_VALIDATION))

enum content {
    CONTENT_NONE,
    CONTENT_OBJECT,
    CONTENT_LIST,
    CONTENT_STATUS,
    CONTENT_EVENT,
    CONTENT_TEXT,
    CONTENT_STREAM,
    CONTENT_JSON,
    CONTENT_KEYS,
    CONTENT_TYPE
};
struct operation {
    const char *method, *action; /* action empty: no kind belongs to it */
    struct text id, description;
    const struct resource *resource; /* whose kind it is; NULL: `type` */
    const struct type_schema *type;  /* of body and answer, when it is not the resource's */
    struct str group, version, kind; /* of the extension */
    struct str tag_group, tag_version;
    enum content content;
    bool has_body, is_patch, is_delete, is_created, is_accepted, is_document;
    uint64_t parameters;
};
struct path {
    struct text path;
    uint64_t common;
    VEC(struct operation) operations;
};
typedef VEC(struct path) paths_vec;
struct builder {
    struct page *page;
    paths_vec paths;
};

/* ---- writing ---- */

static void parameter_write(struct page *p, enum parameter n)
{
    page_item(p);
    text_add_byte(p->out, '{');
    page_string(p, "name", str_from(parameters[n].name));
    page_string(p, "in", str_from(parameters[n].place));
    page_string(p, "description", str_from(parameters[n].description));
    if (parameters[n].place[0] == 'p') {
        page_key(p, "required");
        page_put(p, "true");
    }
    if (p->is_v3) {
        page_key(p, "schema");
        text_printf(p->out, "{\"type\":\"%s\",\"uniqueItems\":true}", parameters[n].type);
    } else {
        page_string(p, "type", str_from(parameters[n].type));
        page_key(p, "uniqueItems");
        page_put(p, "true");
    }
    text_add_byte(p->out, '}');
}

static void parameters_write(struct page *p, uint64_t set)
{
    for (int n = 0; n < PARAMETER_COUNT; n++) {
        if (set >> n & 1)
            parameter_write(p, (enum parameter)n);
    }
}

/* The reference to what a body or an answer holds. */
static void content_reference(struct page *p, const struct operation *o, enum content content)
{
    text_add_byte(p->out, '{');
    if (content >= CONTENT_TEXT && content <= CONTENT_KEYS)
        page_put(p, "\"type\":\"string\"");
    else if (content == CONTENT_STATUS)
        page_reference(p, &schema_types[TYPE_meta_v1_Status]);
    else if (content == CONTENT_EVENT)
        page_reference(p, &schema_types[TYPE_meta_v1_WatchEvent]);
    else if (content == CONTENT_TYPE && !o->type)
        page_common(p, COMMON_VERSION_INFO);
    else if (content == CONTENT_TYPE)
        page_reference(p, o->type);
    else
        page_kind_reference(p, o->resource, content == CONTENT_LIST);
    text_add_byte(p->out, '}');
}

/* The media types of an operation, in order; NULL at the end. */
static const char *const *media_types(const struct operation *o)
{
    static const char *const objects[] = {"application/json", "application/vnd.kubernetes.protobuf",
                                          "application/yaml", NULL};
    static const char *const streams[] = {"application/json",
                                          "application/json;stream=watch",
                                          "application/vnd.kubernetes.protobuf",
                                          "application/vnd.kubernetes.protobuf;stream=watch",
                                          "application/yaml",
                                          NULL};
    static const char *const custom[] = {"application/json", "application/yaml", NULL};
    static const char *const logs[] = {"application/json", "application/vnd.kubernetes.protobuf",
                                       "application/yaml", "text/plain", NULL};
    static const char *const json[] = {"application/json", NULL};
    static const char *const any[] = {"*/*", NULL};
    static const char *const keys[] = {"application/jwk-set+json", NULL};
    if (o->content == CONTENT_KEYS || o->content == CONTENT_JSON)
        return o->content == CONTENT_KEYS ? keys : json;
    if (o->content == CONTENT_STREAM)
        return any;
    if (o->content == CONTENT_TEXT)
        return logs;
    if (o->content == CONTENT_TYPE && !o->type)
        return json;
    if (o->resource && !o->resource->type)
        return custom;
    return o->content == CONTENT_LIST || o->content == CONTENT_EVENT ? streams : objects;
}

static void answer_write(struct page *p, const struct operation *o, const char *code,
                         const char *description)
{
    page_key(p, code);
    text_add_byte(p->out, '{');
    page_string(p, "description", str_from(description));
    if (p->is_v3) {
        page_key(p, "content");
        text_add_byte(p->out, '{');
        for (const char *const *m = media_types(o); *m; m++) {
            page_key(p, *m);
            page_put(p, "{\"schema\":");
            content_reference(p, o, o->content);
            text_add_byte(p->out, '}');
        }
        text_add_byte(p->out, '}');
    } else {
        page_key(p, "schema");
        content_reference(p, o, o->content);
    }
    text_add_byte(p->out, '}');
}

static const char *const patch_types[] = {
    "application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json",
    "application/strategic-merge-patch+json"};

/* Custom resources have no strategic merge patch. */
static size_t patch_type_count(const struct operation *o)
{
    return ARRAY_COUNT(patch_types) - (o->resource && !o->resource->type);
}

static void body_reference(struct page *p, const struct operation *o)
{
    if (o->is_delete) {
        text_add_byte(p->out, '{');
        page_reference(p, &schema_types[TYPE_meta_v1_DeleteOptions]);
        text_add_byte(p->out, '}');
    } else if (o->is_patch) {
        text_add_byte(p->out, '{');
        page_common(p, COMMON_PATCH);
        text_add_byte(p->out, '}');
    } else {
        content_reference(p, o, o->content);
    }
}

static void body_write_v3(struct page *p, const struct operation *o)
{
    static const char *const any[] = {"*/*"};
    const char *const *types = o->is_patch ? patch_types : any;
    page_key(p, "requestBody");
    page_put(p, "{\"content\":{");
    for (size_t i = 0; i < (o->is_patch ? patch_type_count(o) : 1); i++) {
        page_key(p, types[i]);
        page_put(p, "{\"schema\":");
        body_reference(p, o);
        text_add_byte(p->out, '}');
    }
    page_put(p, o->is_delete ? "}}" : "},\"required\":true}");
}

static void body_write_v2(struct page *p, const struct operation *o)
{
    page_item(p);
    page_put(p, "{\"name\":\"body\",\"in\":\"body\"");
    if (!o->is_delete)
        page_put(p, ",\"required\":true");
    page_put(p, ",\"schema\":");
    body_reference(p, o);
    text_add_byte(p->out, '}');
}

static void media_lists_write(struct page *p, const struct operation *o)
{
    page_put(p, ",\"schemes\":[\"https\"],\"produces\":[");
    for (const char *const *m = media_types(o); *m; m++) {
        page_item(p);
        json_write_string(str_from(*m), p->out);
    }
    text_add_byte(p->out, ']');
    if (o->content == CONTENT_KEYS || o->content == CONTENT_JSON)
        return;
    page_key(p, "consumes");
    text_add_byte(p->out, '[');
    for (size_t i = 0; o->is_patch && i < patch_type_count(o); i++) {
        page_item(p);
        json_write_string(str_from(patch_types[i]), p->out);
    }
    if (!o->is_patch && o->is_document && !o->type)
        page_put(p, "\"application/json\"");
    else if (!o->is_patch && o->is_document)
        page_put(p, "\"application/json\",\"application/yaml\","
                    "\"application/vnd.kubernetes.protobuf\"");
    else if (!o->is_patch)
        page_put(p, "\"*/*\"");
    text_add_byte(p->out, ']');
}

/* "core_v1", "rbacAuthorization_v1"; of a group alone without the version. */
static void tag_write(struct str group, struct str version, struct text *out)
{
    size_t from = out->size;
    struct str word, rest = group.size > 0 ? group : S("core");
    if (str_ends_with(rest, S(".k8s.io")))
        rest.size -= 7;
    while (rest.size > 0) {
        word = str_cut(rest, '.', &rest);
        text_add(out, word);
        if (out->size - word.size > from) {
            char *first = &out->bytes[out->size - word.size];
            *first = (char)(*first >= 'a' && *first <= 'z' ? *first - 32 : *first);
        }
    }
    if (version.size > 0)
        text_printf(out, "_%.*s", STR_ARG(version));
}

static void operation_write(struct page *p, const struct operation *o, uint64_t common)
{
    uint64_t own = o->parameters & ~common;
    AUTO(text) struct text tag = {0};
    page_key(p, o->method);
    text_add_byte(p->out, '{');
    tag_write(o->tag_group, o->tag_version, &tag);
    page_strings(p, "tags", text_str(&tag), ',');
    page_string(p, "description", text_str(&o->description));
    page_string(p, "operationId", text_str(&o->id));
    if (own || (o->has_body && !p->is_v3)) {
        page_key(p, "parameters");
        text_add_byte(p->out, '[');
        if (o->has_body && !p->is_v3)
            body_write_v2(p, o);
        parameters_write(p, own);
        text_add_byte(p->out, ']');
    }
    if (o->has_body && p->is_v3)
        body_write_v3(p, o);
    page_key(p, "responses");
    text_add_byte(p->out, '{');
    answer_write(p, o, "200", "OK");
    if (o->is_created)
        answer_write(p, o, "201", "Created");
    if (o->is_accepted)
        answer_write(p, o, "202", "Accepted");
    page_key(p, "401");
    page_put(p, "{\"description\":\"Unauthorized\"}}");
    if (!p->is_v3)
        media_lists_write(p, o);
    if (o->action[0]) {
        page_string(p, "x-kubernetes-action", str_from(o->action));
        page_put(p, ",\"x-kubernetes-group-version-kind\":{");
        page_string(p, "group", o->group);
        page_string(p, "kind", o->kind);
        page_string(p, "version", o->version);
        text_add_byte(p->out, '}');
    }
    text_add_byte(p->out, '}');
}

static void path_write(struct page *p, const struct path *q)
{
    uint64_t common = q->common;
    if (q->operations.count == 1) /* all of it is common */
        common |= q->operations.items[0].parameters;
    page_name(p, text_str(&q->path));
    text_add_byte(p->out, '{');
    for (size_t i = 0; i < q->operations.count; i++)
        operation_write(p, &q->operations.items[i], common);
    if (common) {
        page_key(p, "parameters");
        text_add_byte(p->out, '[');
        parameters_write(p, common);
        text_add_byte(p->out, ']');
    }
    text_add_byte(p->out, '}');
}

/* ---- building ---- */

static struct path *path_add(struct builder *b, uint64_t common)
{
    vec_push(&b->paths, (struct path){.common = common});
    return &vec_last(&b->paths);
}

/* "Core", "RbacAuthorization": of a group; then the version: "V1". */
static void group_words(struct str group, struct str version, struct text *out)
{
    size_t from = out->size;
    tag_write(group, S(""), out);
    if (out->size > from)
        out->bytes[from] = (char)(out->bytes[from] & ~32);
    from = out->size;
    text_add(out, version);
    if (version.size > 0)
        out->bytes[from] = (char)(out->bytes[from] & ~32);
}

static void capitalised(struct str s, struct text *out)
{
    size_t from = out->size;
    text_add(out, s);
    if (s.size > 0 && s.bytes[0] >= 'a' && s.bytes[0] <= 'z')
        out->bytes[from] = (char)(out->bytes[from] - 32);
}

struct verb_row {
    const char *method, *action, *word, *text;
};

static struct operation *operation_add(struct path *q, const struct resource *r,
                                       const struct verb_row *v)
{
    struct operation o = {.method = v->method,
                          .action = v->action,
                          .resource = r,
                          .group = r->group,
                          .version = r->version,
                          .tag_group = r->group,
                          .tag_version = r->version,
                          .kind = r->kind,
                          .content = CONTENT_OBJECT};
    text_add(&o.id, str_from(v->word));
    group_words(r->group, r->version, &o.id);
    vec_push(&q->operations, o);
    return &vec_last(&q->operations);
}

static bool serves(const struct resource *r, enum verb v)
{
    return r->verbs & (1u << v);
}

static uint64_t scope(const struct resource *r)
{
    return BIT(PRETTY) | (r->is_namespaced ? BIT(NAMESPACE) : 0);
}

static void id_end(struct operation *o, const struct resource *r, const char *between,
                   struct str end)
{
    text_printf(&o->id, "%s%s%.*s", between, r->is_namespaced ? "Namespaced" : "",
                STR_ARG(r->kind));
    capitalised(end, &o->id);
}

/* /<prefix>, /<prefix>/watch, with the namespace when the resource has one. */
static void prefix_write(const struct resource *r, bool is_watch, bool with_namespace,
                         struct text *out)
{
    text_printf(out, "/%s/%.*s%s%s/%.*s", r->group.size > 0 ? "apis" : "api",
                STR_ARG(r->group_version), is_watch ? "/watch" : "",
                r->is_namespaced && with_namespace ? "/namespaces/{namespace}" : "",
                STR_ARG(r->plural));
}

static void collection_path(struct builder *b, const struct resource *r)
{
    static const struct verb_row list = {"get", "list", "list", ""};
    static const struct verb_row post = {"post", "post", "create", ""};
    static const struct verb_row purge = {"delete", "deletecollection", "delete", ""};
    struct path *q = path_add(b, scope(r));
    prefix_write(r, false, true, &q->path);
    if (serves(r, VERB_LIST)) {
        struct operation *o = operation_add(q, r, &list);
        o->content = CONTENT_LIST;
        o->parameters = LIST_PARAMETERS;
        id_end(o, r, "", S(""));
        text_printf(&o->description, "Lists or watches %.*s objects.", STR_ARG(r->kind));
    }
    if (serves(r, VERB_CREATE)) {
        struct operation *o = operation_add(q, r, &post);
        o->has_body = o->is_created = o->is_accepted = true;
        o->parameters = WRITE_PARAMETERS;
        id_end(o, r, "", S(""));
        text_printf(&o->description, "Creates an object: %.*s.", STR_ARG(r->kind));
    }
    if (serves(r, VERB_DELETE_COLLECTION)) {
        struct operation *o = operation_add(q, r, &purge);
        o->has_body = o->is_delete = true;
        o->content = CONTENT_STATUS;
        o->parameters = LIST_ONLY | DELETE_PARAMETERS;
        id_end(o, r, "Collection", S(""));
        text_printf(&o->description, "Deletes many objects: %.*s.", STR_ARG(r->kind));
    }
}

static void everywhere_path(struct builder *b, const struct resource *r, bool is_watch)
{
    static const struct verb_row list = {"get", "list", "list", ""};
    static const struct verb_row watch = {"get", "watchlist", "watch", ""};
    struct path *q = path_add(b, BIT(PRETTY));
    prefix_write(r, is_watch, false, &q->path);
    struct operation *o = operation_add(q, r, is_watch ? &watch : &list);
    o->content = is_watch ? CONTENT_EVENT : CONTENT_LIST;
    o->parameters = LIST_PARAMETERS;
    text_printf(&o->id, "%.*s%s%s", STR_ARG(r->kind), is_watch ? "List" : "",
                r->is_namespaced ? "ForAllNamespaces" : "");
    text_printf(&o->description,
                is_watch ? "Watches %.*s objects; a list with watch=true has replaced it."
                         : "Lists or watches %.*s objects.",
                STR_ARG(r->kind));
}

static void watch_path(struct builder *b, const struct resource *r, bool is_of_one)
{
    static const struct verb_row one = {"get", "watch", "watch", ""};
    static const struct verb_row many = {"get", "watchlist", "watch", ""};
    struct path *q = path_add(b, scope(r) | (is_of_one ? BIT(NAME) : 0));
    prefix_write(r, true, true, &q->path);
    if (is_of_one)
        text_add(&q->path, S("/{name}"));
    struct operation *o = operation_add(q, r, is_of_one ? &one : &many);
    o->content = CONTENT_EVENT;
    o->parameters = LIST_PARAMETERS;
    id_end(o, r, "", is_of_one ? S("") : S("List"));
    text_printf(&o->description, "Watches %.*s; a list with watch=true has replaced it.",
                STR_ARG(r->kind));
}

/* The kinds that a deletion answers with; others answer with a Status. */
static bool deletion_shows_object(const struct resource *r)
{
    static const enum resource_known core[] = {
        RESOURCE_persistentvolumeclaims, RESOURCE_pods,
        RESOURCE_podtemplates,           RESOURCE_resourcequotas,
        RESOURCE_serviceaccounts,        RESOURCE_services,
        RESOURCE_persistentvolumes};
    static const struct str others[] = {{"csidrivers", 10},
                                        {"csinodes", 8},
                                        {"storageclasses", 14},
                                        {"volumeattachments", 17},
                                        {"volumeattributesclasses", 23}};
    for (size_t i = 0; i < ARRAY_COUNT(core); i++) {
        if (r == resource_get(core[i]))
            return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(others); i++) {
        if (str_equal(r->group, S("storage.k8s.io")) && str_equal(r->plural, others[i]))
            return true;
    }
    return str_equal(r->group, S("resource.k8s.io"));
}

static const struct verb_row reading = {"get", "get", "read", "Reads %s%.*s."};
static const struct verb_row replacing = {"put", "put", "replace", "Replaces %s%.*s."};
static const struct verb_row patching = {"patch", "patch", "patch", "Changes a part of %s%.*s."};
static const struct verb_row posting = {"post", "post", "create", "Posts %s%.*s."};

/* An operation on one object, or on a subresource of it. */
static struct operation *single_add(struct path *q, const struct resource *r,
                                    const struct verb_row *v, struct str subresource)
{
    struct operation *o = operation_add(q, r, v);
    bool is_write = v != &reading;
    char what[64];
    CHECK(subresource.size < sizeof(what) - 8);
    memcpy(what, subresource.bytes, subresource.size);
    memcpy(what + subresource.size, " of ", 5);
    o->is_patch = v == &patching;
    o->has_body = is_write;
    o->is_created = is_write;
    o->is_accepted = v == &posting;
    o->parameters = is_write ? WRITE_PARAMETERS | (o->is_patch ? BIT(FORCE) : 0) : 0;
    id_end(o, r, "", subresource);
    struct str format = str_from(v->text), rest;
    text_add(&o->description, str_cut(format, '%', &rest));
    text_add(&o->description, subresource.size > 0 ? str_from(what) : S(""));
    text_printf(&o->description, "one object: %.*s.", STR_ARG(r->kind));
    return o;
}

static void object_path(struct builder *b, const struct resource *r)
{
    static const struct verb_row removing = {"delete", "delete", "delete", ""};
    struct path *q = path_add(b, scope(r) | BIT(NAME));
    prefix_write(r, false, true, &q->path);
    text_add(&q->path, S("/{name}"));
    if (serves(r, VERB_GET))
        (void)single_add(q, r, &reading, S(""));
    if (serves(r, VERB_UPDATE))
        (void)single_add(q, r, &replacing, S(""));
    if (serves(r, VERB_DELETE)) {
        struct operation *o = operation_add(q, r, &removing);
        o->has_body = o->is_delete = o->is_accepted = true;
        o->content = deletion_shows_object(r) ? CONTENT_OBJECT : CONTENT_STATUS;
        o->parameters = DELETE_PARAMETERS;
        id_end(o, r, "", S(""));
        text_printf(&o->description, "Deletes one object: %.*s.", STR_ARG(r->kind));
    }
    if (serves(r, VERB_PATCH))
        (void)single_add(q, r, &patching, S(""));
}

/* What a subresource takes and gives, where that is not the resource's own kind. */
static void subresource_type(struct operation *o, const struct resource *r, enum subresource s)
{
    const struct type_schema *t = schema_for_subresource(r, s);
    if (!t || t == r->type)
        return;
    o->type = t;
    o->content = CONTENT_TYPE;
    o->kind = str_from(t->name);
    o->version = str_from(t->version);
    o->group = s == SUBRESOURCE_SCALE      ? S("autoscaling")
               : s == SUBRESOURCE_EVICTION ? S("policy")
               : s == SUBRESOURCE_TOKEN    ? S("authentication.k8s.io")
                                           : S("");
}

static const struct connect_row {
    enum subresource subresource;
    const char *options; /* the kind of its options */
    uint64_t parameters;
    bool has_all_methods;
} connects[] = {
    {SUBRESOURCE_EXEC, "PodExecOptions",
     BIT(COMMAND) | BIT(CONTAINER) | BIT(STDERR) | BIT(STDIN) | BIT(STDOUT) | BIT(TTY), false},
    {SUBRESOURCE_ATTACH, "PodAttachOptions",
     BIT(CONTAINER) | BIT(STDERR) | BIT(STDIN) | BIT(STDOUT) | BIT(TTY), false},
    {SUBRESOURCE_PORTFORWARD, "PodPortForwardOptions", BIT(PORTS), false},
    {SUBRESOURCE_PROXY, "ProxyOptions", BIT(PATH_QUERY), true},
};

static void connect_path(struct builder *b, const struct resource *r, const struct connect_row *c,
                         bool has_path)
{
    static const char *const methods[] = {"get",     "post", "put",  "delete",
                                          "options", "head", "patch"};
    struct str name = str_from(subresource_text(c->subresource));
    struct path *q = path_add(b, (scope(r) & ~BIT(PRETTY)) | BIT(NAME) | c->parameters |
                                     (has_path ? BIT(PATH) : 0));
    prefix_write(r, false, true, &q->path);
    text_printf(&q->path, "/{name}/%.*s%s", STR_ARG(name), has_path ? "/{path}" : "");
    for (size_t i = 0; i < (c->has_all_methods ? ARRAY_COUNT(methods) : 2); i++) {
        struct verb_row v = {methods[i], "connect", "connect", ""};
        struct operation *o = operation_add(q, r, &v);
        o->content = CONTENT_STREAM;
        capitalised(str_from(methods[i]), &o->id);
        id_end(o, r, "", name);
        text_add(&o->id, has_path ? S("WithPath") : S(""));
        o->kind = str_from(c->options);
        if (c->has_all_methods)
            o->kind = str_equal(r->kind, S("Pod"))    ? S("PodProxyOptions")
                      : str_equal(r->kind, S("Node")) ? S("NodeProxyOptions")
                                                      : S("ServiceProxyOptions");
        text_printf(&o->description, "Connects to %.*s of one object: %.*s.", STR_ARG(name),
                    STR_ARG(r->kind));
    }
}

static void log_path(struct path *q, const struct resource *r)
{
    struct operation *o = single_add(q, r, &reading, S("log"));
    o->content = CONTENT_TEXT;
    o->parameters = BIT(CONTAINER) | BIT(FOLLOW) | BIT(INSECURE_SKIP_TLS) | BIT(LIMIT_BYTES) |
                    BIT(PREVIOUS) | BIT(SINCE_SECONDS) | BIT(STREAM) | BIT(TAIL_LINES) |
                    BIT(TIMESTAMPS);
}

static void subresource_path(struct builder *b, const struct resource *r, enum subresource s)
{
    struct str name = str_from(subresource_text(s));
    for (size_t i = 0; i < ARRAY_COUNT(connects); i++) {
        if (connects[i].subresource != s)
            continue;
        connect_path(b, r, &connects[i], false);
        if (connects[i].has_all_methods)
            connect_path(b, r, &connects[i], true);
        return;
    }
    struct path *q = path_add(b, scope(r) | BIT(NAME));
    prefix_write(r, false, true, &q->path);
    text_printf(&q->path, "/{name}/%.*s", STR_ARG(name));
    bool is_posted =
        s == SUBRESOURCE_BINDING || s == SUBRESOURCE_EVICTION || s == SUBRESOURCE_TOKEN;
    if (s == SUBRESOURCE_LOG) {
        log_path(q, r);
    } else if (is_posted) {
        subresource_type(single_add(q, r, &posting, name), r, s);
    } else {
        if (s != SUBRESOURCE_FINALIZE)
            subresource_type(single_add(q, r, &reading, name), r, s);
        subresource_type(single_add(q, r, &replacing, name), r, s);
        if (s != SUBRESOURCE_FINALIZE)
            subresource_type(single_add(q, r, &patching, name), r, s);
    }
}

static void resource_paths(struct builder *b, const struct resource *r)
{
    bool has_object = serves(r, VERB_GET);
    collection_path(b, r);
    if (has_object)
        object_path(b, r);
    if (serves(r, VERB_LIST) && r->is_namespaced)
        everywhere_path(b, r, false);
    for (int s = 1; s < SUBRESOURCE_COUNT; s++) {
        if (r->subresources & (1u << s))
            subresource_path(b, r, (enum subresource)s);
    }
    if (!serves(r, VERB_WATCH) || !r->type)
        return;
    watch_path(b, r, true);
    if (r->is_namespaced)
        watch_path(b, r, false);
    everywhere_path(b, r, true);
}

/* ---- documents as paths ---- */

static void plain_path(struct builder *b, const char *path, struct str group, struct str version,
                       const char *id, const struct type_schema *t, enum content content)
{
    struct path *q = path_add(b, 0);
    struct operation o = {.method = "get",
                          .action = "",
                          .type = t,
                          .content = content,
                          .tag_group = group,
                          .tag_version = version,
                          .is_document = true};
    text_add(&q->path, str_from(path));
    text_add(&o.id, str_from(id));
    text_printf(&o.description, "Says what there is at %s.", path);
    vec_push(&q->operations, o);
}

static void version_path(struct builder *b, const struct resource *r)
{
    AUTO(text) struct text path = {0};
    AUTO(text) struct text id = {0};
    text_printf(&path, "/%s/%.*s/", r->group.size > 0 ? "apis" : "api", STR_ARG(r->group_version));
    text_add(&id, S("get"));
    group_words(r->group, r->version, &id);
    text_add(&id, S("APIResources"));
    plain_path(b, text_c(&path), r->group, r->version, text_c(&id),
               &schema_types[TYPE_meta_v1_APIResourceList], CONTENT_TYPE);
}

static bool begins(const struct openapi_kinds *k, size_t index, bool is_of_group)
{
    const struct resource *r = k->at(k->owner, index);
    for (size_t i = 0; i < index; i++) {
        const struct resource *s = k->at(k->owner, i);
        if (is_of_group ? str_equal(s->group, r->group)
                        : str_equal(s->group_version, r->group_version))
            return false;
    }
    return true;
}

static void group_path(struct builder *b, struct str group)
{
    AUTO(text) struct text path = {0};
    AUTO(text) struct text id = {0};
    text_printf(&path, "/apis/%.*s/", STR_ARG(group));
    text_add(&id, S("get"));
    group_words(group, S(""), &id);
    text_add(&id, S("APIGroup"));
    plain_path(b, text_c(&path), group, S(""), text_c(&id), &schema_types[TYPE_meta_v1_APIGroup],
               CONTENT_TYPE);
}

/* Those that belong to no version, if `path` is one, or is empty for all of them. */
static bool plain_paths(struct builder *b, struct str path)
{
    static const struct {
        const char *name, *path, *tag, *id;
        int type; /* -1: that of the version */
        enum content content;
    } plain[] = {
        {"api", "/api/", "core", "getCoreAPIVersions", TYPE_meta_v1_APIVersions, CONTENT_TYPE},
        {"apis", "/apis/", "apis", "getAPIVersions", TYPE_meta_v1_APIGroupList, CONTENT_TYPE},
        {"version", "/version/", "version", "getCodeVersion", -1, CONTENT_TYPE},
        {".well-known/openid-configuration", "/.well-known/openid-configuration/", "WellKnown",
         "getServiceAccountIssuerOpenIDConfiguration", -1, CONTENT_JSON},
        {"openid/v1/jwks", "/openid/v1/jwks/", "openid", "getServiceAccountIssuerOpenIDKeyset", -1,
         CONTENT_KEYS},
    };
    const struct openapi_kinds *k = b->page->kinds;
    bool all = path.size == 0;
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++) {
        if (all || str_equal(path, str_from(plain[i].name)))
            plain_path(b, plain[i].path, str_from(plain[i].tag), S(""), plain[i].id,
                       plain[i].type < 0 ? NULL : &schema_types[plain[i].type], plain[i].content);
    }
    for (size_t i = 0; i < k->count(k->owner); i++) {
        struct str group = k->at(k->owner, i)->group;
        bool is_wanted = all || (str_starts_with(path, S("apis/")) &&
                                 str_equal(str_slice(path, 5, path.size), group));
        if (group.size > 0 && is_wanted && begins(k, i, true))
            group_path(b, group);
    }
    return b->paths.count > 0;
}

/* ---- all of a page ---- */

static int by_path(const void *a, const void *b, void *context)
{
    (void)context;
    const struct path *x = a, *y = b;
    return str_compare(text_str(&x->path), text_str(&y->path));
}

static void finish(struct builder *b)
{
    sort_stable(b->paths.items, b->paths.count, sizeof(b->paths.items[0]), by_path, NULL);
    for (size_t i = 0; i < b->paths.count; i++) {
        struct path *q = &b->paths.items[i];
        if (q->operations.count > 0)
            path_write(b->page, q);
        for (size_t j = 0; j < q->operations.count; j++) {
            text_release(&q->operations.items[j].id);
            text_release(&q->operations.items[j].description);
        }
        text_release(&q->path);
        vec_release(&q->operations);
    }
    vec_release(&b->paths);
}

void page_paths(struct page *p)
{
    struct builder b = {.page = p};
    for (size_t i = 0; i < p->kinds->count(p->kinds->owner); i++) {
        const struct resource *r = p->kinds->at(p->kinds->owner, i);
        if (!page_has(p, r))
            continue;
        if (begins(p->kinds, i, false))
            version_path(&b, r);
        resource_paths(&b, r);
    }
    if (p->group_version.size == 0)
        (void)plain_paths(&b, S(""));
    finish(&b);
}

bool page_plain_path(struct page *p, struct str path)
{
    struct builder b = {.page = p};
    bool is_there = path.size > 0 && plain_paths(&b, path);
    finish(&b);
    return is_there;
}
