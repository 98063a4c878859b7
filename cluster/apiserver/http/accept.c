/* SPDX-License-Identifier: Apache-2.0
 *
 * Two parts of a real server look at Accept. The router asks only whether one of the media types
 * named, without its parameters, is one that the route produces, or a wildcard for all (one of
 * "application" with any subtype is not enough). Then the clauses are tried in the order of their
 * quality (1 when none is said), those of the same quality in the order of the header with
 * wildcards behind; the first that can be served as its parameters ask wins. A quality of 0 is a
 * low one, not a refusal, and a parameter with a name that is not known is passed over.
 *
 * A watch is served in JSON or protobuf. Tables are never protobuf: such a clause is passed over.
 * Custom resources are not either, apart from their metadata alone.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/accept.h"

#include "cluster/api/status.h"

#define CLAUSES_MAX 32

struct clause {
    struct str type; /* "application/json" */
    struct str as, version, group, stream, server_version;
    bool is_pretty;
    int64_t quality; /* thousandths */
};

static bool equal_fold(struct str a, struct str b)
{
    if (a.size != b.size)
        return false;
    for (size_t i = 0; i < a.size; i++) {
        char x = a.bytes[i];
        char y = b.bytes[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x + 32) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y + 32) : y;
        if (x != y)
            return false;
    }
    return true;
}

struct str media_type_of(struct str content_type)
{
    return str_trim(str_slice(content_type, 0, str_find(content_type, ';')));
}

/* "0.8" is 800; what is no such number is 0. */
static int64_t quality_parse(struct str s)
{
    int64_t n = 0;
    int64_t scale = 100;
    struct str fraction, whole = str_cut(s, '.', &fraction);
    if (whole.size > 0 && (!str_to_int64(whole, &n) || n < 0 || n > 1000000))
        return 0;
    n *= 1000;
    for (size_t i = 0; i < fraction.size; i++, scale /= 10) {
        if (fraction.bytes[i] < '0' || fraction.bytes[i] > '9')
            return 0;
        n += (fraction.bytes[i] - '0') * scale;
    }
    return n;
}

/* False: it is no media type. */
static bool clause_parse(struct str text, struct clause *ret_clause)
{
    struct str rest;
    struct clause c = {.type = str_trim(str_cut(text, ';', &rest)), .quality = 1000};
    size_t slash = str_find(c.type, '/');
    if (str_equal(c.type, S("*")))
        c.type = S("*/*");
    else if (slash == c.type.size || slash == 0 ||
             str_find(str_slice(c.type, slash + 1, c.type.size), '/') + slash + 1 < c.type.size)
        return false;
    while (rest.size > 0) {
        struct str value;
        struct str pair = str_cut(rest, ';', &rest);
        struct str name = str_trim(str_cut(pair, '=', &value));
        value = str_trim(value);
        if (value.size == 0 || str_find(value, '=') < value.size)
            continue;
        if (str_equal(name, S("q")))
            c.quality = quality_parse(value);
        else if (str_equal(name, S("as")))
            c.as = value;
        else if (str_equal(name, S("v")))
            c.version = value;
        else if (str_equal(name, S("g")))
            c.group = value;
        else if (str_equal(name, S("stream")))
            c.stream = value;
        else if (str_equal(name, S("sv")))
            c.server_version = value;
        else if (str_equal(name, S("pretty")))
            c.is_pretty = str_equal(value, S("1"));
    }
    *ret_clause = c;
    return true;
}

/* Is a tried before b? Only asked of neighbours, so that it need not be an order. */
static bool is_before(const struct clause *a, const struct clause *b)
{
    if (a->quality > b->quality)
        return true;
    if (a->type.bytes[0] != '*' && b->type.bytes[0] == '*')
        return true;
    return !str_ends_with(a->type, S("/*")) && str_ends_with(b->type, S("/*"));
}

static const struct str names[] = {
    [ENCODING_JSON] = {"application/json", 16},
    [ENCODING_YAML] = {"application/yaml", 16},
    [ENCODING_PROTOBUF] = {"application/vnd.kubernetes.protobuf", 35},
};

struct str encoding_media_type(enum encoding e)
{
    return names[e];
}

static bool is_form_of_meta(const struct clause *c, enum encoding e, struct accepted *a)
{
    if (!str_equal(c->group, S("meta.k8s.io")))
        return false;
    a->is_beta = str_equal(c->version, S("v1beta1"));
    if (!a->is_beta && !str_equal(c->version, S("v1")))
        return false;
    if (str_equal(c->as, S("Table")))
        a->form = FORM_TABLE;
    else if (str_equal(c->as, S("PartialObjectMetadata")))
        a->form = FORM_PARTIAL;
    else if (str_equal(c->as, S("PartialObjectMetadataList")))
        a->form = FORM_PARTIAL_LIST;
    else
        return false;
    return a->form != FORM_TABLE || e != ENCODING_PROTOBUF;
}

/* False: not as this clause wants it. */
static bool form_of(const struct clause *c, enum accept_what what, bool is_custom, enum encoding e,
                    struct accepted *a)
{
    a->form = FORM_OBJECT;
    if (c->server_version.size > 0 ||
        (c->stream.size > 0 && (e == ENCODING_YAML || !str_equal(c->stream, S("watch")))))
        return false;
    if (c->as.size == 0 && c->version.size == 0 && c->group.size == 0)
        return !is_custom || e != ENCODING_PROTOBUF;
    if (what == ACCEPT_AGGREGATED) {
        a->form = FORM_DISCOVERY;
        return str_equal(c->as, S("APIGroupDiscoveryList")) && str_equal(c->version, S("v2")) &&
               str_equal(c->group, S("apidiscovery.k8s.io"));
    }
    return (what == ACCEPT_OBJECT || what == ACCEPT_LIST || what == ACCEPT_WATCH) &&
           is_form_of_meta(c, e, a);
}

