/* SPDX-License-Identifier: Apache-2.0
 *
 * Pieces of discovery documents. The storage version hash is the first 8 bytes of
 * SHA-256("<group>/<version>/<kind>") of the row that is stored, in base64.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/discovery_parts.h"

#include "cluster/api/json.h"
#include "cluster/apiserver/http/crypto.h"
#include "sim/base/base64.h"

void discovery_separate(struct text *out)
{
    char last = out->bytes[out->size - 1];
    if (last != '[' && last != '{')
        text_add_byte(out, ',');
}

void discovery_words(const char *name, const char *list, struct text *out)
{
    struct str rest = str_from(list);
    if (rest.size == 0)
        return;
    text_printf(out, ",\"%s\":[", name);
    while (rest.size > 0) {
        struct str word = str_cut(rest, ',', &rest);
        discovery_separate(out);
        json_write_string(word, out);
    }
    text_add_byte(out, ']');
}

void discovery_storage_hash(const struct resource *stored, struct text *out)
{
    AUTO(text) struct text name = {0};
    uint8_t digest[SHA256_SIZE];
    text_printf(&name, "%.*s/%.*s/%.*s", STR_ARG(stored->group), STR_ARG(stored->version),
                STR_ARG(stored->kind));
    digest_sha256(text_str(&name), digest);
    text_add(out, S(",\"storageVersionHash\":\""));
    base64_add(digest, 8, out);
    text_add_byte(out, '"');
}

void discovery_response_kind(struct str group, struct str version, struct str kind,
                             struct text *out)
{
    text_printf(out, "\"responseKind\":{\"group\":\"%.*s\",\"version\":\"%.*s\",\"kind\":\"%.*s\"}",
                STR_ARG(group), STR_ARG(version), STR_ARG(kind));
}
