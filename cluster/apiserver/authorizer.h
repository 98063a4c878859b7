/* SPDX-License-Identifier: Apache-2.0
 *
 * Whether they may: system:masters, then Node, then RBAC.
 *
 *     struct attributes a = {.verb = S("list"), .resource = S("pods"), .namespace = S("default")};
 *     if (!authorize(s, u, &a)) ...                                            403
 *
 * A user keeps what RBAC grants it, compiled, until a change of any RBAC object; within one
 * generation a decision that depends on neither namespace nor name is one bit.
 */
#ifndef CLUSTER_APISERVER_AUTHORIZER_H
#define CLUSTER_APISERVER_AUTHORIZER_H

#include "cluster/apiserver/authentication.h"
#include "sim/base/map.h"

struct node_pods;
struct authorizer {
    struct user *own;                     /* system:apiserver */
    uint8_t *node_decided, *node_allowed; /* as in struct user, of all nodes: node_may_any */
    struct index nodes;                   /* node_graph.c: of struct node_pods, by name */
    struct node_pods *node_first;
};
struct attributes {
    struct str verb, group, resource, subresource, namespace, name;
    /* Of a request for no resource: "/healthz"; then the others but verb are empty. */
    struct str path;
    struct value field_selector; /* text; borrowed */
};

void authorizer_init(struct apiserver *s);
void authorizer_release(struct apiserver *s);
/* Gives back what the user kept; it is found again when asked for. */
void authorizer_forget(struct user *u);

bool authorize(struct apiserver *s, struct user *u, const struct attributes *a);
/* And why: of a yes the binding that gives it, of a no what is known about it (often nothing). */
bool authorize_reason(struct apiserver *s, struct user *u, const struct attributes *a,
                      struct text *reason);
/* The fast path for a request of a known resource; false: ask authorize(), which decides. */
bool authorize_quickly(struct apiserver *s, struct user *u, const struct request *r);
/* `User "u" cannot list resource "pods" in API group "" in the namespace "ns"`, with the reason
 * behind it. */
void authorize_refusal(const struct user *u, const struct attributes *a, struct str reason,
                       struct text *out);
/* The whole answer: 403. */
struct value authorize_forbidden(const struct user *u, const struct attributes *a,
                                 struct str reason);
/* RBAC alone, for tests: does a PolicyRule cover it? */
bool rule_covers(struct value rule, const struct attributes *a);
/* The user's rules, up to date, in u->grants. */
void authorizer_collect(struct apiserver *s, struct user *u);

/* ---- the node authorizer ---- */

/* False: the reason is appended. */
bool node_may(struct apiserver *s, const char *node, const struct attributes *a,
              struct text *reason);
bool node_may_any(const struct attributes *a); /* the part that holds for every node and object */

/* node_graph.c: which objects the pods of a node name. */
enum graph_kind {
    GRAPH_SECRET,
    GRAPH_CONFIG_MAP,
    GRAPH_SERVICE_ACCOUNT,
    GRAPH_CLAIM,
    GRAPH_VOLUME,
    GRAPH_RESOURCE_CLAIM,
};
bool node_graph_reaches(struct apiserver *s, const char *node, enum graph_kind kind,
                        struct str namespace, struct str name);
/* A pod has come, changed or gone (absent). */
void node_graph_pod(struct apiserver *s, const struct object_key *key, struct value before,
                    struct value after);
void node_graph_release(struct apiserver *s);

#endif
