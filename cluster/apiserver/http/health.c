/* SPDX-License-Identifier: Apache-2.0
 *
 * Checks stand in the order in which a real server adds them: the generic ones, then its post-start
 * hooks, one server of the chain (extensions, core, aggregator) after the other. "?verbose" lists
 * them, "?exclude=NAME" leaves one out, "/livez/NAME" asks for one alone. What fails is told
 * without its reason, as anybody may ask.
 *
 * Post-start hooks are over when a server of ours answers at all; what can fail here is that its
 * caches have not been filled: that is etcd and informer-sync.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/health.h"

#include "cluster/api/resource.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

#define HOOK(name) "poststarthook/" name

static const char *const hooks[] = {
    HOOK("start-apiserver-admission-initializer"),
    HOOK("generic-apiserver-start-informers"),
    HOOK("priority-and-fairness-config-consumer"),
    HOOK("priority-and-fairness-filter"),
    HOOK("storage-object-count-tracker-hook"),
    HOOK("start-apiextensions-informers"),
    HOOK("start-apiextensions-controllers"),
    HOOK("crd-informer-synced"),
    HOOK("start-system-namespaces-controller"),
    HOOK("peer-endpoint-reconciler-controller"),
    HOOK("start-cluster-authentication-info-controller"),
    HOOK("start-kube-apiserver-identity-lease-controller"),
    HOOK("start-kube-apiserver-identity-lease-garbage-collector"),
    HOOK("storage-readiness"),
    HOOK("start-legacy-token-tracking-controller"),
    HOOK("start-service-ip-repair-controllers"),
    HOOK("rbac/bootstrap-roles"),
    HOOK("scheduling/bootstrap-system-priority-classes"),
    HOOK("priority-and-fairness-config-producer"),
    HOOK("bootstrap-controller"),
    HOOK("start-kubernetes-service-cidr-controller"),
    HOOK("aggregator-reload-proxy-client-cert"),
    HOOK("start-kube-aggregator-informers"),
    HOOK("apiservice-status-local-available-controller"),
    HOOK("apiservice-status-remote-available-controller"),
    HOOK("apiservice-registration-controller"),
    HOOK("apiservice-wait-for-first-sync"),
    HOOK("apiservice-discovery-controller"),
    HOOK("kube-apiserver-autoregistration"),
    "autoregister-completion",
    HOOK("apiservice-openapi-controller"),
    HOOK("apiservice-openapiv3-controller"),
};
/* What stands before the hooks, and behind them. */
static const struct endpoint {
    const char *name;
    const char *first[4];
    const char *last;
} endpoints[] = {
    {"healthz", {"ping", "log", "loopback-serving-certificate", "etcd"}, NULL},
    {"livez", {"ping", "log", "loopback-serving-certificate", "etcd"}, NULL},
    {"readyz", {"ping", "log", "informer-sync", NULL}, "shutdown"},
};
#define CHECKS_MAX (4 + ARRAY_COUNT(hooks) + 1)

static size_t checks_of(const struct endpoint *e, const char *ret_names[CHECKS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; i < ARRAY_COUNT(e->first) && e->first[i]; i++)
        ret_names[n++] = e->first[i];
    for (size_t i = 0; i < ARRAY_COUNT(hooks); i++)
        ret_names[n++] = hooks[i];
    if (e->last)
        ret_names[n++] = e->last;
    return n;
}

static bool check_holds(const struct endpoint *e, const char *check, bool is_ready)
{
    return is_ready || strcmp(e->name, "livez") == 0 ||
           (strcmp(check, "etcd") != 0 && strcmp(check, "informer-sync") != 0);
}

static void all_checks(const struct endpoint *e, const struct target *target, bool is_ready,
                       int *ret_code, struct text *out)
{
    const char *names[CHECKS_MAX];
    size_t count = checks_of(e, names);
    struct str excluded = target_option(target, "exclude");
    bool is_well = true, is_verbose = target_has_option(target, "verbose"), is_found = false;
    for (size_t i = 0; i < count; i++) {
        bool is_excluded = str_equal(str_from(names[i]), excluded);
        bool holds = is_excluded || check_holds(e, names[i], is_ready);
        is_found |= is_excluded;
        is_well &= holds;
        text_printf(out,
                    is_excluded ? "[+]%s excluded: ok\n"
                    : holds     ? "[+]%s ok\n"
                                : "[-]%s failed: reason withheld\n",
                    names[i]);
    }
    if (excluded.size > 0 && !is_found)
        text_printf(out, "warn: some health checks cannot be excluded: no matches for \"%.*s\"\n",
                    STR_ARG(excluded));
    *ret_code = is_well ? 200 : 500;
    if (is_well && !is_verbose) {
        text_clear(out);
        text_add(out, S("ok"));
        return;
    }
    text_printf(out, is_well ? "%s check passed\n" : "%s check failed\n", e->name);
}

