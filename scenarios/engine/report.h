/* SPDX-License-Identifier: Apache-2.0
 *
 * What a run gives: JSON, JUnit XML, a page of HTML, the objects at the end, the changes. Only
 * texts are made here; the program's edge measures the wall clock and writes files.
 */
#ifndef SCENARIOS_ENGINE_REPORT_H
#define SCENARIOS_ENGINE_REPORT_H

#include "scenarios/engine/run.h"

struct measures { /* of this process, by the edge */
    int64_t wall_us, cpu_us, peak_rss_bytes;
    const int64_t *step_cpu_us; /* CPU time at the end of each step that ended; may be NULL */
    size_t step_cpu_count;
};
/* One JSON object with a line end, as the contract has it; further keys may follow. */
void report_json(const struct run *r, const struct measures *m, struct text *out);
/* A <testsuite> with a case for each step. */
void report_junit(const struct run *r, const struct measures *m, struct text *out);
/* A page that needs nothing else. `timeline` is its text. */
void report_html(const struct run *r, const struct measures *m, struct str timeline,
                 struct text *out);
/* All objects as one JSON List, in the order of resources, namespaces and names. */
void report_objects(const struct run *r, struct text *out);
/* One committed change as a line of JSON. */
void report_change(const struct view_change *change, struct text *out);

void report_seconds(int64_t ns, struct text *out); /* "12.4", "0.0": at most three decimals */
void step_name(const struct run *r, size_t step, struct text *out);
/* The object as the API server writes it: apiVersion and kind first. */
void report_object(const struct object_key *key, struct value object, struct text *out);

#endif
