/* SPDX-License-Identifier: Apache-2.0
 *
 * The formats of strings that schemas of custom resources may ask for ("date-time", "ipv4"): those
 * of kube-openapi's strfmt that the API server checks. A format that it does not know asks for
 * nothing.
 */
#ifndef CLUSTER_API_CUSTOM_FORMAT_H
#define CLUSTER_API_CUSTOM_FORMAT_H

#include "sim/base/base.h"

bool format_holds(struct str format, struct str s);
bool format_is_known(struct str format);

#endif