bool health_document(struct str path, const struct target *target, bool is_ready, int *ret_code,
                     struct text *out)
{
    const char *names[CHECKS_MAX];
    struct str check, name = str_cut(str_slice(path, 1, path.size), '/', &check);
    for (size_t i = 0; i < ARRAY_COUNT(endpoints); i++) {
        const struct endpoint *e = &endpoints[i];
        if (!str_equal(name, str_from(e->name)))
            continue;
        if (check.size == 0) {
            all_checks(e, target, is_ready, ret_code, out);
            return true;
        }
        size_t count = checks_of(e, names);
        for (size_t j = 0; j < count; j++) {
            if (!str_equal(check, str_from(names[j])))
                continue;
            bool holds = check_holds(e, names[j], is_ready);
            *ret_code = holds ? 200 : 500;
            if (holds)
                text_add(out, S("ok"));
            else
                text_add(out, S("internal server error: reason withheld\n"));
            return true;
        }
    }
    return false;
}

/* ---- all paths ---- */

struct path_list {
    VEC(struct text) all;
};

static void path_add(struct path_list *paths, const char *head, struct str a, struct str b)
{
    struct text t = {0};
    text_add(&t, str_from(head));
    text_add(&t, a);
    if (b.size > 0)
        text_printf(&t, "/%.*s", STR_ARG(b));
    for (size_t i = 0; i < paths->all.count; i++) {
        if (str_equal(text_str(&paths->all.items[i]), text_str(&t))) {
            text_release(&t);
            return;
        }
    }
    vec_push(&paths->all, t);
}

static int by_text(const void *a, const void *b, void *context)
{
    (void)context;
    return str_compare(text_str(a), text_str(b));
}

/* The groups and versions of custom kinds. */
static void custom_paths_add(struct path_list *paths, const struct custom_catalog *catalog)
{
    for (size_t i = 0; catalog && i < catalog->count; i++) {
        const struct custom_definition *d = catalog->items[i];
        path_add(paths, "/apis/", d->stored->group, S(""));
        for (size_t k = 0; k < d->kind_count; k++)
            if (d->kinds[k].is_served)
                path_add(paths, "/apis/", d->kinds[k].resource->group_version, S(""));
    }
}

void paths_document(const struct custom_catalog *catalog, struct text *out)
{
    static const char *const others[] = {"/.well-known/openid-configuration",
                                         "/api",
                                         "/api/v1",
                                         "/apis",
                                         "/apis/",
                                         "/flagz",
                                         "/healthz",
                                         "/livez",
                                         "/metrics",
                                         "/metrics/slis",
                                         "/openapi/v2",
                                         "/openapi/v3",
                                         "/openapi/v3/",
                                         "/openid/v1/jwks",
                                         "/readyz",
                                         "/statusz",
                                         "/version"};
    struct path_list paths = {0};
    const char *names[CHECKS_MAX];
    for (size_t i = 0; i < ARRAY_COUNT(others); i++)
        path_add(&paths, "", str_from(others[i]), S(""));
    for (size_t i = 0; i < resource_count(); i++) {
        const struct resource *r = resource_at(i);
        if (r->group.size == 0)
            continue;
        path_add(&paths, "/apis/", r->group, S(""));
        path_add(&paths, "/apis/", r->group_version, S(""));
    }
    custom_paths_add(&paths, catalog);
    for (size_t i = 0; i < ARRAY_COUNT(endpoints); i++) {
        size_t count = checks_of(&endpoints[i], names);
        for (size_t j = 0; j < count; j++)
            path_add(&paths, "/", str_from(endpoints[i].name), str_from(names[j]));
    }
    sort_stable(paths.all.items, paths.all.count, sizeof(paths.all.items[0]), by_text, NULL);
    text_add(out, S("{\n  \"paths\": [\n"));
    for (size_t i = 0; i < paths.all.count; i++) {
        text_printf(out, "    \"%.*s\"%s\n", STR_ARG(text_str(&paths.all.items[i])),
                    i + 1 < paths.all.count ? "," : "");
        text_release(&paths.all.items[i]);
    }
    text_add(out, S("  ]\n}"));
    vec_release(&paths.all);
}
