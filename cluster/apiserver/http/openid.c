/* SPDX-License-Identifier: Apache-2.0
 *
 * Service account issuer discovery: with these two documents anybody can check a token of a service
 * account without asking the API server.
 *
 * Source: kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/
 *
 * Upstream: pkg/serviceaccount/openidmetadata.go, pkg/routes/openidmetadata.go.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/documents.h"

#include "cluster/apiserver/authentication.h"
#include "sim/base/base64.h"

static void configuration(const struct document_facts *facts, struct text *out)
{
    text_printf(out,
                "{\"issuer\":\"%.*s\",\"jwks_uri\":\"https://%.*s/openid/v1/jwks\","
                "\"response_types_supported\":[\"id_token\"],"
                "\"subject_types_supported\":[\"public\"],"
                "\"id_token_signing_alg_values_supported\":[\"ES256\"]}",
                STR_ARG(api_audience()), STR_ARG(facts->address));
}

static void key_set(const struct keys *keys, struct text *out)
{
    uint8_t x[COORDINATE_SIZE], y[COORDINATE_SIZE];
    signing_key_point(keys->accounts, x, y);
    text_printf(out,
                "{\"keys\":[{\"use\":\"sig\",\"kty\":\"EC\",\"kid\":\"%s\",\"crv\":\"P-256\","
                "\"alg\":\"ES256\",\"x\":\"",
                text_c(&keys->accounts_id));
    base64url_add(x, sizeof(x), out);
    text_add(out, S("\",\"y\":\""));
    base64url_add(y, sizeof(y), out);
    text_add(out, S("\"}]}"));
}

bool openid_document(struct str path, const struct document_facts *facts, struct document *d)
{
    bool is_keys = str_equal(path, S("/openid/v1/jwks"));
    if (!facts->keys || (!is_keys && !str_equal(path, S("/.well-known/openid-configuration"))))
        return false;
    d->cache_control = S("public, max-age=3600");
    d->content_type = is_keys ? S("application/jwk-set+json") : S("application/json");
    if (is_keys)
        key_set(facts->keys, &d->body);
    else
        configuration(facts, &d->body);
    return true;
}
