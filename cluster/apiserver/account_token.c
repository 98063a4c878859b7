/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of service accounts: JSON Web Tokens that the server signs (ES256) and knows again.
 *
 * A token says who issued it (iss), whose it is (sub, and the account's name and uid under
 * kubernetes.io), for whom (aud), from when to when (iat, nbf, exp), and its own id (jti); it may
 * be bound to a pod (which then also names its node), a secret or a node, with which it dies. It is
 * good when the signature is ours, the account and what it is bound to exist with these uids and
 * have not been deleted for a minute, the audiences fit, and it is the time: with a minute's leeway
 * on each side. The older tokens of secrets (iss kubernetes/serviceaccount) have neither times nor
 * audiences, are bound to their secret, and must be the very token that the secret holds.
 *
 * DEVIATION: the key is on P-256 (ES256), which a real server takes as well; kubeadm makes an RSA
 * key (RS256).
 *
 * Upstream: pkg/serviceaccount/{claims,jwt,legacy}.go.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/authentication.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/apiserver/server.h"
#include "sim/base/base64.h"

#define LEEWAY_S 60
#define LEGACY_ISSUER "kubernetes/serviceaccount"
#define TOKEN_SIZE_MAX 65536
#define LAST_USED_LABEL "kubernetes.io/legacy-token-last-used"
#define INVALID_LABEL "kubernetes.io/legacy-token-invalid-since"

/* ---- signing ---- */

static void jti_add(struct step *step, struct text *out)
{
    uint64_t a = step_random(step, RANDOM_TOKEN);
    uint64_t b = step_random(step, RANDOM_TOKEN);
    text_printf(out, "%08x-%04x-4%03x-%04x-%012" PRIx64, (unsigned)(a >> 32),
                (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff),
                (unsigned)(b >> 48 & 0x3fff) | 0x8000u, b & UINT64_C(0xffffffffffff));
}

static void reference_add(struct text *out, const char *kind, struct value name, struct value uid)
{
    if (value_str(name).size == 0)
        return;
    text_printf(out, ",\"%s\":{\"name\":", kind);
    json_write(name, out);
    if (value_str(uid).size > 0) {
        text_add(out, S(",\"uid\":"));
        json_write(uid, out);
    }
    text_add_byte(out, '}');
}

/* Keys sorted at every level, as Go writes its maps. */
static void claims_write(struct step *step, const struct token_claims *c, struct text *out)
{
    struct str namespace = VALUE_STR(c->account, metadata, namespace);
    struct str name = VALUE_STR(c->account, metadata, name);
    int64_t now_s = step->wall.unix_ns / 1000000000;
    text_add(out, S("{\"aud\":"));
    json_write(c->audiences, out);
    text_printf(out, ",\"exp\":%" PRId64 ",\"iat\":%" PRId64 ",\"iss\":\"%.*s\",\"jti\":\"",
                now_s + c->seconds, now_s, STR_ARG(api_audience()));
    jti_add(step, out);
    text_add(out, S("\",\"kubernetes.io\":{\"namespace\":"));
    json_write_string(namespace, out);
    reference_add(out, "node", c->node_name, c->node_uid);
    reference_add(out, "pod", c->pod_name, c->pod_uid);
    reference_add(out, "secret", c->secret_name, c->secret_uid);
    reference_add(out, "serviceaccount", VALUE_GET(c->account, metadata, name),
                  VALUE_GET(c->account, metadata, uid));
    if (c->warn_after_s > 0)
        text_printf(out, ",\"warnafter\":%" PRId64, now_s + c->warn_after_s);
    text_printf(out, "},\"nbf\":%" PRId64 ",\"sub\":\"system:serviceaccount:%.*s:%.*s\"}", now_s,
                STR_ARG(namespace), STR_ARG(name));
}

void token_sign(struct apiserver *s, struct step *step, const struct token_claims *claims,
                struct text *out)
{
    AUTO(text) struct text payload = {0};
    claims_write(step, claims, &payload);
    keys_sign_token(s->flags.keys, text_str(&payload), out);
}

/* ---- checking ---- */

