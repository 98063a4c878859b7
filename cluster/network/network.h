/* SPDX-License-Identifier: Apache-2.0
 *
 * The pod network as pods and people meet it: names, Service addresses, routes.
 *
 * Three processes:
 *   network@<node>     the node's kernel: routes to the pods of every node, and the rules by which
 *                      a Service's address becomes the address of one of its endpoints. It lives
 *                      as long as the host, whatever becomes of kube-proxy;
 *   kube-proxy@<node>  watches Services and EndpointSlices and writes those rules, at most once a
 *                      second;
 *   coredns-<n>        answers names from Services and EndpointSlices.
 *
 * A request (runtime/traffic.h) enters at the network process of the node where it begins, goes
 * through name, rule and route to the runtime of the pod's node, and comes back the same way.
 *
 * DEVIATION: routes are those of the nodes' pod ranges as the cluster was put together (a CNI
 * plugin would learn them); connections are not tracked, so each request chooses its endpoint anew.
 *
 * Source: kubernetes.io/docs/reference/networking/virtual-ips/ and
 * concepts/services-networking/dns-pod-service/
 */
#ifndef CLUSTER_NETWORK_NETWORK_H
#define CLUSTER_NETWORK_NETWORK_H

#include "cluster/api/request.h"
#include "sim/sim.h"

/* ---- the rules that kube-proxy gives to its node: one immutable, counted message ---- */

struct service_endpoint {
    uint32_t ip;
    uint16_t port;
    bool is_local; /* on this node */
};
struct service_rule {
    uint32_t ip; /* 0: a node port, on every address of the node */
    uint16_t port;
    char protocol;   /* 'T', 'U', 'S' */
    bool local_only; /* externalTrafficPolicy: Local */
    struct service_endpoint *endpoints;
    uint32_t endpoint_count; /* 0: refused */
};
struct service_rules {
    struct message message;
    struct service_rule *rules; /* by (ip, port, protocol) */
    uint32_t count, endpoint_count;
};
extern const struct message_type service_rules_message;
struct service_rules *service_rules_new(void);

/* ---- processes ---- */

struct pod_route {
    uint32_t base, mask; /* of the node's pod range */
    address_id runtime;  /* traffic_address of that node */
};
struct node_network_config {
    struct str node;
    address_id address;             /* "<node>:network": requests and rules come here */
    const struct pod_route *routes; /* sorted by base */
    size_t route_count;
    const address_id *dns; /* the DNS servers, asked in turn */
    size_t dns_count;
    uint32_t node_ip;
};
extern const struct process_type node_network_process;

struct kube_proxy_config {
    struct str node;
    address_id server;
    address_id network; /* the node's network process */
    const struct credential *credential;
    struct duration min_sync_period; /* 1 s */
};
extern const struct process_type kube_proxy_process;

struct dns_config {
    address_id server;
    address_id address; /* "coredns-0:53" */
    const struct credential *credential;
};
extern const struct process_type dns_process;

address_id node_network_address(struct sim *sim, struct str node); /* "<node>:network" */

#endif
