/* SPDX-License-Identifier: Apache-2.0
 *
 * Authentication (authentication.h): a client certificate's common name, organisations and uid, as
 * long as it is valid by the cluster's clock; a bearer token of the token table or of a service
 * account (account_token.c); nobody at all is system:anonymous. Everybody known is in
 * system:authenticated besides.
 *
 * A client that shows a certificate that is not valid and a token that is good is who the token
 * says, and one that shows only bad things is nobody, not even anonymous: 401.
 *
 * What was true of a token is taken to be true for 10 s, as by a real server: so long a token may
 * outlive its pod. DEVIATION: the cache has room for 256 tokens, where a later one takes an
 * earlier one's place by its digest; a real one keeps more.
 *
 * Source: kubernetes.io/docs/reference/access-authn-authz/authentication/
 */
#include "cluster/apiserver/authentication.h"

#include "cluster/api/object.h"
#include "cluster/apiserver/server.h"
#include "sim/base/hash.h"

#define CACHE_S 10

/* ---- users ---- */

struct user *user_make(const struct user_facts *f)
{
    struct user *u = mem_new(struct user);
    u->references = 1;
    u->name = mem_copy_string(f->name);
    u->name_size = f->name.size;
    u->uid = mem_copy_string(f->uid);
    if (value_count(f->extra) > 0)
        u->extra = value_keep(f->extra);
    u->groups = mem_array(char *, f->group_count + 1);
    for (size_t i = 0; i < f->group_count; i++)
        u->groups[u->group_count++] = mem_copy_string(f->groups[i]);
    struct str everybody = str_equal(f->name, S("system:anonymous")) ? S("system:unauthenticated")
                                                                     : S("system:authenticated");
    if (!f->is_exact && !user_is_in(u, everybody) && !user_is_in(u, S("system:unauthenticated")))
        u->groups[u->group_count++] = mem_copy_string(everybody);
    u->is_master = user_is_in(u, S("system:masters"));
    struct str node = S("system:node:");
    if (str_starts_with(f->name, node) && user_is_in(u, S("system:nodes")))
        u->node = u->name + node.size;
    return u;
}

struct user *user_of_value(struct str name, struct value groups, struct str uid, struct value extra,
                           bool is_exact)
{
    size_t count = value_count(groups);
    struct str *list = mem_array(struct str, count + 1);
    char *small = mem_array(char, (count + 1) * VALUE_SMALL_SIZE);
    for (size_t i = 0; i < count; i++)
        list[i] = value_str_in(value_at(groups, i), small + i * VALUE_SMALL_SIZE);
    struct user *u = user_make(&(struct user_facts){.name = name,
                                                    .groups = list,
                                                    .group_count = count,
                                                    .uid = uid,
                                                    .extra = extra,
                                                    .is_exact = is_exact});
    mem_free(small);
    mem_free(list);
    return u;
}

struct user *user_ref(struct user *u)
{
    u->references++;
    return u;
}

void user_unref(struct user *u)
{
    if (!u || --u->references > 0)
        return;
    authorizer_forget(u);
    vec_release(&u->grants);
    for (size_t i = 0; i < u->group_count; i++)
        mem_free(u->groups[i]);
    mem_free(u->groups);
    mem_free(u->name);
    mem_free(u->uid);
    mem_free(u->decided);
    mem_free(u->allowed);
    value_drop(u->extra);
    mem_free(u);
}

bool user_is_in(const struct user *u, struct str group)
{
    for (size_t i = 0; i < u->group_count; i++)
        if (str_equal(str_from(u->groups[i]), group))
            return true;
    return false;
}

void quote_add(struct str s, struct text *out)
{
    static const char letters[] = "abfnrtv", controls[] = "\a\b\f\n\r\t\v";
    text_add_byte(out, '"');
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        const char *at = c ? strchr(controls, c) : NULL;
        if (c == '"' || c == '\\')
            text_printf(out, "\\%c", c);
        else if (at)
            text_printf(out, "\\%c", letters[at - controls]);
        else if ((unsigned char)c < 0x20 || c == 0x7f)
            text_printf(out, "\\x%02x", (unsigned char)c);
        else
            text_add_byte(out, c);
    }
    text_add_byte(out, '"');
}

/* Who wrote is read in the changes log when this server may be long gone. The table of keys has one
 * copy of each text; the reference is kept for good, under a row that has no stored objects. */
struct str user_by(struct user *u)
{
    if (u->by.size == 0)
        u->by = object_key_of(resource_get(RESOURCE_selfsubjectreviews), S(""), user_name(u))->name;
    return u->by;
}

struct value user_info(const struct user *u)
{
    struct value groups = VALUE_ABSENT;
    for (size_t i = 0; i < u->group_count; i++)
        groups = value_append(groups, value_string(str_from(u->groups[i])));
    struct str uid = str_from(u->uid);
    return value_pack("{username: %S, uid: %v, groups: %v, extra: %v}", user_name(u),
                      uid.size > 0 ? value_string(uid) : VALUE_ABSENT, groups,
                      value_keep(u->extra));
}