static void refuse(struct token_answer *a, const char *format, ...) PRINTF_LIKE(2, 3);
static void refuse(struct token_answer *a, const char *format, ...)
{
    va_list arguments;
    if (a->error.size > 0)
        return;
    va_start(arguments, format);
    text_add(&a->error, S("[invalid bearer token, "));
    text_vprintf(&a->error, format, arguments);
    text_add_byte(&a->error, ']');
    va_end(arguments);
}

/* The audiences of the token as an array (absent: it has none). */
static struct value audiences_of(struct value claims)
{
    struct value aud = value_get_key(claims, S("aud"));
    return value_kind(aud) == VALUE_ARRAY ? value_keep(aud)
           : value_str(aud).size > 0      ? value_append(VALUE_ABSENT, value_keep(aud))
                                          : VALUE_ABSENT;
}

static void quoted_list(struct value list, struct text *out)
{
    text_add_byte(out, '[');
    for (size_t i = 0; i < value_count(list); i++) {
        if (i > 0)
            text_add_byte(out, ' ');
        quote_add(value_str(value_at(list, i)), out);
    }
    text_add_byte(out, ']');
}

static bool audiences_fit(struct value claims, struct value wanted, struct token_answer *a)
{
    AUTO(value) struct value own = audiences_of(claims);
    AUTO(value) struct value asked = value_keep(wanted);
    AUTO(value) struct value api = value_append(VALUE_ABSENT, value_string(api_audience()));
    if (value_count(asked) == 0)
        asked = value_keep(api);
    if (value_count(own) == 0) {
        value_drop(own);
        own = value_keep(api);
    }
    for (size_t i = 0; i < value_count(own); i++)
        if (value_has_item(asked, value_at(own, i)))
            a->audiences = value_append(a->audiences, value_keep(value_at(own, i)));
    if (value_count(a->audiences) > 0)
        return true;
    AUTO(text) struct text text = {0};
    quoted_list(own, &text);
    text_add(&text, S(" is invalid for the target audiences "));
    quoted_list(asked, &text);
    refuse(a, "token audiences %s", text_c(&text));
    return false;
}

static bool is_the_time(struct value claims, struct wall_time now, struct token_answer *a)
{
    int64_t now_s = now.unix_ns / 1000000000;
    if (now_s + LEEWAY_S < value_as_integer(value_get_key(claims, S("nbf")), 0))
        refuse(a, "service account token is not valid yet");
    else if (now_s - LEEWAY_S > value_as_integer(value_get_key(claims, S("exp")), INT64_MAX))
        refuse(a, "service account token has expired");
    else if (now_s + LEEWAY_S < value_as_integer(value_get_key(claims, S("iat")), 0))
        refuse(a, "service account token is issued in the future");
    return a->error.size == 0;
}

static bool is_long_deleted(struct value object, struct wall_time now)
{
    struct wall_time at;
    return time_parse(VALUE_GET(object, metadata, deletionTimestamp), &at) &&
           at.unix_ns < now.unix_ns - INT64_C(1000000000) * LEEWAY_S;
}

/* The account of the token, with its uid; absent: refused. */
static struct value account_find(struct apiserver *s, struct step *step, struct str namespace,
                                 struct str name, struct str uid, struct token_answer *a)
{
    struct value account = watch_cache_find(s, RESOURCE_serviceaccounts, namespace, name);
    struct str own = VALUE_STR(account, metadata, uid);
    if (!value_is_present(account))
        refuse(a, "serviceaccounts \"%.*s\" not found", STR_ARG(name));
    else if (!str_equal(own, uid))
        refuse(a, "service account UID (%.*s) does not match claim (%.*s)", STR_ARG(own),
               STR_ARG(uid));
    else if (is_long_deleted(account, step->wall))
        refuse(a, "service account %.*s/%.*s has been deleted", STR_ARG(namespace), STR_ARG(name));
    return a->error.size == 0 ? account : VALUE_ABSENT;
}

