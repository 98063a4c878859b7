/* SPDX-License-Identifier: Apache-2.0
 *
 * Who asks.
 *
 *     struct user *u = authenticate(s, step, credential);                NULL: 401
 *
 * A user is counted; it also keeps what the authorizer finds out about it.
 */
#ifndef CLUSTER_APISERVER_AUTHENTICATION_H
#define CLUSTER_APISERVER_AUTHENTICATION_H

#include "cluster/api/request.h"
#include "sim/base/text.h"
#include "sim/base/vec.h"

struct apiserver;

struct grant {
    struct value rule;    /* owned: a PolicyRule; absent: the role is not there */
    char *namespace;      /* of the RoleBinding; NULL: everywhere */
    struct value binding; /* owned: the object, for reasons */
    struct value subject; /* owned: the one that the user is */
};
struct user {
    uint32_t references;
    char *name;
    size_t name_size;
    char **groups;
    size_t group_count;
    char *uid;                         /* "" when it has none */
    struct value extra;                /* owned: {key: [value]}; absent: none */
    bool is_master;                    /* in system:masters */
    const char *node;                  /* "system:node:<this>" in system:nodes; NULL: no node */
    struct str by;                     /* user_by() */
    int64_t not_before_s, not_after_s; /* of its certificate; 0 and 0: for ever */
    uint64_t generation;               /* of the RBAC objects that the grants are from */
    VEC(struct grant) grants;
    uint8_t *decided,
        *allowed; /* bit per verb; by resource index * SUBRESOURCE_COUNT + subresource */
};
struct user_facts {
    struct str name;
    const struct str *groups;
    size_t group_count;
    struct str uid;
    struct value extra; /* borrowed */
    bool is_exact;      /* no group is added: system:authenticated and its kin */
};
struct user *user_make(const struct user_facts *facts);
/* From values: groups an array, extra {key: [value]}; both borrowed. */
struct user *user_of_value(struct str name, struct value groups, struct str uid, struct value extra,
                           bool is_exact);
struct user *user_ref(struct user *u);
void user_unref(struct user *u);
static inline struct str user_name(const struct user *u)
{
    return (struct str){u->name, u->name_size};
}
/* A text in quotes, as Go's %q writes it. */
void quote_add(struct str s, struct text *out);
bool user_is_in(const struct user *u, struct str group);
/* The name, for ever: the changes log outlives this server. Of users that write alone. */
struct str user_by(struct user *u);
/* As reviews show it: {username, uid, groups, extra}. */
struct value user_info(const struct user *u);
/* "<namespace>:<name>" of system:serviceaccount:...; false: another user. */
bool service_account_of(struct str user, struct str *ret_namespace, struct str *ret_name);
struct value service_account_groups(struct str namespace); /* owned: an array */
struct value service_account_groups(struct str namespace);

/* Owned; NULL: a token or a certificate that is not good (now). */
struct user *authenticate(struct apiserver *s, struct step *step,
                          const struct credential *credential);
/* Has the certificate of a user run out since? */
bool user_is_valid(const struct user *u, struct wall_time now);

/* A token alone, for the audiences wanted (an array; absent: the API server's own). */
struct token_answer {
    struct user *user;      /* owned; NULL: refused */
    struct value audiences; /* owned: those that token and caller have in common */
    struct text error;      /* why it is refused */
};
void authenticate_token(struct apiserver *s, struct step *step, struct str token,
                        struct value audiences, struct token_answer *ret_answer);
/* A token that is in no table: of a service account, or none. Fills what authenticate_token has
 * begun. */
void account_token_check(struct apiserver *s, struct step *step, struct str token,
                         struct value audiences, struct token_answer *a);
void token_answer_release(struct token_answer *a);

/* What a token of a service account says. All borrowed. */
struct token_claims {
    struct value account; /* the ServiceAccount */
    struct value audiences;
    struct value pod_name, pod_uid, secret_name, secret_uid, node_name, node_uid;
    int64_t seconds;
    int64_t warn_after_s; /* 0: none */
};
void token_sign(struct apiserver *s, struct step *step, const struct token_claims *claims,
                struct text *out);
/* The audience that stands for the API server itself, and the issuer of its tokens. */
struct str api_audience(void);

/* By which way of impersonation a user was allowed last; the rows are found by the user's digest. */
#define MODES_WORKED_SIZE 64
struct modes_worked {
    struct {
        char *user;
        int mode;
    } rows[MODES_WORKED_SIZE];
};
void modes_worked_release(struct modes_worked *m); /* impersonation.c */

/* Tokens checked a moment ago need not be checked again: 10 s, as a real server's cache. */
#define TOKEN_CACHE_SIZE 256
struct token_cache {
    struct {
        char *token;
        struct user *user;
        struct instant until;
    } rows[TOKEN_CACHE_SIZE];
};
void token_cache_release(struct token_cache *c);

#endif
