/* SPDX-License-Identifier: Apache-2.0
 *
 * Impersonation (impersonation.h). There are five ways to be allowed, looked at in this order; the
 * first that allows it counts, and when none does, the refusal of the first that applies is told:
 *
 *     associated-node   a service account whose token names the node, as that node
 *     arbitrary-node    as a node              serviceaccount   as a service account
 *     user-info         as anybody else
 *     legacy            the verb impersonate on each part
 *
 * The first four ("constrained impersonation", KEP-5284, on by default since 1.36) need two
 * permissions: `impersonate-on:<mode>:<verb>` on what the request is about, and
 * `impersonate:<mode>` on each part of who is asked for, in group authentication.k8s.io. Nodes and
 * accounts take their groups from the server then, and nobody becomes system:masters this way.
 *
 * Which way worked last for a user is remembered (struct modes_worked) and looked at first, so a
 * later refusal is worded by it.
 *
 * Upstream: apiserver/pkg/endpoints/filters/impersonation.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/impersonation.h"

#include "cluster/api/names.h"
#include "cluster/api/object.h"
#include "cluster/api/status.h"
#include "cluster/apiserver/server.h"
#include "sim/base/hash.h"

#define AUTHENTICATION_GROUP "authentication.k8s.io"
#define MANY_CHECKS 4 /* from so many on, one permission for all is asked about first */
#define NODE_PREFIX "system:node:"

enum mode { ASSOCIATED_NODE, ARBITRARY_NODE, SERVICE_ACCOUNT, USER_INFO, LEGACY, MODE_COUNT };
static const char *const mode_texts[MODE_COUNT] = {"associated-node", "arbitrary-node",
                                                   "serviceaccount", "user-info", ""};

struct attempt {
    struct apiserver *server;
    struct user *requestor;
    struct value wanted;
    const struct attributes *asked;
    enum mode mode;
    struct value status; /* owned: the refusal */
};

/* ---- who is meant ---- */

static bool node_of(struct str user, struct str *ret_node)
{
    struct str prefix = S(NODE_PREFIX);
    if (!str_starts_with(user, prefix))
        return false;
    *ret_node = str_slice(user, prefix.size, user.size);
    return name_dns_subdomain(*ret_node) == NULL;
}

static bool only_user_is_set(struct value wanted)
{
    return VALUE_STR(wanted, uid).size == 0 && value_count(VALUE_GET(wanted, groups)) == 0 &&
           value_count(VALUE_GET(wanted, extra)) == 0;
}

static bool mode_applies(const struct attempt *t)
{
    struct str user = VALUE_STR(t->wanted, user), node, namespace, name;
    bool is_node = node_of(user, &node), is_account = service_account_of(user, &namespace, &name);
    switch (t->mode) {
    case ASSOCIATED_NODE: {
        struct value own =
            value_get_key(t->requestor->extra, S("authentication.kubernetes.io/node-name"));
        return is_node && only_user_is_set(t->wanted) && value_count(own) == 1 &&
               str_equal(value_str(value_at(own, 0)), node) &&
               service_account_of(user_name(t->requestor), &namespace, &name);
    }
    case ARBITRARY_NODE:
        return is_node && only_user_is_set(t->wanted);
    case SERVICE_ACCOUNT:
        return is_account && only_user_is_set(t->wanted);
    case USER_INFO:
        return !is_node && !is_account;
    case LEGACY:
        return true;
    case MODE_COUNT:
        break;
    }
    return false;
}

/* ---- whether ---- */

static bool check(struct attempt *t, const struct attributes *a)
{
    AUTO(text) struct text reason = {0};
    if (authorize_reason(t->server, t->requestor, a, &reason))
        return true;
    if (!value_is_present(t->status))
        t->status = authorize_forbidden(t->requestor, a, text_str(&reason));
    return false;
}

static bool check_quietly(struct attempt *t, const struct attributes *a)
{
    return authorize(t->server, t->requestor, a);
}

static bool forbid(struct attempt *t, const struct attributes *a, const char *why)
{
    if (!value_is_present(t->status))
        t->status = authorize_forbidden(t->requestor, a, str_from(why));
    return false;
}

