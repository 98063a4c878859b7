/* SPDX-License-Identifier: Apache-2.0
 *
 * ResourceQuota, the last of admission: "if creating a resource violates a quota constraint, the
 * request fails with 403 Forbidden". What the new object uses is added to status.used of each quota
 * of the namespace that counts it, by a compare-and-swap in etcd, before the object is written: two
 * creates that race for the last unit cannot both win (I50).
 *
 * A create that fails after it was charged leaves too high a usage behind; the quota controller
 * counts anew (at the latest after its full resync).
 *
 * Requests for cpu or memory that the quota limits must be stated: "must specify limits.cpu".
 *
 * Source: kubernetes.io/docs/concepts/policy/resource-quotas/ and
 * apiserver/pkg/admission/plugin/resourcequota.
 */
#include "cluster/api/quota.h"

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "cluster/apiserver/field_manager.h"
#include "cluster/apiserver/registry.h"

#define CHARGE_TRIES 3

struct charge {
    struct call_extra extra;
    VEC(const struct etcd_kv *) quotas;
    size_t next;
    int tries;
    call_fn then;
};

static void charge_next(struct call *c, struct step *step);

static void charge_release(struct call_extra *extra)
{
    struct charge *x = (struct charge *)(void *)extra;
    for (size_t i = 0; i < x->quotas.count; i++)
        etcd_kv_unref(x->quotas.items[i]);
    vec_release(&x->quotas);
    mem_free(x);
}

void quota_charge(struct call *c, struct step *step, call_fn then)
{
    struct cache_cursor first = {0};
    if (c->resource->is_namespaced && c->resource != resource_get(RESOURCE_events))
        first = watch_cache_of_known(c->server, RESOURCE_resourcequotas, c->key->namespace);
    if (!first.kv || c->extra) {
        then(c, step);
        return;
    }
    struct charge *x = mem_new(struct charge);
    x->extra.release = charge_release;
    x->then = then;
    c->extra = &x->extra;
    for (struct cache_cursor k = first; k.kv; watch_cache_next(&k))
        vec_push(&x->quotas, etcd_kv_ref(k.kv));
    charge_next(c, step);
}

static void list_add(struct text *out, struct str name, struct value amount)
{
    struct str shown = value_str(amount);
    text_printf(out, "%s%.*s=%.*s", out->size > 0 ? "," : "", STR_ARG(name), STR_ARG(shown));
}

static void refuse(struct call *c, struct step *step, struct text *why)
{
    struct str name = VALUE_STR(c->object, metadata, name);
    call_refuse(c, step, status_forbidden(c->request->resource, name, text_str(why)));
}

/* The names of containers that state nothing of what the quota limits, "" when all do. */
static void missing_requests(struct call *c, struct value hard, struct text *out)
{
    static const struct {
        const char *quota;
        atom kind;
        const char *name;
    } needed[] = {{"limits.cpu", ATOM_limits, "cpu"},
                  {"limits.memory", ATOM_limits, "memory"},
                  {"requests.cpu", ATOM_requests, "cpu"},
                  {"requests.memory", ATOM_requests, "memory"}};
    struct value containers = VALUE_GET(c->object, spec, containers);
    for (size_t n = 0; n < ARRAY_COUNT(needed); n++) {
        AUTO(text) struct text names = {0};
        bool is_plain = needed[n].kind == ATOM_requests &&
                        value_is_present(value_get_key(hard, str_from(needed[n].name)));
        if (!is_plain && !value_is_present(value_get_key(hard, str_from(needed[n].quota))))
            continue;
        for (size_t i = 0; i < value_count(containers); i++) {
            struct value of =
                value_get(VALUE_GET(value_at(containers, i), resources), needed[n].kind);
            struct str name = VALUE_STR(value_at(containers, i), name);
            if (!value_is_present(value_get_key(of, str_from(needed[n].name))))
                text_printf(&names, "%s%.*s", names.size > 0 ? "," : "", STR_ARG(name));
        }
        if (names.size > 0)
            text_printf(out, "%s%s for: %s", out->size > 0 ? "; " : "",
                        is_plain ? needed[n].name : needed[n].quota, text_c(&names));
    }
}

/* status.used with the object's usage; absent when the quota does not count it. `ret_exceeds` gets
 * the refusal. */
