/* SPDX-License-Identifier: Apache-2.0
 *
 * Tokens of service accounts for the projected volumes of pods: asked for by TokenRequest when the
 * volume is mounted, bound to the pod, and asked for anew when 80 % of their time (or a day) has
 * passed. An old token stays in the volume while a new one cannot be had.
 *
 * Only kubelets of a cluster that is served ask (kubelet_config.asks_for_tokens): there, programs
 * that are real may read what a pod's file says. DEVIATION: in a run no token is asked for and the
 * file is a placeholder: a token's signature (50 us) and text (0.9 KB) for each of 10,000 pods are
 * half of what such a run may take, and no program model calls the API.
 *
 * Upstream: pkg/kubelet/token/token_manager.go (its jitter of 10 s is left out),
 * pkg/volume/projected.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/object.h"

#define REFRESH_PERCENT 80
#define AGE_MAX_S (24 * 3600)
#define RETRY_S 10
#define TOKENS_MAX 64 /* of one pod */

struct pod_token {
    char *audience;
    int64_t seconds;
    char *text;  /* NULL: none yet */
    char *error; /* why there is none */
    bool in_flight;
    struct wall_time end;
    struct instant refresh_at;
};

void tokens_release(struct pod_worker *w)
{
    for (size_t i = 0; i < w->tokens.count; i++) {
        mem_free(w->tokens.items[i]->audience);
        mem_free(w->tokens.items[i]->text);
        mem_free(w->tokens.items[i]->error);
        mem_free(w->tokens.items[i]);
    }
    vec_release(&w->tokens);
}

static void set_text(char **text, struct str s)
{
    mem_free(*text);
    *text = mem_copy_string(s);
}

static void token_arrived(struct pod_worker *w, struct pod_token *t, const struct response *r)
{
    struct step *step = w->kubelet->step;
    struct value status = VALUE_GET(r->body, status);
    (void)time_parse(VALUE_GET(status, expirationTimestamp), &t->end);
    int64_t life = t->end.unix_ns - step->wall.unix_ns, most = duration_s(AGE_MAX_S).ns;
    int64_t wait = life / 100 * REFRESH_PERCENT;
    bool is_new = t->text == NULL;
    t->refresh_at = instant_add(step->now, duration_ns(wait < most ? wait : most));
    set_text(&t->text, VALUE_STR(status, token));
    /* The new one is written at once; the next one is asked for in its time. */
    struct instant next = is_new ? t->refresh_at : step->now;
    if (next.ns < w->refresh_at.ns)
        w->refresh_at = next;
    worker_wake_at(w, step->now);
}

static void on_token(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    struct pod_worker *w = kubelet_worker(k, (uint32_t)(tag / TOKENS_MAX));
    (void)step;
    if (!w || tag % TOKENS_MAX >= w->tokens.count)
        return;
    struct pod_token *t = w->tokens.items[tag % TOKENS_MAX];
    t->in_flight = false;
    if (response_ok(r)) {
        token_arrived(w, t, r);
        return;
    }
    struct str why = response_message_text(r);
    set_text(&t->error, why.size > 0 ? why : S("connection refused"));
    t->refresh_at = instant_add(k->step->now, duration_s(RETRY_S));
    if (t->text && t->refresh_at.ns < w->refresh_at.ns)
        w->refresh_at = t->refresh_at;
    worker_wake_at(w, k->step->now);
}

static void token_ask(struct pod_worker *w, size_t index)
{
    struct pod_token *t = w->tokens.items[index];
    struct str audience = str_from(t->audience);
    struct value account = VALUE_GET(w->pod, spec, serviceAccountName);
    const struct object_key *key = object_key_of(resource_get(RESOURCE_serviceaccounts),
                                                 w->key->namespace, value_str(account));
    struct request *r = request_for_key(VERB_CREATE, key);
    object_key_unref(key);
    r->subresource = SUBRESOURCE_TOKEN;
    r->body = value_pack(
        "{apiVersion: \"authentication.k8s.io/v1\", kind: TokenRequest, metadata: {}, spec: "
        "{audiences: %v, expirationSeconds: %D, boundObjectRef: {kind: Pod, apiVersion: v1, name: "
        "%S, uid: %v}}}",
        audience.size > 0 ? value_append(VALUE_ABSENT, value_string(audience)) : VALUE_ABSENT,
        t->seconds, w->key->name, value_keep(w->uid));
    t->in_flight = true;
    (void)client_send(w->kubelet->client, w->kubelet->step, r, on_token, w->kubelet,
                      (uint64_t)w->number * TOKENS_MAX + index);
}

/* Its row, made when it is asked for first; SIZE_MAX: there are too many. */
static size_t token_find(struct pod_worker *w, struct str audience, int64_t seconds)
{
    for (size_t i = 0; i < w->tokens.count; i++)
        if (w->tokens.items[i]->seconds == seconds &&
            str_equal(str_from(w->tokens.items[i]->audience), audience))
            return i;
    if (w->tokens.count == TOKENS_MAX)
        return SIZE_MAX;
    struct pod_token *t = mem_new(struct pod_token);
    t->audience = mem_copy_string(audience);
    t->seconds = seconds;
    vec_push(&w->tokens, t);
    return w->tokens.count - 1;
}

enum object_state token_take(struct pod_worker *w, struct value source, struct text *out,
                             struct text *error)
{
    struct kubelet *k = w->kubelet;
    size_t index =
        token_find(w, VALUE_STR(source, audience), VALUE_INT(source, 3600, expirationSeconds));
    if (index == SIZE_MAX) {
        text_add(error, S("failed to fetch token: too many tokens"));
        return OBJECT_MISSING;
    }
    struct pod_token *t = w->tokens.items[index];
    bool is_due = t->refresh_at.ns <= k->step->now.ns;
    if (!t->in_flight && is_due && !(t->error && !t->text))
        token_ask(w, index);
    if (t->text) {
        text_add(out, str_from(t->text));
        if (t->refresh_at.ns > k->step->now.ns && t->refresh_at.ns < w->refresh_at.ns)
            w->refresh_at = t->refresh_at;
        return OBJECT_PRESENT;
    }
    if (!t->error)
        return OBJECT_FETCHING;
    text_printf(error, "failed to fetch token: %s", t->error);
    mem_free(t->error);
    t->error = NULL;
    t->refresh_at = (struct instant){0}; /* the next try of the mount asks again */
    return OBJECT_MISSING;
}
