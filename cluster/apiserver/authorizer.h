/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks (authentication) and whether they may (authorization: system:masters, then Node, then
 * RBAC).
 *
 *     struct user *u = authenticate(s, credential);                      NULL: 401
 *     struct attributes a = {.verb = S("list"), .resource = S("pods"), .namespace = S("default")};
 *     if (!authorize(s, u, &a)) ...                                            403
 *
 * A user keeps what RBAC grants it, compiled, until a change of any RBAC object; within one
 * generation a decision that
 * depends on neither namespace nor name is one bit.
 */
#ifndef CLUSTER_APISERVER_AUTHORIZER_H
#define CLUSTER_APISERVER_AUTHORIZER_H

#include "cluster/api/request.h"
#include "sim/base/vec.h"

struct apiserver;

struct grant {
    struct value rule; /* owned: a PolicyRule */
    char *namespace;   /* of the RoleBinding; NULL: everywhere */
};
struct user {
    uint32_t references;
    char *name;
    size_t name_size;
    char **groups;
    size_t group_count;
    struct str uid;      /* of a row of the token table; empty else */
    bool is_master;      /* in system:masters */
    const char *node;    /* "system:node:<this>" in system:nodes; NULL: no node */
    struct str by;       /* the name, for ever: the changes log outlives this server */
    uint64_t generation; /* of the RBAC objects that the grants are from */
    VEC(struct grant) grants;
    uint8_t *decided,
        *allowed; /* bit per verb; by resource index * SUBRESOURCE_COUNT + subresource */
};
struct authorizer {
    struct user *own;                     /* system:apiserver */
    uint8_t *node_decided, *node_allowed; /* as in struct user, of all nodes: node_may_any */
};
struct attributes {
    struct str verb, group, resource, subresource, namespace, name;
    struct str
        path; /* of a request for no resource: "/healthz"; then the others but verb are empty */
    struct value field_selector; /* text; borrowed */
};

void authorizer_init(struct apiserver *s);
void authorizer_release(struct apiserver *s);
struct user *authenticate(struct apiserver *s,
                          const struct credential *credential); /* owned; NULL: a bad token */
struct user *user_make(struct str name, const struct str *groups, size_t group_count,
                       struct str uid);
struct user *user_ref(struct user *u);
void user_unref(struct user *u);
static inline struct str user_name(const struct user *u)
{
    return (struct str){u->name, u->name_size};
}
bool user_is_in(const struct user *u, struct str group);

bool authorize(struct apiserver *s, struct user *u, const struct attributes *a);
/* The fast path for a request of a known resource; false: ask authorize(), which decides. */
bool authorize_quickly(struct apiserver *s, struct user *u, const struct request *r);
/* `User "u" cannot list resource "pods" in API group "" in the namespace "ns"`. */
void authorize_refusal(const struct user *u, const struct attributes *a, struct text *out);
/* RBAC alone, for tests: does a PolicyRule cover it? */
bool rule_covers(struct value rule, const struct attributes *a);
/* The node authorizer alone. */
bool node_may(const char *node, const struct attributes *a);
bool node_may_any(const struct attributes *a); /* the part that holds for every node and object */

/* The text of a service account's token: DEVIATION: opaque and unsigned,
 * "wavetank.<namespace>.<name>.<uid>". */
struct value service_account_token(struct str namespace, struct str name, struct str uid);

#endif
