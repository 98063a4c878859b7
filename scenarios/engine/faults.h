/* SPDX-License-Identifier: Apache-2.0
 *
 * Kubernetes' faults on top of the simulation's: a table of kinds as Chaos Mesh names them. Each active fault has a name
 * and ends when it is healed or its duration is over. To add one: a file in faults/, a row in faults.c.
 */
#ifndef SCENARIOS_ENGINE_FAULTS_H
#define SCENARIOS_ENGINE_FAULTS_H

#include "scenarios/engine/run.h"

struct fault_kind {
    const char *name; /* "nodeChaos" */
    const char *help;
    const char *example;
    const struct shape *shape;
    /* Begins it; false with a message when it names something that is not there. What heal needs goes into the fault. */
    bool (*inject)(struct run *r, struct active_fault *f, struct value arguments, struct text *message);
    void (*heal)(struct run *r, struct active_fault *f); /* NULL: nothing to undo */
};
extern const struct fault_kind *const fault_kinds[];
extern const size_t fault_kind_count;
extern const struct fault_kind fault_node, fault_process, fault_network, fault_io, fault_time, fault_pod;

struct active_fault {
    char *name;
    const struct fault_kind *kind;
    struct value arguments; /* of the kind; owned */
    uint32_t count;         /* of `handles` */
    uint32_t *handles;      /* of sim/fault.h; owned */
};
const struct shape *inject_shape(void);
const struct shape *heal_shape(void);
/* `arguments` is {name, <kind>: {...}, duration}. */
bool fault_inject(struct run *r, struct value arguments, struct text *message);
bool fault_heal(struct run *r, struct str name, struct text *message);
void faults_free(struct run *r);

#endif
