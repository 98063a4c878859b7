/* SPDX-License-Identifier: Apache-2.0
 *
 * Partial resources, selectors and tallies: what assertions, counts and always/never checks are
 * made of.
 *
 * A partial resource matches an object when everything in it is in the object: a mapping's keys
 * must be there and match, a list must have as many items, each matching in turn, a scalar must be
 * equal. metadata.name picks the object.
 *
 * A tally counts the objects of one resource that a matcher holds for. It follows the picture
 * change by change, so a check costs one match per changed object, not one per object.
 *
 *     struct matcher m = {.resource = pods, .namespace = ..., .selector = ..., .filter = ...};
 *     struct tally *t = tally_new(view, &m);
 *     ... tally_count(t) ...
 *     tally_free(t);
 */
#ifndef SCENARIOS_ENGINE_MATCH_H
#define SCENARIOS_ENGINE_MATCH_H

#include "cluster/api/selector.h"
#include "cluster/view/view.h"
#include "scenarios/engine/jq.h"

bool partial_matches(struct value partial, struct value actual);
/* What of `partial` the object does not have, one line each: "- status.readyReplicas: 3" and "+
 * ...: 2". */
void partial_difference(struct value partial, struct value actual, struct text *out);

/* Everything owned by who makes it; zero parts mean "any". */
struct matcher {
    const struct resource *resource; /* NULL: of a custom kind that was not there yet: */
    struct value api_version, kind;
    struct value namespace; /* absent: all */
    struct value name;
    struct label_selector *selector;
    struct value partial;
    struct jq_filter *filter;
};
/* Its row; while there is no such kind, one that has no objects. */
const struct resource *matcher_resource(const struct matcher *m, const struct view *view);
bool matcher_holds(const struct matcher *m, const struct object_key *key, struct value object);
void matcher_release(struct matcher *m);
/* "Pod default/web-1", "Pods app=web in default". */
void matcher_text(const struct matcher *m, struct text *out);

struct tally;
struct tally *tally_new(struct view *view,
                        struct matcher *own_matcher); /* takes what the matcher holds */
void tally_free(struct tally *t);
size_t tally_count(const struct tally *t);
uint64_t tally_changes(
    const struct tally *t); /* how often an object of its resource was looked at */
const struct matcher *tally_matcher(const struct tally *t);

#endif
