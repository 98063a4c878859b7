/* SPDX-License-Identifier: Apache-2.0
 *
 * ControllerExpectations of upstream's pkg/controller: what a controller has asked for and its
 * cache has not shown yet. While something is outstanding the controller must not count its
 * children, or a cache that lags would make it create them twice. Expectations that are not met
 * within 5 minutes no longer hold (documented: better twice than never).
 *
 * Deletions may be tracked by child, since a deletion shows twice: as a change (deletionTimestamp)
 * and as a removal.
 */
#include "sim/base/base.h"

#include "cluster/client/controller.h"

#include "sim/base/map.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

#define EXPECTATIONS_TIMEOUT_MINUTES 5

struct expectation {
    const struct object_key *owner;
    struct expectation *before, *after;
    int creations, deletions;
    VEC(const struct object_key *) children; /* whose deletion is awaited */
    struct instant since;
};
struct expectations {
    struct index by_owner;
    struct expectation *all;
};

static bool is_of_owner(const void *probe, const void *item)
{
    return ((const struct expectation *)item)->owner == probe;
}

struct expectations *expectations_new(void)
{
    struct expectations *e = mem_new(struct expectations);
    e->by_owner.equal = is_of_owner;
    return e;
}

static struct expectation *find(const struct expectations *e, const struct object_key *owner)
{
    return index_get(&e->by_owner, owner->hash, owner);
}

static void forget(struct expectations *e, struct expectation *x)
{
    index_remove(&e->by_owner, x->owner->hash, x->owner);
    if (x->before)
        x->before->after = x->after;
    else
        e->all = x->after;
    if (x->after)
        x->after->before = x->before;
    for (size_t i = 0; i < x->children.count; i++)
        object_key_unref(x->children.items[i]);
    vec_release(&x->children);
    object_key_unref(x->owner);
    mem_free(x);
}

void expectations_free(struct expectations *e)
{
    if (!e)
        return;
    while (e->all)
        forget(e, e->all);
    index_release(&e->by_owner);
    mem_free(e);
}

static struct expectation *find_or_make(struct expectations *e, const struct object_key *owner,
                                        struct instant now)
{
    struct expectation *x = find(e, owner);
    if (!x) {
        x = mem_new(struct expectation);
        x->owner = object_key_ref(owner);
        x->after = e->all;
        if (e->all)
            e->all->before = x;
        e->all = x;
        index_put(&e->by_owner, owner->hash, owner, x);
    }
    x->since = now;
    return x;
}

static bool is_met(const struct expectation *x)
{
    return x->creations <= 0 && x->deletions <= 0 && x->children.count == 0;
}

bool expectations_satisfied(struct expectations *e, const struct object_key *owner,
                            struct instant now)
{
    struct expectation *x = find(e, owner);
    if (!x)
        return true;
    bool has_expired =
        instant_since(now, x->since).ns > duration_minutes(EXPECTATIONS_TIMEOUT_MINUTES).ns;
    if (!is_met(x) && !has_expired)
        return false;
    forget(e, x);
    return true;
}

void expectations_expect(struct expectations *e, const struct object_key *owner, int creations,
                         int deletions, struct instant now)
{
    struct expectation *x = find_or_make(e, owner, now);
    x->creations += creations;
    x->deletions += deletions;
}

void expectations_creation_observed(struct expectations *e, const struct object_key *owner)
{
    struct expectation *x = find(e, owner);
    if (x && x->creations > 0)
        x->creations--;
}

void expectations_forget(struct expectations *e, const struct object_key *owner)
{
    struct expectation *x = find(e, owner);
    if (x)
        forget(e, x);
}

void expectations_expect_deletion_of(struct expectations *e, const struct object_key *owner,
                                     const struct object_key *child, struct instant now)
{
    struct expectation *x = find_or_make(e, owner, now);
    vec_push(&x->children, object_key_ref(child));
}

static size_t child_position(const struct expectation *x, const struct object_key *child)
{
    for (size_t i = 0; i < x->children.count; i++)
        if (x->children.items[i] == child)
            return i;
    return x->children.count;
}

void expectations_deletion_of_observed(struct expectations *e, const struct object_key *owner,
                                       const struct object_key *child)
{
    struct expectation *x = find(e, owner);
    if (!x)
        return;
    size_t i = child_position(x, child);
    if (i == x->children.count)
        return;
    object_key_unref(x->children.items[i]);
    x->children.items[i] = x->children.items[x->children.count - 1];
    x->children.count--;
}

bool expectations_awaits_deletion_of(const struct expectations *e, const struct object_key *owner,
                                     const struct object_key *child)
{
    const struct expectation *x = find(e, owner);
    return x && child_position(x, child) < x->children.count;
}
