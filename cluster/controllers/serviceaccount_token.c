/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens in Secrets: "If you want to obtain an API token for a ServiceAccount, you create a new
 * Secret with a special annotation, kubernetes.io/service-account.name" and type
 * kubernetes.io/service-account-token; "the control plane then generates a long-lived token"
 * [doc:configure-service-account#manually-create-a-long-lived-api-token-for-a-serviceaccount],
 * beside it the authority's certificate and the namespace. Such a token neither expires nor has an
 * audience; the API server takes it as long as the secret and its account are there. When the
 * account goes, so do its tokens.
 *
 * DEVIATION: secrets of tokens are not named in the `secrets` of their account, not even taken out
 * of there when they go (nothing since 1.24 puts them in); tokens that were not used for a year are
 * not cleaned up.
 *
 * Upstream: pkg/controller/serviceaccount/tokens_controller.go.
 */
#include "sim/base/base.h"

#include "cluster/controllers/all.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/controllers/manager.h"
#include "sim/base/base64.h"

#define TYPE "kubernetes.io/service-account-token"
#define NAME_ANNOTATION "kubernetes.io/service-account.name"
#define UID_ANNOTATION "kubernetes.io/service-account.uid"

static enum sync_result token_sync(struct sync *s);
static void wake_secret(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after);
static void wake_tokens(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after);

const struct controller_info serviceaccount_token_controller = {
    .name = "serviceaccount-token-controller",
    .account = "", /* no account of its own: it makes accounts' tokens */
    .primary = RESOURCE_secrets,
    .watches = {{RESOURCE_secrets, wake_secret}, {RESOURCE_serviceaccounts, wake_tokens}},
    .watch_count = 2,
    .sync = token_sync,
    .workers = 5,
    .retries_max = 10,
};

static void wake_secret(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after)
{
    (void)before;
    if (VALUE_IS(after, TYPE, type))
        controller_enqueue(c, step, key);
}

static void wake_tokens(struct controller *c, struct step *step, const struct object_key *key,
                        struct value before, struct value after)
{
    struct informer *secrets = controller_informer(c, RESOURCE_secrets);
    if (value_is_present(before) && value_is_present(after))
        return;
    for (struct informer_cursor i = informer_first(secrets, key->namespace); i.key;
         informer_next(&i)) {
        struct value name = object_annotation(i.object, S(NAME_ANNOTATION));
        if (VALUE_IS(i.object, TYPE, type) && str_equal(value_str(name), key->name))
            controller_enqueue(c, step, i.key);
    }
}

/* ---- the content ---- */

static struct value encoded(struct str s)
{
    AUTO(text) struct text t = {0};
    base64_add((const uint8_t *)s.bytes, s.size, &t);
    return value_string(text_str(&t));
}

static struct value token_make(struct sync *s, struct value account)
{
    AUTO(text) struct text payload = {0};
    AUTO(text) struct text token = {0};
    struct str name = VALUE_STR(account, metadata, name), namespace = s->key->namespace;
    text_printf(&payload,
                "{\"iss\":\"kubernetes/serviceaccount\","
                "\"kubernetes.io/serviceaccount/namespace\":\"%.*s\","
                "\"kubernetes.io/serviceaccount/secret.name\":\"%.*s\","
                "\"kubernetes.io/serviceaccount/service-account.name\":\"%.*s\","
                "\"kubernetes.io/serviceaccount/service-account.uid\":\"%.*s\","
                "\"sub\":\"system:serviceaccount:%.*s:%.*s\"}",
                STR_ARG(namespace), STR_ARG(s->key->name), STR_ARG(name),
                STR_ARG(VALUE_STR(account, metadata, uid)), STR_ARG(namespace), STR_ARG(name));
    keys_sign_token(s->controller->flags->keys, text_str(&payload), &token);
    return encoded(text_str(&token));
}

/* The secret with what it lacks; equal to what it is when it lacks nothing. */
static struct value secret_complete(struct sync *s, struct value secret, struct value account)
{
    struct value data = value_keep(VALUE_GET(secret, data));
    AUTO(value) struct value ca = encoded(s->controller->flags->root_ca);
    if (!value_is_present(data))
        data = value_object();
    if (!value_equal(value_get_key(data, S("ca.crt")), ca))
        data = value_set_key(data, S("ca.crt"), value_keep(ca));
    if (value_str(value_get_key(data, S("namespace"))).size == 0)
        data = value_set_key(data, S("namespace"), encoded(s->key->namespace));
    if (value_str(value_get_key(data, S("token"))).size == 0)
        data = value_set_key(data, S("token"), token_make(s, account));
    struct value out = value_keep(secret);
    if (value_equal(data, VALUE_GET(secret, data))) {
        value_drop(data);
        return out;
    }
    out = value_set(out, ATOM_data, data);
    struct value annotations = value_keep(VALUE_GET(out, metadata, annotations));
    annotations = value_set_key(annotations, S(UID_ANNOTATION),
                                value_keep(VALUE_GET(account, metadata, uid)));
    return VALUE_SET(out, annotations, metadata, annotations);
}

/* ---- one secret ---- */

static bool is_account_of(struct value account, struct value secret)
{
    struct value uid = object_annotation(secret, S(UID_ANNOTATION));
    return value_is_present(account) && !object_is_deleting(account) &&
           (value_str(uid).size == 0 || value_equal(uid, VALUE_GET(account, metadata, uid)));
}

static enum sync_result fill(struct sync *s, struct value account)
{
    struct value full = secret_complete(s, s->object, account);
    if (value_equal(full, s->object)) {
        value_drop(full);
        return SYNC_DONE;
    }
    sync_trace(s, "a Secret for a token -> fills it");
    sync_update(s, RESOURCE_secrets, full, 0);
    return sync_wait(s, 2);
}

static enum sync_result token_sync(struct sync *s)
{
    const struct answer *a = s->answers;
    struct value name = object_annotation(s->object, S(NAME_ANNOTATION));
    if (s->phase == 2)
        return answer_ok(a) || a->code == 404 || a->code == 409 ? SYNC_DONE
                                                                : sync_retry_answer(s, a);
    if (!value_is_present(s->object) || !VALUE_IS(s->object, TYPE, type) ||
        object_is_deleting(s->object) || value_str(name).size == 0 || !s->controller->flags ||
        !s->controller->flags->keys)
        return SYNC_DONE;
    if (s->phase == 1) {
        if (!answer_ok(a) && a->code != 404)
            return sync_retry_answer(s, a);
        if (answer_ok(a) && is_account_of(a->body, s->object))
            return fill(s, a->body);
        sync_trace(s, "its ServiceAccount does not exist -> deletes it");
        sync_delete(s, s->key, object_uid(s->object), 0);
        return sync_wait(s, 2);
    }
    struct value account =
        informer_get_named(controller_informer(s->controller, RESOURCE_serviceaccounts),
                           s->key->namespace, value_str(name));
    if (is_account_of(account, s->object))
        return fill(s, account);
    const struct object_key *key =
        object_key_of(resource_get(RESOURCE_serviceaccounts), s->key->namespace, value_str(name));
    sync_send(s, request_for_key(VERB_GET, key), 0);
    object_key_unref(key);
    return sync_wait(s, 1);
}