/* What the token is bound to is still there; `word` is the kind's in messages. */
static bool bound_is_there(struct apiserver *s, struct step *step, enum resource_known resource,
                           struct str namespace, struct value reference, const char *word,
                           struct token_answer *a)
{
    struct str name = value_str(value_get_key(reference, S("name")));
    struct str uid = value_str(value_get_key(reference, S("uid")));
    struct value object = watch_cache_find(s, resource, namespace, name);
    struct str own = VALUE_STR(object, metadata, uid);
    if (!value_is_present(object) || (str_equal(own, uid) && is_long_deleted(object, step->wall)))
        refuse(a, "service account token has been invalidated");
    else if (!str_equal(own, uid))
        refuse(a, "%s UID (%.*s) does not match service account %s ref claim (%.*s)", word,
               STR_ARG(own), word, STR_ARG(uid));
    return a->error.size == 0;
}

static struct value extra_set(struct value own_extra, const char *key, struct value text)
{
    AUTO(text) struct text name = {0};
    if (value_str(text).size == 0)
        return own_extra;
    text_printf(&name, "authentication.kubernetes.io/%s", key);
    return value_set_key(value_is_present(own_extra) ? own_extra : value_object(), text_str(&name),
                         value_append(VALUE_ABSENT, value_keep(text)));
}

static struct user *account_user(struct str namespace, struct str name, struct str uid,
                                 struct value extra)
{
    AUTO(text) struct text user = {0};
    AUTO(text) struct text group = {0};
    text_printf(&user, "system:serviceaccount:%.*s:%.*s", STR_ARG(namespace), STR_ARG(name));
    text_printf(&group, "system:serviceaccounts:%.*s", STR_ARG(namespace));
    const struct str groups[] = {S("system:serviceaccounts"), text_str(&group)};
    return user_make(&(struct user_facts){.name = text_str(&user),
                                          .groups = groups,
                                          .group_count = ARRAY_COUNT(groups),
                                          .uid = uid,
                                          .extra = extra});
}

static void bound_token_check(struct apiserver *s, struct step *step, struct value claims,
                              struct token_answer *a)
{
    struct value own = value_get_key(claims, S("kubernetes.io"));
    struct value account = value_get_key(own, S("serviceaccount"));
    struct value pod = value_get_key(own, S("pod")), secret = value_get_key(own, S("secret")),
                 node = value_get_key(own, S("node")), jti = value_get_key(claims, S("jti"));
    struct str namespace = value_str(value_get_key(own, S("namespace")));
    struct str name = value_str(value_get_key(account, S("name")));
    struct str uid = value_str(value_get_key(account, S("uid")));
    if (!is_the_time(claims, step->wall, a) ||
        !value_is_present(account_find(s, step, namespace, name, uid, a)))
        return;
    if (value_is_present(secret) &&
        !bound_is_there(s, step, RESOURCE_secrets, namespace, secret, "secret", a))
        return;
    if (value_is_present(pod) && !bound_is_there(s, step, RESOURCE_pods, namespace, pod, "pod", a))
        return;
    if (value_is_present(node) && !value_is_present(pod) &&
        !bound_is_there(s, step, RESOURCE_nodes, S(""), node, "node", a))
        return;
    AUTO(value) struct value extra = VALUE_ABSENT;
    AUTO(value) struct value id = VALUE_ABSENT;
    if (value_str(jti).size > 0)
        id = value_printf("JTI=%.*s", STR_ARG(value_str(jti)));
    extra = extra_set(extra, "pod-name", value_get_key(pod, S("name")));
    extra = extra_set(extra, "pod-uid", value_get_key(pod, S("uid")));
    extra = extra_set(extra, "credential-id", id);
    extra = extra_set(extra, "node-name", value_get_key(node, S("name")));
    extra = extra_set(extra, "node-uid", value_get_key(node, S("uid")));
    a->user = account_user(namespace, name, uid, extra);
}

/* The day on which a token of a secret was used last is a label of the secret; who cleans up looks
 * at it. Nobody waits for the write. */