/* A part of who is asked for: the verb, and the group that this mode looks at. */
static struct attributes part(const struct attempt *t, const char *resource,
                              const struct text *verb)
{
    bool is_core =
        t->mode == LEGACY && strcmp(resource, "uids") != 0 && strcmp(resource, "userextras") != 0;
    return (struct attributes){.verb = text_str(verb),
                               .group = is_core ? S("") : S(AUTHENTICATION_GROUP),
                               .resource = str_from(resource)};
}

static bool check_user(struct attempt *t, const struct text *verb)
{
    struct str user = VALUE_STR(t->wanted, user), node, namespace, name;
    struct attributes a = part(t, "users", verb);
    a.name = user;
    if (t->mode != LEGACY && node_of(user, &node)) {
        a.resource = S("nodes");
        a.name = t->mode == ASSOCIATED_NODE ? S("*") : node;
    } else if (service_account_of(user, &namespace, &name)) {
        a.resource = S("serviceaccounts");
        a.namespace = namespace;
        a.name = name;
    }
    return check(t, &a);
}

static bool check_groups(struct attempt *t, const struct text *verb)
{
    struct value groups = VALUE_GET(t->wanted, groups);
    struct attributes a = part(t, "groups", verb);
    for (size_t i = 0; t->mode != LEGACY && i < value_count(groups); i++) {
        if (value_is(value_at(groups, i), ""))
            return forbid(t, &a, "impersonating the empty string group is not allowed");
    }
    for (size_t i = 0; t->mode != LEGACY && i < value_count(groups); i++) {
        a.name = S("system:masters");
        if (value_is(value_at(groups, i), "system:masters"))
            return forbid(t, &a, "impersonating the system:masters group is not allowed");
    }
    a.name = S("*");
    if (t->mode != LEGACY && value_count(groups) >= MANY_CHECKS && check_quietly(t, &a))
        return true;
    for (size_t i = 0; i < value_count(groups); i++) {
        char small[VALUE_SMALL_SIZE];
        a.name = value_str_in(value_at(groups, i), small);
        if (!check(t, &a))
            return false;
    }
    return true;
}

/* What constrained impersonation takes of an extra key; NULL: all is well. */
static const char *extra_error(struct str key, struct value values)
{
    if (key.size == 0)
        return "impersonating the empty string key in extra is not allowed";
    if (value_count(values) == 0)
        return "impersonating empty values in extra is not allowed";
    for (size_t i = 0; i < value_count(values); i++)
        if (value_is(value_at(values, i), ""))
            return "impersonating the empty string value in extra is not allowed";
    return NULL;
}

static bool check_extra(struct attempt *t, const struct text *verb)
{
    struct value extra = VALUE_GET(t->wanted, extra);
    struct attributes a = part(t, "userextras", verb);
    size_t count = 0;
    for (size_t i = 0; i < value_count(extra); i++) {
        const char *error = extra_error(value_key_at(extra, i), value_member_at(extra, i));
        count += value_count(value_member_at(extra, i));
        if (t->mode != LEGACY && error)
            return forbid(t, &a, error);
    }
    if (t->mode != LEGACY && (count >= MANY_CHECKS || value_count(extra) >= MANY_CHECKS)) {
        a.subresource = a.name = S("*");
        if (check_quietly(t, &a))
            return true;
    }
    for (size_t i = 0; i < value_count(extra); i++) {
        struct value values = value_member_at(extra, i);
        a.subresource = value_key_at(extra, i);
        for (size_t j = 0; j < value_count(values); j++) {
            char small[VALUE_SMALL_SIZE];
            a.name = value_str_in(value_at(values, j), small);
            if (!check(t, &a))
                return false;
        }
    }
    return true;
}

