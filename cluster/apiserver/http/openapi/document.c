/* SPDX-License-Identifier: Apache-2.0
 *
 * Documents put together, kept and handed out. Each is known by its path behind /openapi/: "v2",
 * "v3/apis/apps/v1"; the index is "v3". Writing all of them takes some tens of milliseconds, so
 * each is written when it is first asked for; the index needs all of version 3, since it has their
 * hashes.
 *
 * The hash of a document is that of its JSON, for the form in protobuf too. Who asks for version 3
 * by a hash that is not the document's any more is sent to the one that is; who asks by the right
 * one may keep the answer for ever.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/accept.h"
#include "cluster/apiserver/http/crypto.h"
#include "cluster/apiserver/http/openapi/page.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

struct document {
    struct text path; /* "v2", "v3/api/v1" */
    struct text json, protobuf, etag;
    bool is_written;
    bool is_custom; /* about custom kinds, too */
};
struct openapi {
    const struct openapi_kinds *kinds; /* of the call */
    uint64_t generation;
    VEC(struct document) documents; /* by path */
    struct document index;
};

static size_t built_in_count(void *owner)
{
    (void)owner;
    return resource_count();
}

static const struct resource *built_in_at(void *owner, size_t index)
{
    (void)owner;
    return resource_at(index);
}

const struct openapi_kinds openapi_built_in = {.count = built_in_count, .at = built_in_at};

/* ---- what documents there are ---- */

static void document_release(struct document *d)
{
    text_release(&d->path);
    text_release(&d->json);
    text_release(&d->protobuf);
    text_release(&d->etag);
}

static void documents_release(struct openapi *o)
{
    for (size_t i = 0; i < o->documents.count; i++)
        document_release(&o->documents.items[i]);
    vec_release(&o->documents);
    document_release(&o->index);
    o->index = (struct document){0};
}

static struct document *document_get(struct openapi *o, struct str path)
{
    for (size_t i = 0; i < o->documents.count; i++) {
        if (str_equal(text_str(&o->documents.items[i].path), path))
            return &o->documents.items[i];
    }
    return NULL;
}

static void document_add(struct openapi *o, const char *prefix, struct str path, bool is_custom)
{
    struct document d = {.is_custom = is_custom};
    text_printf(&d.path, "%s%.*s", prefix, STR_ARG(path));
    if (document_get(o, text_str(&d.path)))
        document_release(&d);
    else
        vec_push(&o->documents, d);
}

/* Forgets what may be another with other custom kinds: the index, version 2, their own. */
static void documents_prune(struct openapi *o)
{
    for (size_t i = o->documents.count; i > 0; i--) {
        struct document *d = &o->documents.items[i - 1];
        if (!d->is_custom)
            continue;
        document_release(d);
        vec_remove(&o->documents, i - 1);
    }
    document_release(&o->index);
    o->index = (struct document){0};
}

static int by_path(const void *a, const void *b, void *context)
{
    (void)context;
    const struct document *x = a, *y = b;
    return str_compare(text_str(&x->path), text_str(&y->path));
}

static void documents_list(struct openapi *o)
{
    static const char *const plain[] = {".well-known/openid-configuration", "api", "apis",
                                        "openid/v1/jwks", "version"};
    o->generation = o->kinds->generation;
    document_add(o, "v2", S(""), true);
    for (size_t i = 0; i < ARRAY_COUNT(plain); i++)
        document_add(o, "v3/", str_from(plain[i]), false);
    for (size_t i = 0; i < o->kinds->count(o->kinds->owner); i++) {
        const struct resource *r = o->kinds->at(o->kinds->owner, i);
        bool has_group = r->group.size > 0;
        if (has_group)
            document_add(o, "v3/apis/", r->group, !r->type);
        document_add(o, has_group ? "v3/apis/" : "v3/api/", r->group_version, !r->type);
    }
    sort_stable(o->documents.items, o->documents.count, sizeof(o->documents.items[0]), by_path,
                NULL);
}

struct openapi *openapi_new(void)
{
    return mem_new(struct openapi);
}

void openapi_free(struct openapi *o)
{
    if (!o)
        return;
    documents_release(o);
    mem_free(o);
}

/* ---- writing them ---- */

#define BEARER_TOKEN                                                                               \
    "{\"BearerToken\":{\"type\":\"apiKey\",\"description\":\"Bearer Token authentication\","       \
    "\"name\":\"authorization\",\"in\":\"header\"}}"
#define INFO "\"info\":{\"title\":\"Kubernetes\",\"version\":\"1.36\"}"

static void write_v2(struct page *p)
{
    page_put(p, "{\"swagger\":\"2.0\"," INFO ",\"paths\":{");
    page_paths(p);
    page_put(p, "},\"definitions\":{");
    page_definitions(p);
    page_put(p, "},\"securityDefinitions\":" BEARER_TOKEN ",\"security\":[{\"BearerToken\":[]}]}");
}

