/* SPDX-License-Identifier: Apache-2.0
 *
 * The controllers of definitions that run in every API server, without a leader: each looks at its
 * own cache and writes the status; who comes second has a conflict, hears of the other's write, and
 * finds nothing left to do.
 *
 *   naming        acceptedNames and the condition NamesAccepted: a name (plural, singular, short
 *                 name; kind, list kind) is accepted unless another definition of the group has it
 *   establishing  Established, once the names are accepted. "For HA clusters ... CRD is Installing
 *                 at least for 5 seconds before Established" depends on --apiserver-count, which is
 *                 1 unless somebody sets it: at once
 *   cleanup       a definition that is being deleted: its objects are deleted, then the finalizer
 *                 customresourcecleanup.apiextensions.k8s.io goes
 *
 * Simplification: upstream's cleanup looks every 5 s whether all objects are gone; here the last
 * one's end is heard of at once.
 *
 * NonStructuralSchema is never set: a definition of v1 without a structural schema is not valid.
 *
 * Upstream: apiextensions-apiserver/pkg/controller/{status,establish,finalizer}.
 */
#include "cluster/apiserver/custom_state.h"

#include "cluster/api/object.h"

#define RETRY_MS 1000

/* ---- conditions ---- */

static struct value condition_put(struct value own_conditions, struct step *step, const char *type,
                                  const char *status, const char *reason, struct str message)
{
    struct value old = condition_find(own_conditions, type);
    struct value since = VALUE_IS(old, status, status)
                             ? value_keep(VALUE_GET(old, lastTransitionTime))
                             : time_value(step->wall);
    struct value next =
        value_pack("{type: %s, status: %s, lastTransitionTime: %v, reason: %s, message: %S}", type,
                   status, since, reason, message);
    for (size_t i = 0; i < value_count(own_conditions); i++)
        if (VALUE_IS(value_at(own_conditions, i), type, type))
            return value_set_at(own_conditions, i, next);
    return value_append(own_conditions, next);
}

static bool has_reason(struct value conditions, const char *type, const char *reason)
{
    return VALUE_IS(condition_find(conditions, type), reason, reason);
}

/* ---- writing ---- */

static void retry_later(struct custom_entry *e, struct step *step)
{
    e->wants_retry = true;
    step_timer_set(step, instant_add(step->now, duration_ms(RETRY_MS)),
                   TIMER_TAG(TIMER_CUSTOM_RETRY, 0));
}

static void on_written(struct call *c, struct step *step, int code, struct value body)
{
    struct custom_entry *e = c->answered_owner;
    e->is_busy = false;
    if (code < 300) {
        if (object_version(body) > e->written) /* a deletion answers with the old version */
            e->written = object_version(body);
    } else if (code != 409 && code != 404) {
        e->written = 0;
        retry_later(e, step);
    }
    custom_mark_dirty(e); /* what the cache has heard meanwhile */
    custom_settle(e->server, step);
}

/* Writes the definition's status (and, through it, its finalizers). */
static void status_write(struct custom_entry *e, struct step *step, struct value own_object)
{
    struct request *q = request_for_key(VERB_UPDATE, e->key);
    q->subresource = SUBRESOURCE_STATUS;
    q->body = own_object;
    e->is_busy = true;
    e->written = object_version(own_object) + 1; /* nothing to do on this version again */
    call_own(e->server, step, q, on_written, e);
}

static void conditions_write(struct custom_entry *e, struct step *step, struct value own_conditions)
{
    status_write(e, step,
                 VALUE_SET(value_keep(e->definition->object), own_conditions, status, conditions));
}

/* ---- naming ---- */

static bool list_has(struct value list, struct str name)
{
    for (size_t i = 0; i < value_count(list); i++)
        if (str_equal(value_str(value_at(list, i)), name))
            return true;
    return false;
}

/* Has a definition of the group, this one included, been given the name? */
static bool is_taken(const struct custom_entry *e, struct str name, bool is_kind)
{
    const struct map *all = &e->server->custom.entries;
    struct map_cursor c =
        map_at_or_after(all, &(struct custom_entry){.group = e->group, .plural = S("")});
    for (; c.item && str_equal(((struct custom_entry *)c.item)->group, e->group); map_next(&c)) {
        const struct custom_definition *d = ((struct custom_entry *)c.item)->definition;
        struct value names = d ? VALUE_GET(d->object, status, acceptedNames) : VALUE_ABSENT;
        if (is_kind ? str_equal(VALUE_STR(names, kind), name) ||
                          str_equal(VALUE_STR(names, listKind), name)
                    : str_equal(VALUE_STR(names, plural), name) ||
                          str_equal(VALUE_STR(names, singular), name) ||
                          list_has(VALUE_GET(names, shortNames), name))
            return true;
    }
    return false;
}