static void note_use(struct apiserver *s, struct step *step, struct str namespace, struct str name,
                     struct value secret)
{
    AUTO(value) struct value now = time_value(step->wall);
    struct str text = value_str(now), day = str_slice(text, 0, str_find(text, 'T'));
    struct value known = object_label(secret, S(LAST_USED_LABEL));
    if (str_equal(value_str(known), day))
        return;
    const struct object_key *key = object_key_of(resource_get(RESOURCE_secrets), namespace, name);
    struct request *r = request_for_key(VERB_PATCH, key);
    object_key_unref(key);
    r->patch_type = PATCH_MERGE;
    r->body = value_pack("{metadata: {uid: %v, labels: %v}}",
                         value_keep(VALUE_GET(secret, metadata, uid)),
                         value_set_key(value_object(), S(LAST_USED_LABEL), value_string(day)));
    call_own(s, step, r, NULL, NULL);
}

/* "kubernetes.io/serviceaccount/secret.name" */
static struct str legacy_claim(struct value claims, const char *name, char small[VALUE_SMALL_SIZE])
{
    AUTO(text) struct text key = {0};
    text_printf(&key, "kubernetes.io/serviceaccount/%s", name);
    return value_str_in(value_get_key(claims, text_str(&key)), small);
}

static void legacy_token_check(struct apiserver *s, struct step *step, struct value claims,
                               struct str token, struct token_answer *a)
{
    char small[4][VALUE_SMALL_SIZE];
    struct str namespace = legacy_claim(claims, "namespace", small[0]);
    struct str secret_name = legacy_claim(claims, "secret.name", small[1]);
    struct str name = legacy_claim(claims, "service-account.name", small[2]);
    struct str uid = legacy_claim(claims, "service-account.uid", small[3]);
    struct value secret = watch_cache_find(s, RESOURCE_secrets, namespace, secret_name);
    AUTO(text) struct text stored = {0};
    bool is_read = base64_decode(VALUE_STR(secret, data, token), &stored);
    if (!value_is_present(secret) || object_is_deleting(secret))
        refuse(a, "Token has been invalidated");
    else if (!is_read || !str_equal(text_str(&stored), token))
        refuse(a, "Token does not match server's copy");
    else if (value_is_present(object_label(secret, S(INVALID_LABEL))))
        refuse(a,
               "the token in secret %.*s/%.*s for service account %.*s/%.*s has been marked "
               "invalid. Use tokens from the TokenRequest API or manually created secret-based "
               "tokens, or remove the '" INVALID_LABEL
               "' label from the secret to temporarily allow use of this token",
               STR_ARG(namespace), STR_ARG(secret_name), STR_ARG(namespace), STR_ARG(name));
    if (a->error.size > 0 || !value_is_present(account_find(s, step, namespace, name, uid, a)))
        return;
    a->user = account_user(namespace, name, uid, VALUE_ABSENT);
    note_use(s, step, namespace, secret_name, secret);
}

void account_token_check(struct apiserver *s, struct step *step, struct str token,
                         struct value audiences, struct token_answer *a)
{
    AUTO(text) struct text payload = {0};
    AUTO(value) struct value claims = VALUE_ABSENT;
    struct errmsg ignored;
    enum token_state state = TOKEN_MALFORMED;
    if (token.size <= TOKEN_SIZE_MAX)
        state = keys_check_token(s->flags.keys, token, &payload);
    /* Not a token of ours is a token of somebody else's: another authenticator's to refuse. */
    if (state == TOKEN_MALFORMED || json_parse(text_str(&payload), NULL, &claims, &ignored))
        value_release(&claims);
    struct value issuer = value_get_key(claims, S("iss"));
    bool is_legacy = value_is(issuer, LEGACY_ISSUER);
    if (!is_legacy && !str_equal(value_str(issuer), api_audience()))
        text_add(&a->error, S("invalid bearer token"));
    else if (state == TOKEN_OTHER_KEY)
        refuse(a, "invalid signature, no keys found");
    else if (state != TOKEN_GOOD)
        refuse(a, "go-jose/go-jose: error in cryptographic primitive");
    else if (audiences_fit(claims, audiences, a)) {
        if (is_legacy)
            legacy_token_check(s, step, claims, token, a);
        else
            bound_token_check(s, step, claims, a);
    }
    if (!a->user)
        value_release(&a->audiences);
}