static void write_v3(struct page *p, struct str path)
{
    struct str version = str_starts_with(path, S("api/"))    ? str_slice(path, 4, path.size)
                         : str_starts_with(path, S("apis/")) ? str_slice(path, 5, path.size)
                                                             : S("");
    bool is_version = str_find(version, '/') < version.size || str_starts_with(path, S("api/"));
    page_put(p, "{\"openapi\":\"3.0.0\"," INFO ",\"paths\":{");
    p->group_version = is_version ? version : S("-"); /* which none has */
    if (is_version)
        page_paths(p);
    else
        CHECK(page_plain_path(p, path));
    page_put(p, "},\"components\":{\"schemas\":{");
    page_definitions(p);
    if (str_ends_with(text_str(p->out), S("\"schemas\":{")))
        p->out->size -= strlen("\"schemas\":{"); /* there are none */
    else
        text_add_byte(p->out, '}');
    page_key(p, "securitySchemes");
    page_put(p, BEARER_TOKEN "}}");
}

static void hash(struct document *d)
{
    uint8_t digest[SHA512_SIZE];
    digest_sha512(text_str(&d->json), digest);
    for (size_t i = 0; i < sizeof(digest); i++)
        text_printf(&d->etag, "%02X", digest[i]);
    d->is_written = true;
}

static void write(struct openapi *o, struct document *d)
{
    if (d->is_written)
        return;
    struct str rest, version = str_cut(text_str(&d->path), '/', &rest);
    struct page p = {.out = &d->json, .is_v3 = str_equal(version, S("v3")), .kinds = o->kinds};
    if (p.is_v3)
        write_v3(&p, rest);
    else
        write_v2(&p);
    hash(d);
}

static void location(const struct document *d, struct text *out)
{
    text_printf(out, "/openapi/%s?hash=%s", text_c(&d->path), text_c(&d->etag));
}

static void index_write(struct openapi *o)
{
    struct page p = {.out = &o->index.json, .kinds = o->kinds};
    if (o->index.is_written)
        return;
    page_put(&p, "{\"paths\":{");
    for (size_t i = 0; i < o->documents.count; i++) {
        struct document *d = &o->documents.items[i];
        if (!str_starts_with(text_str(&d->path), S("v3/")))
            continue;
        AUTO(text) struct text url = {0};
        write(o, d);
        location(d, &url);
        page_name(&p, str_slice(text_str(&d->path), 3, d->path.size));
        text_add_byte(p.out, '{');
        page_string(&p, "serverRelativeURL", text_str(&url));
        text_add_byte(p.out, '}');
    }
    page_put(&p, "}}");
    hash(&o->index);
}

/* ---- handing them out ---- */

static bool answer(struct openapi *o, struct document *d, struct str hash_asked, struct str accept,
                   struct openapi_answer *a)
{
    static const struct str types[2][2] = {
        {{"application/com.github.proto-openapi.spec.v2.v1.0+protobuf", 58},
         {"application/com.github.proto-openapi.spec.v2@v1.0+protobuf", 58}},
        {{"application/com.github.proto-openapi.spec.v3.v1.0+protobuf", 58},
         {"application/com.github.proto-openapi.spec.v3@v1.0+protobuf", 58}}};
    bool is_v3 = str_starts_with(text_str(&d->path), S("v3"));
    const struct str names[] = {{"application/json", 16}, types[is_v3][0], types[is_v3][1]};
    size_t choice = accept_choose(accept, names, ARRAY_COUNT(names));
    if (choice == ARRAY_COUNT(names)) {
        a->code = 406;
        return true;
    }
    write(o, d);
    a->code = 200;
    a->etag = text_str(&d->etag);
    a->content_type = choice == 0 ? names[0] : names[1];
    if (is_v3 && hash_asked.size > 0) {
        a->is_immutable = str_equal(hash_asked, a->etag);
        if (!a->is_immutable) {
            a->code = 301;
            location(d, &a->location);
            return true;
        }
    }
    if (choice > 0 && d->protobuf.size == 0)
        gnostic_write(is_v3, text_str(&d->json), &d->protobuf);
    a->body = choice == 0 ? text_str(&d->json) : text_str(&d->protobuf);
    return true;
}

bool openapi_find(struct openapi *o, const struct openapi_kinds *kinds, struct str path,
                  struct str hash_asked, struct str accept, struct openapi_answer *ret_answer)
{
    *ret_answer = (struct openapi_answer){0};
    o->kinds = kinds;
    if (o->documents.count == 0 || o->generation != kinds->generation) {
        documents_prune(o);
        documents_list(o);
    }
    if (str_equal(path, S("v3"))) {
        index_write(o);
        *ret_answer = (struct openapi_answer){.code = 200,
                                              .content_type = S("application/json"),
                                              .body = text_str(&o->index.json),
                                              .etag = text_str(&o->index.etag)};
        return true;
    }
    struct document *d = document_get(o, path);
    return d && answer(o, d, hash_asked, accept, ret_answer);
}
