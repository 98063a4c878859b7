/* SPDX-License-Identifier: Apache-2.0
 *
 * Few ask for discovery in anything but JSON, so the other forms are made from it and not kept.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/discovery_forms.h"

#include "cluster/api/json.h"
#include "cluster/api/yaml.h"
#include "cluster/apiserver/http/answer.h"

static const struct {
    const char *kind, *api_version;
    enum schema_type_id type;
} kinds[] = {
    {"APIVersions", "v1", TYPE_meta_v1_APIVersions},
    {"APIGroupList", "v1", TYPE_meta_v1_APIGroupList},
    {"APIGroup", "v1", TYPE_meta_v1_APIGroup},
    {"APIResourceList", "v1", TYPE_meta_v1_APIResourceList},
    {"APIGroupDiscoveryList", "apidiscovery.k8s.io/v2", TYPE_apidiscovery_v2_APIGroupDiscoveryList},
};

static void protobuf(struct value v, struct protobuf_writer *writer, struct text *out)
{
    for (size_t i = 0; i < ARRAY_COUNT(kinds); i++) {
        if (!VALUE_IS(v, kinds[i].kind, kind))
            continue;
        struct protobuf_head head = {&schema_types[kinds[i].type], str_from(kinds[i].api_version),
                                     str_from(kinds[i].kind)};
        protobuf_write(writer, &head, v, out);
        return;
    }
    CHECK(false); /* every discovery document is of one of these kinds */
}

static struct str media_type(enum encoding e, bool is_aggregated)
{
#define AGGREGATED ";g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
    static const struct str aggregated[] = {
        [ENCODING_JSON] = {"application/json" AGGREGATED, 16 + sizeof(AGGREGATED) - 1},
        [ENCODING_YAML] = {"application/yaml" AGGREGATED, 16 + sizeof(AGGREGATED) - 1},
        [ENCODING_PROTOBUF] = {"application/vnd.kubernetes.protobuf" AGGREGATED,
                               35 + sizeof(AGGREGATED) - 1},
    };
    return is_aggregated ? aggregated[e] : encoding_media_type(e);
}

void discovery_encode(const struct reading *reading, struct protobuf_writer *writer,
                      struct text *body, struct str *content_type)
{
    enum encoding e = reading->accepted.encoding;
    AUTO(text) struct text json = {0};
    AUTO(value) struct value v = VALUE_ABSENT;
    struct errmsg message;
    if (e == ENCODING_JSON && !reading->is_pretty)
        return;
    json = *body;
    *body = (struct text){0};
    *content_type = media_type(e, reading->accepted.form == FORM_DISCOVERY);
    if (e == ENCODING_JSON) {
        answer_indent(str_trim(text_str(&json)), body);
        return;
    }
    CHECK(json_parse(text_str(&json), NULL, &v, &message) == ERR_OK);
    if (e == ENCODING_YAML)
        yaml_write(v, body);
    else
        protobuf(v, writer, body);
}
