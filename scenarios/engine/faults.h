/* SPDX-License-Identifier: Apache-2.0
 *
 * Kubernetes' faults on top of the simulation's: a table of kinds as Chaos Mesh names them. Each
 * active fault has a name and ends when it is healed or its duration is over.
 *
 *     - inject: {name: power, duration: 5m, nodeChaos: {action: power-off, nodes: [node-1]}}
 *     - heal: {name: power}
 *
 * A fault acts between two events, through sim/fault.h or as a message that a component
 * understands;
 * it never reaches into a component. To add one: docs/howto/add-a-fault.md.
 */
#ifndef SCENARIOS_ENGINE_FAULTS_H
#define SCENARIOS_ENGINE_FAULTS_H

#include "scenarios/engine/run.h"

struct fault_kind {
    const char *name; /* "nodeChaos" */
    const char *help;
    const char *example;
    const struct shape *shape;
    /* Begins it; false with a message when it names something that is not there. What heal needs
     * goes into the fault. */
    bool (*inject)(struct run *r, struct active_fault *f, struct value arguments,
                   struct text *message);
    void (*heal)(struct run *r, struct active_fault *f); /* NULL: nothing to undo */
};
extern const struct fault_kind *const fault_kinds[];
extern const size_t fault_kind_count;
extern const struct fault_kind fault_node, fault_process, fault_network, fault_io, fault_time,
    fault_pod;

struct active_fault {
    char *name;
    const struct fault_kind *kind;
    struct value arguments; /* of the kind; owned */
    struct instant ends;    /* INSTANT_NEVER: until healed */
    VEC(uint32_t) handles;  /* hosts, processes or rules: whatever heal undoes */
    struct value pods;      /* podChaos: [{namespace, name, node}]; owned */
};
extern const struct shape inject_shape; /* {name, duration, <kind>: {...}} */
/* `arguments` is {name, <kind>: {...}, duration}. */
bool fault_inject(struct run *r, struct value arguments, struct text *message);
bool fault_heal(struct run *r, struct str name, struct text *message);
void faults_free(struct run *r);
struct instant faults_next_end(const struct run *r); /* INSTANT_NEVER: none has a duration */
void faults_end_due(struct run *r);                  /* heals those whose duration is over */

/* ---- shared by the kinds ---- */

/* The names' machines or processes; false with a message that lists what there is. */
bool fault_hosts(struct run *r, struct value names, struct active_fault *f, struct text *message);
bool fault_processes(struct run *r, struct value names, struct active_fault *f,
                     struct text *message);
bool fault_find_host(struct run *r, struct str name, host_id *ret_host, struct text *message);
bool fault_find_process(struct run *r, struct str name, process_id *ret_process,
                        struct text *message);
/* The kubelet of the machine, if it has one, looks at its disk and its runtime. */
void fault_tell_kubelet(struct run *r, host_id host);

/* Whether every machine, zone and component that the scenario's faults name is there. */
enum err faults_check_names(struct run *r, struct errmsg *message) MUST_CHECK;

#endif