struct naming {
    const struct custom_entry *entry;
    struct value wanted, accepted; /* borrowed; what was accepted so far */
    struct value names;            /* owned; what is accepted from here on */
    const char *reason;            /* of the last conflict; NULL: none */
    struct text message;
};

static void conflict(struct naming *n, const char *reason, struct str name)
{
    n->reason = reason;
    text_clear(&n->message);
    text_printf(&n->message, "\"%.*s\" is already in use", STR_ARG(name));
}

static void name_accept(struct naming *n, atom key, const char *reason, bool is_kind)
{
    struct value wanted = value_get(n->wanted, key), had = value_get(n->accepted, key);
    struct str name = value_str(wanted);
    if (!str_equal(name, value_str(had)) && is_taken(n->entry, name, is_kind))
        conflict(n, reason, name);
    else
        n->names = value_set(n->names, key, value_keep(wanted));
}

static void short_names_accept(struct naming *n)
{
    struct value wanted = VALUE_GET(n->wanted, shortNames),
                 had = VALUE_GET(n->accepted, shortNames);
    AUTO(text) struct text all = {0};
    size_t taken = 0;
    for (size_t i = 0; i < value_count(wanted); i++) {
        struct str name = value_str(value_at(wanted, i));
        if (list_has(had, name) || !is_taken(n->entry, name, false))
            continue;
        text_printf(&all, "%s\"%.*s\" is already in use", taken++ > 0 ? ", " : "", STR_ARG(name));
    }
    if (taken == 0) {
        n->names = value_set(n->names, ATOM_shortNames, value_keep(wanted));
        return;
    }
    n->reason = "ShortNamesConflict";
    text_clear(&n->message);
    text_printf(&n->message, taken > 1 ? "[%s]" : "%s", text_c(&all));
}

/* True: a write has begun. */
static bool naming_sync(struct custom_entry *e, struct step *step)
{
    struct value object = e->definition->object;
    struct value old = VALUE_GET(object, status, conditions);
    struct naming n = {.entry = e,
                       .wanted = VALUE_GET(object, spec, names),
                       .accepted = VALUE_GET(object, status, acceptedNames)};
    n.names = value_is_present(n.accepted) ? value_keep(n.accepted) : value_object();
    name_accept(&n, ATOM_plural, "PluralConflict", false);
    name_accept(&n, ATOM_singular, "SingularConflict", false);
    short_names_accept(&n);
    name_accept(&n, ATOM_kind, "KindConflict", true);
    name_accept(&n, ATOM_listKind, "ListKindConflict", true);
    n.names = value_set(n.names, ATOM_categories, value_keep(VALUE_GET(n.wanted, categories)));
    struct value next = value_is_present(old) ? value_keep(old) : value_array();
    if (n.reason)
        next = condition_put(next, step, "NamesAccepted", "False", n.reason, text_str(&n.message));
    else
        next = condition_put(next, step, "NamesAccepted", "True", "NoConflicts",
                             S("no conflicts found"));
    if (!n.reason && !condition_is_true(next, "Established"))
        next = condition_put(next, step, "Established", "False", "Installing",
                             S("the initial names have been accepted"));
    else if (!value_is_present(condition_find(next, "Established")))
        next = condition_put(next, step, "Established", "False", "NotAccepted",
                             S("not all names are accepted"));
    bool has_changed = !value_equal(next, old) || !value_equal(n.names, n.accepted);
    if (has_changed) {
        object = VALUE_SET(value_keep(object), next, status, conditions);
        object = VALUE_SET(object, n.names, status, acceptedNames);
        step_trace(step, "kube-apiserver", e->key->name, "names of the definition: %s",
                   n.reason ? text_c(&n.message) : "no conflicts found");
        status_write(e, step, object);
    } else {
        value_drop(next);
        value_drop(n.names);
    }
    text_release(&n.message);
    return has_changed;
}

/* ---- establishing ---- */

