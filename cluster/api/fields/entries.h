/* SPDX-License-Identifier: Apache-2.0
 *
 * The entries of managedFields taken apart, for managed.c and apply.c.
 *
 * Entries that a server wrote are in canonical form and taken as they are; those of a client are
 * read (entries_read), which may fail. An entry whose set, time and identity did not change stays
 * the same word when it is written back.
 */
#ifndef CLUSTER_API_FIELDS_ENTRIES_H
#define CLUSTER_API_FIELDS_ENTRIES_H

#include "cluster/api/fields/managed.h"
#include "sim/base/vec.h"

struct managed_entry {
    struct value object;                            /* as it was read; absent: new */
    struct value manager, api_version, subresource; /* owned; texts, absent for empty */
    bool is_apply, is_changed;
    struct value time; /* owned; absent: none */
    struct value set;  /* owned */
};
struct managed_entries {
    VEC(struct managed_entry) items;
};

/* False: not to be read, and why; nothing is to be released then. */
bool entries_read(struct value list, struct managed_entries *ret_entries, struct text *ret_why);
void entries_take(struct value list, struct managed_entries *ret_entries); /* in canonical form */
void entries_release(struct managed_entries *e);
/* The list as it is stored: sorted, entries of empty sets left out; absent when there is none. The
 * result is `before`, when that is the same. */
struct value entries_write(struct managed_entries *e, struct value before);

/* The entry of that identity; made when it is not there. */
struct managed_entry *entries_find(struct managed_entries *e, const struct managed_entry *like);
struct managed_entry *entries_get(struct managed_entries *e, const struct managed_entry *like);
void entries_drop_empty(struct managed_entries *e);
void entry_set(struct managed_entry *entry, struct value own_set);
void entry_time(struct managed_entry *entry, struct value time);
/* What upstream calls the manager's identifier, by which it sorts: JSON of the identity. */
void entry_identifier(const struct managed_entry *entry, struct text *out);

/* Without the parts of metadata and type that nobody manages. Consumes. */
struct value managed_strip(struct value own_set);
/* Where types may have changed since: the sets as they are now. */
void entries_reconcile(const struct managed_scope *s, struct value live, struct managed_entries *e);
/* A comparison without what the scope's endpoint does not change. */
struct value managed_filter(const struct managed_scope *s, struct str api_version,
                            struct value own_set);

struct managed_version {
    struct value api_version; /* owned */
    bool is_there;
    struct fields_change change;
    struct value changed; /* added or modified */
};
/* Two versions of an object, compared in any version of its kind. */
struct managed_comparison {
    const struct managed_scope *scope;
    struct value old, new; /* borrowed */
    VEC(struct managed_version) versions;
};
/* NULL: there is no such version. Until the next call. */
const struct managed_version *managed_compare(struct managed_comparison *c,
                                              struct value api_version);
void managed_comparison_release(struct managed_comparison *c);

#endif
