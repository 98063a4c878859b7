/* SPDX-License-Identifier: Apache-2.0
 *
 * Label selectors, from text ("app=web,tier in (a, b),!canary") or from a LabelSelector object,
 * compiled once and matched in a few nanoseconds; and field selectors' text.
 *
 *     struct label_selector *s = label_selector_parse(S("app=web"), &why);       NULL: `why` says
 *     it in Kubernetes' words
 *     if (label_selector_matches(s, object_labels(pod))) ...
 *     label_selector_free(s);
 *
 * Source: kubernetes.io/docs/concepts/overview/working-with-objects/labels/ and
 * apimachinery/pkg/labels.
 */
#ifndef CLUSTER_API_SELECTOR_H
#define CLUSTER_API_SELECTOR_H

#include "cluster/api/value.h"

struct label_selector;

/* Empty text selects everything. `ret_why` may be NULL. */
struct label_selector *label_selector_parse(struct str text, struct text *ret_why);
/* matchLabels and matchExpressions. Absent or null selects nothing, {} everything (as
 * LabelSelectorAsSelector). */
struct label_selector *label_selector_from_object(struct value selector, struct text *ret_why);
/* A plain map of labels, as in a Service's spec.selector; absent or empty selects everything. */
struct label_selector *label_selector_from_map(struct value labels);
void label_selector_free(struct label_selector *s); /* NULL is fine */

bool label_selector_matches(const struct label_selector *s,
                            struct value labels); /* labels may be absent */
/* As Kubernetes prints it: sorted by key, "a=b,c in (x,y),!d". */
void label_selector_text(const struct label_selector *s, struct text *out);
/* Without compiling, for one match; an invalid selector matches nothing. */
bool label_selector_object_matches(struct value selector, struct value labels);

/* ---- field selectors: text only; what a path means is the reader's business ---- */

struct field_term {
    struct value path, value; /* strings, owned by the list */
    bool is_not;
};
struct field_terms {
    struct field_term *items;
    size_t count, capacity;
};
/* Terms are sorted by their text. "metadata.name=web,status.phase!=Running": = == !=, with \\
 * before , = and \\ in values. */
enum err field_terms_parse(struct str text, struct field_terms *ret_terms,
                           struct text *ret_why) MUST_CHECK;
void field_terms_release(struct field_terms *terms);

#endif