static bool establishing_sync(struct custom_entry *e, struct step *step)
{
    const struct custom_definition *d = e->definition;
    if (!d->are_names_accepted || d->is_established)
        return false;
    step_trace(step, "kube-apiserver", e->key->name, "the definition is established");
    conditions_write(e, step,
                     condition_put(value_keep(VALUE_GET(d->object, status, conditions)), step,
                                   "Established", "True", "InitialNamesAccepted",
                                   S("the initial names have been accepted")));
    return true;
}

/* ---- cleanup ---- */

static bool is_empty(const struct custom_entry *e)
{
    struct watch_cache *cache = watch_cache_of(e->server, e->definition->stored);
    return watch_cache_first(cache, S("")).kv == NULL;
}

/* What the cache has yet to show makes the definition dirty when it does. */
static void on_deleted(struct call *c, struct step *step, int code, struct value body)
{
    struct custom_entry *e = c->answered_owner;
    (void)body;
    if (code >= 300 && code != 404)
        retry_later(e, step);
    if (--e->deletions == 0 && (!e->definition || is_empty(e))) {
        custom_mark_dirty(e);
        custom_settle(e->server, step);
    }
}

/* Asks for the end of all objects that are not being deleted yet; true: some are left. */
static bool instances_delete(struct custom_entry *e, struct step *step)
{
    struct apiserver *s = e->server;
    VEC(const struct object_key *) keys = {0};
    bool is_any = false;
    for (struct cache_cursor k = watch_cache_first(watch_cache_of(s, e->definition->stored), S(""));
         k.kv; watch_cache_next(&k)) {
        is_any = true;
        if (!object_is_deleting(k.kv->value))
            vec_push(&keys, object_key_ref(k.kv->key));
    }
    e->deletions = keys.count;
    for (size_t i = 0; i < keys.count; i++) {
        struct request *q = request_for_key(VERB_DELETE, keys.items[i]);
        request_delete_options(q)->propagation = PROPAGATION_BACKGROUND;
        object_key_unref(keys.items[i]);
        call_own(s, step, q, on_deleted, e);
    }
    vec_release(&keys);
    return is_any;
}

static void finalizer_remove(struct custom_entry *e, struct step *step)
{
    const struct custom_definition *d = e->definition;
    struct value finalizers = VALUE_GET(d->object, metadata, finalizers), kept = value_array();
    for (size_t i = 0; i < value_count(finalizers); i++)
        if (!value_is(value_at(finalizers, i), CUSTOM_FINALIZER))
            kept = value_append(kept, value_keep(value_at(finalizers, i)));
    struct value conditions = condition_put(
        value_keep(VALUE_GET(d->object, status, conditions)), step, "Terminating", "False",
        d->is_established ? "InstanceDeletionCompleted" : "NeverEstablished",
        d->is_established ? S("removed all instances") : S("resource was never established"));
    struct value object = VALUE_SET(value_keep(d->object), conditions, status, conditions);
    if (value_count(kept) == 0) {
        value_drop(kept);
        object = VALUE_REMOVE(object, metadata, finalizers);
    } else {
        object = VALUE_SET(object, kept, metadata, finalizers);
    }
    step_trace(step, "kube-apiserver", e->key->name,
               "no object of the kind is left -> the finalizer goes");
    status_write(e, step, object);
}

static void cleanup_sync(struct custom_entry *e, struct step *step)
{
    const struct custom_definition *d = e->definition;
    struct value conditions = VALUE_GET(d->object, status, conditions);
    if (!object_has_finalizer(d->object, S(CUSTOM_FINALIZER)) || e->deletions > 0)
        return;
    if (!has_reason(conditions, "Terminating", "InstanceDeletionInProgress")) {
        conditions_write(e, step,
                         condition_put(value_keep(conditions), step, "Terminating", "True",
                                       "InstanceDeletionInProgress",
                                       S("CustomResource deletion is in progress")));
        return;
    }
    if (!d->is_established || !instances_delete(e, step))
        finalizer_remove(e, step);
}

void custom_sync(struct custom_entry *e, struct step *step)
{
    const struct custom_definition *d = e->definition;
    if (!d || e->is_busy || object_version(d->object) < e->written)
        return;
    if (object_is_deleting(d->object)) {
        cleanup_sync(e, step);
        return;
    }
    if (!naming_sync(e, step))
        (void)establishing_sync(e, step);
}
