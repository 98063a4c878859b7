/* SPDX-License-Identifier: Apache-2.0
 *
 * Invariants: what holds in every run, whatever the scenario does. Each is a row of a table with
 * its id of the catalogue, its name and its help; it hears each committed change and may look again
 * at the end. A violation names the virtual instant, the object and what the timeline said last,
 * and stops the run.
 *
 * Each counts how often its antecedent came true, so that a check that never had anything to check
 * is seen.
 *
 *     const struct invariant invariant_uid_unique = {
 *         .id = "I41", .name = "uid-unique", .help = "...", .changed = uid_changed, ...};
 *
 * To add one: docs/howto/add-an-invariant.md.
 */
#ifndef SCENARIOS_ENGINE_INVARIANTS_H
#define SCENARIOS_ENGINE_INVARIANTS_H

#include "cluster/view/view.h"
#include "sim/base/vec.h"

struct run;
struct invariants;
struct verdict { /* how an invariant speaks */
    struct run *run;
    uint64_t *checked; /* its antecedent came true: (*checked)++ */
    struct text *violation;
};
struct invariant {
    const char *id;   /* "I41" */
    const char *name; /* "uid-unique" */
    const char *help;
    /* Of a committed change; writes into the violation when it does not hold. May be NULL. */
    void (*changed)(struct verdict *v, void *memory, const struct view_change *change);
    void (*looked)(struct verdict *v,
                   void *memory); /* after an event that committed something; may be NULL */
    void (*ended)(struct verdict *v, void *memory); /* may be NULL */
    void *(*memory_new)(struct run *run);           /* may be NULL */
    void (*memory_free)(void *memory);
};
extern const struct invariant *const invariant_table[];
extern const size_t invariant_count;

struct violation {
    const struct invariant *invariant;
    struct instant at;
    const struct object_key *key; /* owned; NULL: about no object */
    struct text message;
};
/* `disabled`: an array of ids or names. */
struct invariants *invariants_new(struct run *r, struct value disabled);
void invariants_free(struct invariants *i);
void invariants_look(struct invariants *i);
void invariants_at_end(struct invariants *i);
size_t invariants_enabled_count(const struct invariants *i);
uint64_t invariants_checked(const struct invariants *i,
                            size_t index); /* antecedents of row `index` of the table */
size_t invariants_violation_count(const struct invariants *i);
const struct violation *invariants_violation(const struct invariants *i, size_t index);

#endif
