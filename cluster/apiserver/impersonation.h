/* SPDX-License-Identifier: Apache-2.0
 *
 * Acting as somebody else (kubectl --as). What is asked for travels in request.impersonate:
 *
 *     {user: alice, uid: "7", groups: [dev], extra: {reason: [test]}}
 */
#ifndef CLUSTER_APISERVER_IMPERSONATION_H
#define CLUSTER_APISERVER_IMPERSONATION_H

#include "cluster/apiserver/authorizer.h"

/* Who acts then (owned); NULL: refused, with a Status (owned). `asked`: of the request itself. */
struct user *impersonate(struct apiserver *s, struct user *requestor, struct value wanted,
                         const struct attributes *asked, struct value *ret_status);

#endif
