/* SPDX-License-Identifier: Apache-2.0
 *
 * kube-controller-manager: one process that runs all controllers while it holds the Lease
 * kube-system/kube-controller-manager. Losing the lease ends the process; its supervisor starts it
 * again and it stands by. The standby holds no caches.
 *
 * As in the real binary every controller has a client set of its own, so each has kube-api-qps and
 * kube-api-burst for itself; all share one connection, and one informer per resource.
 *
 * A controller is one line in `controllers` below; its order is the order of starting.
 *
 * DEVIATION: only the controllers of that table run. StatefulSets, DaemonSets and
 * HorizontalPodAutoscalers are stored but nothing acts on them; nor on volumes and their claims,
 * resource claims, or Endpoints of Services without selector, which are not mirrored into slices.
 * The finalizers and conditions of ServiceCIDRs are not written.
 */
#include "sim/base/base.h"

#include "cluster/controllers/manager.h"

#include "cluster/client/controller.h"
#include "cluster/client/leader_election.h"
#include "cluster/controllers/all.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define WORKERS(flag) offsetof(struct controller_flags, flag)
#define WORKERS_AS_DECLARED SIZE_MAX

static const struct {
    const struct controller_info *info;
    size_t workers; /* offset of the flag that says how many keys at the same time */
} controllers[] = {
    {&serviceaccount_controller, WORKERS_AS_DECLARED},
    {&root_ca_publisher_controller, WORKERS_AS_DECLARED},
    {&clusterrole_aggregation_controller, WORKERS_AS_DECLARED},
    {&namespace_controller, WORKERS(concurrent_namespace_syncs)},
    {&endpoints_controller, WORKERS(concurrent_endpoint_syncs)},
    {&endpointslice_controller, WORKERS(concurrent_service_endpoint_syncs)},
    {&replicationcontroller_controller, WORKERS(concurrent_rc_syncs)},
    {&replicaset_controller, WORKERS(concurrent_replicaset_syncs)},
    {&job_controller, WORKERS(concurrent_job_syncs)},
    {&cronjob_controller, WORKERS(concurrent_cron_job_syncs)},
    {&ttl_controller, WORKERS_AS_DECLARED},
    {&ttl_after_finished_controller, WORKERS(concurrent_ttl_after_finished_syncs)},
    {&deployment_controller, WORKERS(concurrent_deployment_syncs)},
    {&node_lifecycle_controller, WORKERS_AS_DECLARED},
    {&taint_eviction_controller, WORKERS_AS_DECLARED},
    {&pod_gc_controller, WORKERS_AS_DECLARED},
    {&garbage_collector_controller, WORKERS(concurrent_gc_syncs)},
    {&resource_quota_controller, WORKERS(concurrent_resource_quota_syncs)},
    {&disruption_controller, WORKERS_AS_DECLARED},
    {&certificate_approving_controller, WORKERS_AS_DECLARED},
    {&certificate_signing_controller, WORKERS_AS_DECLARED},
    {&certificate_cleaning_controller, WORKERS_AS_DECLARED},
    {&serviceaccount_token_controller, WORKERS(concurrent_serviceaccount_token_syncs)},
};

struct manager {
    const struct controller_manager_config *config;
    struct client *client, *election_client;
    struct leader_election *election;
    struct informer_factory *informers;
    VEC(struct controller *) running;
};

static struct client *client_of(const struct controller_manager_config *config, uint32_t number)
{
    struct client_options options = {.server = config->server,
                                     .credential = config->credential,
                                     .user_agent = "kube-controller-manager",
                                     .qps = (int)config->flags->kube_api_qps,
                                     .burst = (int)config->flags->kube_api_burst,
                                     .random_purpose = number,
                                     .number = number};
    return client_new(&options);
}

static void start_controllers(void *owner, struct step *step)
{
    struct manager *m = owner;
    struct controller_environment environment = {
        .client = m->client, .informers = m->informers, .flags = m->config->flags};
    for (size_t i = 0; i < ARRAY_COUNT(controllers); i++) {
        if (controllers[i].workers != WORKERS_AS_DECLARED)
            environment.workers =
                (int)*(const int64_t *)(const void *)((const char *)m->config->flags +
                                                      controllers[i].workers);
        struct controller *c = controller_new(controllers[i].info, &environment);
        vec_push(&m->running, c);
        controller_start(c, step);
        environment.workers = 0;
    }
    informer_factory_start(m->informers, step);
}

/* As the real binary: "leaderelection lost", exit. */
static void lost_lease(void *owner, struct step *step)
{
    (void)owner;
    step_exit(step, 1);
}

static void *manager_start(struct step *step, const void *config)
{
    struct manager *m = mem_new(struct manager);
    m->config = config;
    const struct controller_flags *flags = m->config->flags;
    m->client = client_of(m->config, 0);
    m->election_client = client_of(m->config, 1);
    m->informers = informer_factory_new(m->client);
    if (!flags->leader_elect) {
        start_controllers(m, step);
        return m;
    }
    struct leader_election_options options = {
        .component = S("kube-controller-manager"),
        .name = S("kube-controller-manager"),
        .identity = m->config->identity,
        .lease_duration = duration_ns(flags->leader_elect_lease_duration),
        .renew_deadline = duration_ns(flags->leader_elect_renew_deadline),
        .retry_period = duration_ns(flags->leader_elect_retry_period),
        .started = start_controllers,
        .stopped = lost_lease,
        .owner = m};
    m->election = leader_election_new(m->election_client, &options);
    leader_election_start(m->election, step);
    return m;
}

static void manager_input(void *state, struct step *step, const struct input *input)
{
    struct manager *m = state;
    if (input->kind == INPUT_TERMINATE) {
        step_exit(step, 0);
        return;
    }
    if (!client_input(m->client, step, input))
        (void)client_input(m->election_client, step,
                           input); /* nothing else comes to this process */
}

static void manager_release(void *state)
{
    struct manager *m = state;
    if (!m)
        return;
    for (size_t i = 0; i < m->running.count; i++)
        controller_free(m->running.items[i]);
    vec_release(&m->running);
    leader_election_free(m->election);
    informer_factory_free(m->informers);
    client_free(m->election_client);
    client_free(m->client);
    mem_free(m);
}

static void manager_dump(const void *state, struct text *out)
{
    const struct manager *m = state;
    text_printf(out, "%s\n", m->running.count ? "runs its controllers" : "stands by");
    for (size_t i = 0; i < m->running.count; i++)
        controller_dump(m->running.items[i], out);
}

const struct process_type controller_manager_process = {.kind = "kube-controller-manager",
                                                        .start = manager_start,
                                                        .input = manager_input,
                                                        .release = manager_release,
                                                        .dump = manager_dump};