static bool is_served(struct str type, enum encoding e)
{
    return str_equal(type, names[e]) || str_equal(type, S("application/*")) ||
           str_equal(type, S("*/*"));
}

/* What the router asks. */
static bool is_produced(const struct clause *clauses, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        bool is_any = str_equal(clauses[i].type, S("*/*"));
        for (size_t e = 0; e < ARRAY_COUNT(names); e++) {
            if (is_any || str_equal(clauses[i].type, names[e]))
                return true;
        }
    }
    return false;
}

/* Of one clause; false: it cannot be served. */
static bool clause_accept(const struct clause *c, enum accept_what what, bool is_custom,
                          struct accepted *ret_accepted)
{
    for (size_t e = 0; e < ARRAY_COUNT(names); e++) {
        struct accepted a = {.is_pretty = c->is_pretty, .encoding = (enum encoding)e};
        if (is_served(c->type, a.encoding) && form_of(c, what, is_custom, a.encoding, &a)) {
            *ret_accepted = a;
            return true;
        }
    }
    return false;
}

/* The clauses of a header, in the order in which they are tried. */
static size_t clauses_parse(struct str header, struct clause clauses[CLAUSES_MAX])
{
    size_t count = 0;
    while (header.size > 0 && count < CLAUSES_MAX) {
        struct clause c;
        if (!clause_parse(str_trim(str_cut(header, ',', &header)), &c))
            continue;
        size_t at = count++;
        for (; at > 0 && is_before(&c, &clauses[at - 1]); at--)
            clauses[at] = clauses[at - 1];
        clauses[at] = c;
    }
    return count;
}

size_t accept_choose(struct str header, const struct str *names_offered, size_t count)
{
    struct clause clauses[CLAUSES_MAX];
    size_t clause_count = clauses_parse(header.size > 0 ? header : S("*/*"), clauses);
    for (size_t i = 0; i < clause_count; i++) {
        struct str type = clauses[i].type;
        for (size_t j = 0; j < count; j++) {
            if (str_equal(type, names_offered[j]) || str_equal(type, S("*/*")) ||
                str_equal(type, S("application/*")))
                return j;
        }
    }
    return count;
}

enum accept_result accept_negotiate(struct str header, enum accept_what what, bool is_custom,
                                    struct accepted *ret_accepted)
{
    struct clause clauses[CLAUSES_MAX];
    *ret_accepted = (struct accepted){0};
    if (header.size == 0)
        return ACCEPTED;
    size_t count = clauses_parse(header, clauses);
    if (what != ACCEPT_PLAIN && what != ACCEPT_ERROR && !is_produced(clauses, count))
        return ACCEPT_NO_TYPE;
    for (size_t i = 0; i < count; i++) {
        if (clause_accept(&clauses[i], what, is_custom, ret_accepted))
            /* The watch is refused by what won, without a look at the clauses behind. */
            return what == ACCEPT_WATCH && ret_accepted->encoding == ENCODING_YAML ? ACCEPT_NO_FORM
                                                                                   : ACCEPTED;
    }
    return ACCEPT_NO_FORM;
}

#define TYPES "application/json, application/yaml, application/vnd.kubernetes.protobuf"
#define STREAM_TYPES                                                                               \
    "application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch"

struct value accept_refusal(enum accept_result result, enum accept_what what)
{
    if (result == ACCEPT_NO_TYPE)
        return status_make(
            406, S("NotAcceptable"),
            what == ACCEPT_LIST || what == ACCEPT_WATCH
                ? S("406: Not Acceptable\n\nAvailable representations: " TYPES ", " STREAM_TYPES)
                : S("406: Not Acceptable\n\nAvailable representations: " TYPES),
            value_object());
    return value_pack("{kind: Status, apiVersion: v1, metadata: {}, status: Failure, message: %s, "
                      "reason: NotAcceptable, code: 406}",
                      what == ACCEPT_WATCH
                          ? "only the following media types are accepted: " STREAM_TYPES
                          : "only the following media types are accepted: " TYPES);
}

enum body_type body_type_of(struct str content_type)
{
    struct str type = media_type_of(content_type);
    if (type.size == 0 || equal_fold(type, S("application/json")))
        return BODY_JSON;
    if (equal_fold(type, S("application/yaml")))
        return BODY_YAML;
    return equal_fold(type, S("application/vnd.kubernetes.protobuf")) ? BODY_PROTOBUF
                                                                      : BODY_UNKNOWN;
}

enum patch_type patch_type_of(struct str content_type)
{
    static const struct {
        struct str name;
        enum patch_type type;
    } types[] = {
        {{"application/json-patch+json", 27}, PATCH_JSON},
        {{"application/merge-patch+json", 28}, PATCH_MERGE},
        {{"application/strategic-merge-patch+json", 38}, PATCH_STRATEGIC},
        {{"application/apply-patch+yaml", 28}, PATCH_APPLY},
    };
    struct str type = media_type_of(content_type);
    for (size_t i = 0; i < ARRAY_COUNT(types); i++) {
        if (str_equal(type, types[i].name))
            return types[i].type;
    }
    return PATCH_NONE;
}

bool accepts_gzip(struct str accept_encoding)
{
    while (accept_encoding.size > 0) {
        struct str parameters, coding = str_cut(accept_encoding, ',', &accept_encoding);
        coding = str_trim(str_cut(coding, ';', &parameters));
        if (equal_fold(coding, S("gzip")))
            return !str_starts_with(str_trim(parameters), S("q=0")) ||
                   str_starts_with(str_trim(parameters), S("q=0."));
    }
    return false;
}
