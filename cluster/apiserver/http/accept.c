/* SPDX-License-Identifier: Apache-2.0
 *
 * Clauses are tried in the order of their quality (1 when none is said), those of the same quality
 * in the order of the header; the first that is served wins. A clause is served when its media type
 * is (JSON, YAML, or a wildcard for JSON) and its form is one of meta.k8s.io for this target.
 *
 * Protobuf is read (bodies) but not served: its clauses are passed over, and clients that name JSON
 * behind it, as kubectl and client-go's typed clients do, get JSON. DEVIATION: a client that
 * accepts protobuf alone gets 406; a real server has it.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/accept.h"

#define CLAUSES_MAX 32

struct clause {
    struct str type; /* "application/json" */
    struct str as, version, group;
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

/* "0.8" is 800; what is no such number is 1000. */
static int64_t quality_parse(struct str s)
{
    int64_t n = 0;
    int64_t scale = 100;
    if (s.size == 0 || (s.bytes[0] != '0' && s.bytes[0] != '1'))
        return 1000;
    n = (s.bytes[0] - '0') * 1000;
    for (size_t i = 2; i < s.size && i < 5 && s.bytes[1] == '.'; i++, scale /= 10) {
        if (s.bytes[i] < '0' || s.bytes[i] > '9')
            return 1000;
        n += (s.bytes[i] - '0') * scale;
    }
    return n > 1000 ? 1000 : n;
}

static struct clause clause_parse(struct str text)
{
    struct str rest;
    struct clause c = {.type = str_trim(str_cut(text, ';', &rest)), .quality = 1000};
    while (rest.size > 0) {
        struct str value;
        struct str pair = str_trim(str_cut(rest, ';', &rest));
        struct str name = str_trim(str_cut(pair, '=', &value));
        value = str_trim(value);
        if (value.size >= 2 && value.bytes[0] == '"' && str_ends_with(value, S("\"")))
            value = str_slice(value, 1, value.size - 1);
        if (equal_fold(name, S("q")))
            c.quality = quality_parse(value);
        else if (equal_fold(name, S("as")))
            c.as = value;
        else if (equal_fold(name, S("v")))
            c.version = value;
        else if (equal_fold(name, S("g")))
            c.group = value;
        else if (equal_fold(name, S("pretty")))
            c.is_pretty = str_equal(value, S("1"));
    }
    return c;
}

/* False: no such form here. */
static bool form_of(const struct clause *c, enum accept_what what, struct accepted *a)
{
    a->form = FORM_OBJECT;
    if (c->as.size == 0)
        return true;
    if (what == ACCEPT_DISCOVERY) {
        a->form = FORM_DISCOVERY;
        return str_equal(c->as, S("APIGroupDiscoveryList")) && str_equal(c->version, S("v2")) &&
               str_equal(c->group, S("apidiscovery.k8s.io"));
    }
    if (what == ACCEPT_PLAIN || !str_equal(c->group, S("meta.k8s.io")))
        return false;
    a->is_beta = str_equal(c->version, S("v1beta1"));
    if (!a->is_beta && !str_equal(c->version, S("v1")))
        return false;
    if (str_equal(c->as, S("Table")))
        a->form = FORM_TABLE;
    else if (str_equal(c->as, S("PartialObjectMetadata")))
        a->form = FORM_PARTIAL;
    else if (str_equal(c->as, S("PartialObjectMetadataList")) && what == ACCEPT_OBJECT)
        a->form = FORM_PARTIAL_LIST;
    else
        return false;
    return true;
}

/* False: not served. */
static bool encoding_of(struct str type, enum encoding *ret_encoding)
{
    *ret_encoding = ENCODING_JSON;
    if (equal_fold(type, S("application/json")) || equal_fold(type, S("application/*")) ||
        equal_fold(type, S("*/*")))
        return true;
    *ret_encoding = ENCODING_YAML;
    return equal_fold(type, S("application/yaml"));
}

bool accept_negotiate(struct str header, enum accept_what what, struct accepted *ret_accepted,
                      bool *ret_bad_form)
{
    struct clause clauses[CLAUSES_MAX];
    size_t count = 0;
    *ret_bad_form = false;
    *ret_accepted = (struct accepted){0};
    header = str_trim(header);
    if (header.size == 0)
        return true;
    while (header.size > 0 && count < CLAUSES_MAX) {
        struct str text = str_trim(str_cut(header, ',', &header));
        if (text.size == 0)
            continue;
        struct clause c = clause_parse(text);
        size_t at = count++;
        for (; at > 0 && clauses[at - 1].quality < c.quality; at--)
            clauses[at] = clauses[at - 1];
        clauses[at] = c;
    }
    for (size_t i = 0; i < count; i++) {
        struct accepted a = {.is_pretty = clauses[i].is_pretty};
        if (clauses[i].quality == 0 || !encoding_of(clauses[i].type, &a.encoding))
            continue;
        if (form_of(&clauses[i], what, &a)) {
            *ret_accepted = a;
            return true;
        }
        *ret_bad_form = true;
    }
    return false;
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
