/* SPDX-License-Identifier: Apache-2.0
 *
 * What a session begins with: the head of its journal. With it and what came in from outside, the
 * session can be had again; so it holds the texts of all files that it names.
 */
#ifndef SCENARIOS_ENGINE_SESSION_PLAN_H
#define SCENARIOS_ENGINE_SESSION_PLAN_H

#include "cluster/keys/signature.h"
#include "scenarios/engine/document.h"
#include "sim/base/vec.h"

#define SESSION_GATEWAYS_MAX 2

struct session_plan {
    struct text build;       /* which program made it */
    struct text scenario;    /* its file; empty: one is made of what follows */
    struct text definitions; /* the set of custom kinds that is installed; empty: none */
    int64_t nodes, apiservers, etcd_members;
    VEC(char *) manifests; /* files that are applied at the start, in this order; owned */
    struct file_store files;
    bool has_seed;
    uint64_t seed;
    struct secret secret;
    int64_t start_unix_ns; /* the clock on the wall at instant 0; 0: as the scenario says */
    int64_t gateways;      /* ways in for HTTP */
};
void session_plan_release(struct session_plan *plan);
void session_plan_write(const struct session_plan *plan, struct text *out);
/* Which program wrote it: that much can be read whatever else a plan has there. Borrowed. */
struct str session_plan_build(struct str written);
enum err session_plan_read(struct str written, struct session_plan *ret_plan,
                           struct errmsg *message) MUST_CHECK;

#endif