bool service_account_of(struct str user, struct str *ret_namespace, struct str *ret_name)
{
    struct str prefix = S("system:serviceaccount:");
    if (!str_starts_with(user, prefix))
        return false;
    *ret_namespace = str_cut(str_slice(user, prefix.size, user.size), ':', ret_name);
    return ret_namespace->size > 0 && ret_name->size > 0 &&
           str_find(*ret_name, ':') == ret_name->size;
}

struct value service_account_groups(struct str namespace)
{
    return value_pack("[\"system:serviceaccounts\", %v]",
                      value_printf("system:serviceaccounts:%.*s", STR_ARG(namespace)));
}

bool user_is_valid(const struct user *u, struct wall_time now)
{
    int64_t now_s = now.unix_ns / 1000000000;
    return (u->not_before_s == 0 || now_s >= u->not_before_s) &&
           (u->not_after_s == 0 || now_s <= u->not_after_s);
}

/* ---- tokens ---- */

struct str api_audience(void)
{
    return S("https://kubernetes.default.svc");
}

void token_answer_release(struct token_answer *a)
{
    user_unref(a->user);
    value_drop(a->audiences);
    text_release(&a->error);
}

void token_cache_release(struct token_cache *c)
{
    for (size_t i = 0; i < TOKEN_CACHE_SIZE; i++) {
        mem_free(c->rows[i].token);
        user_unref(c->rows[i].user);
    }
}

/* A row of --token-auth-file; the comparison takes as long for a wrong token as for a good one. */
static struct user *user_of_table(struct apiserver *s, struct str token)
{
    struct user *found = NULL;
    for (size_t i = 0; i < s->flags.token_count; i++) {
        const struct apiserver_token *t = &s->flags.tokens[i];
        uint8_t difference = t->token.size != token.size;
        for (size_t j = 0; j < token.size && j < t->token.size; j++)
            difference |= (uint8_t)(t->token.bytes[j] ^ token.bytes[j]);
        if (difference == 0 && !found)
            found = user_make(&(struct user_facts){.name = t->user,
                                                   .groups = t->groups,
                                                   .group_count = t->group_count,
                                                   .uid = t->uid});
    }
    return found;
}

void authenticate_token(struct apiserver *s, struct step *step, struct str token,
                        struct value audiences, struct token_answer *ret_answer)
{
    *ret_answer = (struct token_answer){.user = user_of_table(s, token)};
    if (!ret_answer->user) {
        account_token_check(s, step, token, audiences, ret_answer);
        return;
    }
    ret_answer->audiences = value_count(audiences) > 0
                                ? value_keep(audiences)
                                : value_append(VALUE_ABSENT, value_string(api_audience()));
}

static struct user *user_of_token(struct apiserver *s, struct step *step, struct str token)
{
    size_t at = hash_bytes(token) % TOKEN_CACHE_SIZE;
    if (s->tokens.rows[at].token && str_equal(str_from(s->tokens.rows[at].token), token) &&
        instant_before(step->now, s->tokens.rows[at].until))
        return user_ref(s->tokens.rows[at].user);
    struct token_answer a;
    authenticate_token(s, step, token, VALUE_ABSENT, &a);
    struct user *u = a.user ? user_ref(a.user) : NULL;
    token_answer_release(&a);
    if (!u)
        return NULL;
    mem_free(s->tokens.rows[at].token);
    user_unref(s->tokens.rows[at].user);
    s->tokens.rows[at].token = mem_copy_string(token);
    s->tokens.rows[at].user = user_ref(u);
    s->tokens.rows[at].until = instant_add(step->now, duration_s(CACHE_S));
    return u;
}

/* ---- everybody ---- */

static struct user *user_of_certificate(const struct credential *c)
{
    AUTO(value) struct value extra = VALUE_ABSENT;
    if (c->id.size > 0)
        extra = value_set_key(value_object(), S("authentication.kubernetes.io/credential-id"),
                              value_append(VALUE_ABSENT, value_string(c->id)));
    struct user *u = user_make(&(struct user_facts){.name = c->user,
                                                    .groups = c->groups,
                                                    .group_count = c->group_count,
                                                    .uid = c->uid,
                                                    .extra = extra});
    u->not_before_s = c->not_before_s;
    u->not_after_s = c->not_after_s;
    return u;
}

struct user *authenticate(struct apiserver *s, struct step *step, const struct credential *c)
{
    /* A certificate without a common name says nothing. */
    bool is_nameless = c && c->kind == CREDENTIAL_CERTIFICATE && c->user.size == 0;
    if (!c || c->kind == CREDENTIAL_ANONYMOUS || (is_nameless && c->token.size == 0))
        return user_make(&(struct user_facts){.name = S("system:anonymous")});
    if (c->kind == CREDENTIAL_CERTIFICATE && !is_nameless) {
        struct user *u = user_of_certificate(c);
        if (user_is_valid(u, step->wall))
            return u;
        user_unref(u);
    }
    return c->token.size > 0 ? user_of_token(s, step, c->token) : NULL;
}