static struct value charged(struct call *c, const struct etcd_kv *quota, struct text *ret_why)
{
    struct value hard = VALUE_GET(quota->value, status, hard),
                 used = VALUE_GET(quota->value, status, used);
    struct str quota_name = quota->key->name;
    if (!quota_scopes_match(quota->value, c->resource, c->object))
        return VALUE_ABSENT;
    struct value usage = quota_add_usage(value_object(), c->resource, c->object);
    struct value spec_hard = VALUE_GET(quota->value, spec, hard);
    AUTO(text) struct text requested = {0};
    AUTO(text) struct text in_use = {0};
    AUTO(text) struct text limited = {0};
    AUTO(text) struct text unknown = {0};
    AUTO(text) struct text missing = {0};
    struct value next = value_keep(used);
    bool counts = false;
    if (c->resource == resource_get(RESOURCE_pods))
        missing_requests(c, spec_hard, &missing);
    for (size_t i = 0; i < value_count(spec_hard); i++) {
        struct str name = value_key_at(spec_hard, i);
        struct value amount = value_get_key(usage, name), limit = value_get_key(hard, name),
                     before = value_get_key(used, name);
        if (!value_is_present(amount) ||
            (quantity_milli(amount) == 0 && quantity_value(amount) == 0))
            continue;
        counts = true;
        if (!value_is_present(limit) || !value_is_present(before)) {
            text_printf(&unknown, "%s%.*s", unknown.size > 0 ? "," : "", STR_ARG(name));
            continue;
        }
        struct value after = quantity_sum(before, amount);
        if (quantity_compare(after, limit) > 0) {
            list_add(&requested, name, amount);
            list_add(&in_use, name, before);
            list_add(&limited, name, limit);
        }
        next = value_set_key(next, name, after);
    }
    value_drop(usage);
    if (missing.size > 0)
        text_printf(ret_why, "failed quota: %.*s: must specify %s", STR_ARG(quota_name),
                    text_c(&missing));
    else if (unknown.size > 0)
        text_printf(ret_why, "status unknown for quota: %.*s, resources: %s", STR_ARG(quota_name),
                    text_c(&unknown));
    else if (requested.size > 0)
        text_printf(ret_why, "exceeded quota: %.*s, requested: %s, used: %s, limited: %s",
                    STR_ARG(quota_name), text_c(&requested), text_c(&in_use), text_c(&limited));
    if (counts && ret_why->size == 0)
        return next;
    value_drop(next);
    return VALUE_ABSENT;
}

static void charge_done(struct call *c, struct step *step, const struct etcd_response *r)
{
    struct charge *x = (struct charge *)(void *)c->extra;
    if (call_etcd_failed(c, step, r))
        return;
    if (r->succeeded) {
        x->next++;
        x->tries = 0;
    } else if (r->count == 0) {
        x->next++; /* the quota is gone */
    } else if (++x->tries >= CHARGE_TRIES) {
        struct str name = x->quotas.items[x->next]->key->name;
        call_refuse(c, step, status_conflict(resource_get(RESOURCE_resourcequotas), name, S("")));
        return;
    } else {
        etcd_kv_unref(x->quotas.items[x->next]);
        x->quotas.items[x->next] = etcd_kv_ref(r->kvs[0]);
    }
    charge_next(c, step);
}

static void charge_next(struct call *c, struct step *step)
{
    struct charge *x = (struct charge *)(void *)c->extra;
    while (x->next < x->quotas.count) {
        const struct etcd_kv *quota = x->quotas.items[x->next];
        AUTO(text) struct text why = {0};
        struct value used = charged(c, quota, &why);
        if (why.size > 0) {
            refuse(c, step, &why);
            return;
        }
        if (!value_is_present(used) || c->request->dry_run) {
            value_drop(used);
            x->next++;
            continue;
        }
        struct etcd_request *r = etcd_request_new(ETCD_TXN);
        r->key = object_key_ref(quota->key);
        r->expected_revision = quota->mod_revision;
        r->value = VALUE_SET(value_keep(quota->value), used, status, used);
        r->value = field_manager_own(c->server, step, resource_get(RESOURCE_resourcequotas),
                                     SUBRESOURCE_STATUS, quota->value, r->value);
        call_etcd(c, step, r, charge_done);
        return;
    }
    x->then(c, step);
}
