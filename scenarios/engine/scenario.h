/* SPDX-License-Identifier: Apache-2.0
 *
 * A scenario as its file says: checked whole at loading (keys, types, durations, expressions, names
 * of steps, faults, flags; that the files it names are there and are YAML), so that running it
 * never meets a mistake of form.
 *
 *     struct scenario *s = scenario_load(S("node-loss.yaml"), &message);
 *     if (!s) ... message.text is "node-loss.yaml:12:9: spec.steps[0].try[1]: unknown key ..."
 */
#ifndef SCENARIOS_ENGINE_SCENARIO_H
#define SCENARIOS_ENGINE_SCENARIO_H

#include "cluster/cluster.h"
#include "scenarios/engine/document.h"
#include "scenarios/engine/shape.h"

#define SCENARIO_API_VERSION "wavetank.dev/v1alpha1"
#define SCENARIO_DEFAULT_TIMEOUT_S 30
#define SCENARIO_DEFAULT_START "2026-01-01T00:00:00Z"

struct scenario {
    struct documents documents;
    const struct document *document;
    struct value spec, cluster, steps; /* borrowed from the document; may be absent */
    char *name;
    char *
        folder; /* where it stands: manifests are found from there; "" or with a slash at the end */
    uint64_t seed;
    struct wall_time start;
    struct instant until;       /* INSTANT_NEVER: when the last step has ended */
    struct manifest *manifests; /* the files named in it */
    size_t manifest_count;
    struct file_store *files; /* borrowed; NULL: files are read where they are */
};
struct manifest {
    char *file; /* as the scenario names it */
    struct documents documents;
};

struct scenario *scenario_load(struct str file, struct errmsg *message);
/* It and all that it names through a store, which must live as long as the scenario. */
struct scenario *scenario_load_through(struct file_store *store, struct str file,
                                       struct errmsg *message);
struct scenario *scenario_parse(struct str file, struct str text, struct errmsg *message);
void scenario_free(struct scenario *s);
const struct manifest *scenario_manifest(const struct scenario *s,
                                         struct str file); /* never NULL for a file it names */

/* Reads the files that an operation names, for those that are not in the scenario's own text. */
enum err scenario_add_files(struct scenario *s, struct value operation,
                            struct errmsg *message) MUST_CHECK;

/* Makes the cluster of the scenario: nodes dealt out, manifests read, flags checked. */
/* `secret` of the keys: NULL: one made from the seed. `tracks_fields`: what counts where the
 * scenario does not say whether objects have managedFields. */
struct cluster *scenario_cluster(const struct scenario *s, uint64_t seed,
                                 const struct secret *secret, bool tracks_fields,
                                 struct errmsg *message);

/* Whether it has nodes with real containers, which not every build or machine can run. */
bool scenario_needs_sandboxes(const struct scenario *s);

/* The shapes of the whole file, for the reference. */
extern const struct shape scenario_shape, scenario_cluster_shape, scenario_step_shape;

#endif
