/* SPDX-License-Identifier: Apache-2.0
 *
 * Definitions that come with the program, by the name of their set: "slides" has the third-party
 * kinds of a course's slides (cert-manager, Argo CD, Sealed Secrets, SMI, k3s), as far as a person
 * sets their fields. What their real controllers would do, nobody does.
 *
 *     for (size_t i = 0; i < definitions_count(S("slides")); i++)
 *         create(definitions_at(S("slides"), i));                    an owned object each
 */
#ifndef CLUSTER_API_CUSTOM_SLIDES_H
#define CLUSTER_API_CUSTOM_SLIDES_H

#include "cluster/api/value.h"

/* 0: there is no such set. */
size_t definitions_count(struct str set);
struct value definitions_at(struct str set, size_t i);

#endif