static bool mode_allows(struct attempt *t)
{
    AUTO(text) struct text on = {0};
    AUTO(text) struct text verb = {0};
    struct str uid = VALUE_STR(t->wanted, uid);
    text_add(&verb, S("impersonate"));
    if (t->mode != LEGACY) {
        struct attributes a = *t->asked;
        text_printf(&on, "impersonate-on:%s:%.*s", mode_texts[t->mode], STR_ARG(a.verb));
        text_printf(&verb, ":%s", mode_texts[t->mode]);
        a.verb = text_str(&on);
        if (!check(t, &a))
            return false;
    }
    struct attributes uids = part(t, "uids", &verb);
    uids.name = uid;
    return check_user(t, &verb) && (uid.size == 0 || check(t, &uids)) && check_groups(t, &verb) &&
           check_extra(t, &verb);
}

/* ---- becoming ---- */

static struct user *become(const struct attempt *t)
{
    struct str user = VALUE_STR(t->wanted, user), node, namespace, name;
    AUTO(value) struct value groups = value_keep(VALUE_GET(t->wanted, groups));
    if (t->mode != LEGACY && node_of(user, &node)) {
        value_drop(groups);
        groups = value_pack("[\"system:nodes\"]");
    } else if (value_count(groups) == 0 && service_account_of(user, &namespace, &name)) {
        value_drop(groups);
        groups = service_account_groups(namespace);
    }
    return user_of_value(user, groups, VALUE_STR(t->wanted, uid), VALUE_GET(t->wanted, extra),
                         false);
}

void modes_worked_release(struct modes_worked *m)
{
    for (size_t i = 0; i < MODES_WORKED_SIZE; i++)
        mem_free(m->rows[i].user);
}

static void go_list(struct value list, struct text *out)
{
    if (value_count(list) == 0) {
        text_add(out, S("[]string(nil)"));
        return;
    }
    text_add(out, S("[]string{"));
    for (size_t i = 0; i < value_count(list); i++) {
        if (i > 0)
            text_add(out, S(", "));
        quote_add(value_str(value_at(list, i)), out);
    }
    text_add_byte(out, '}');
}

/* As Go prints the structure. */
static struct value nobody(struct value wanted)
{
    AUTO(text) struct text m = {0};
    struct value extra = VALUE_GET(wanted, extra);
    text_add(&m, S("requested &user.DefaultInfo{Name:\"\", UID:"));
    quote_add(VALUE_STR(wanted, uid), &m);
    text_add(&m, S(", Groups:"));
    go_list(VALUE_GET(wanted, groups), &m);
    text_add(&m, S(", Extra:map[string][]string"));
    text_add(&m, value_count(extra) > 0 ? S("{") : S("(nil)"));
    for (size_t i = 0; i < value_count(extra); i++) {
        if (i > 0)
            text_add(&m, S(", "));
        quote_add(value_key_at(extra, i), &m);
        text_add_byte(&m, ':');
        go_list(value_member_at(extra, i), &m);
    }
    text_add(&m, value_count(extra) > 0 ? S("}}") : S("}"));
    text_add(&m, S(" without impersonating a user name"));
    return status_bad_request(text_str(&m));
}

struct user *impersonate(struct apiserver *s, struct user *requestor, struct value wanted,
                         const struct attributes *asked, struct value *ret_status)
{
    struct attempt t = {.server = s, .requestor = requestor, .wanted = wanted, .asked = asked};
    if (VALUE_STR(wanted, user).size == 0) {
        *ret_status = nobody(wanted);
        return NULL;
    }
    size_t row = hash_bytes(user_name(requestor)) % MODES_WORKED_SIZE;
    struct modes_worked *worked = &s->modes_worked;
    bool is_known =
        worked->rows[row].user && str_equal(str_from(worked->rows[row].user), user_name(requestor));
    for (int i = is_known ? -1 : 0; i < MODE_COUNT; i++) {
        t.mode = (enum mode)(i < 0 ? worked->rows[row].mode : i);
        if ((i >= 0 && is_known && i == worked->rows[row].mode) || !mode_applies(&t) ||
            !mode_allows(&t))
            continue;
        mem_free(worked->rows[row].user);
        worked->rows[row].user = mem_copy_string(user_name(requestor));
        worked->rows[row].mode = (int)t.mode;
        value_drop(t.status);
        return become(&t);
    }
    CHECK(value_is_present(t.status));
    *ret_status = t.status;
    return NULL;
}
