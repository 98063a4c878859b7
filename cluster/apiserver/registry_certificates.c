/* SPDX-License-Identifier: Apache-2.0
 *
 * CertificateSigningRequests in storage: who asks is written by the server, never by who asks; the
 * approval subresource changes conditions alone, the status subresource everything of the status
 * but the conditions Approved and Denied; times of conditions are filled in.
 *
 * Upstream: pkg/registry/certificates/certificates/strategy.go.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/registry.h"

#include "cluster/api/object.h"

struct value csr_name_requester(struct call *c, struct value own_object)
{
    static const atom fields[] = {ATOM_username, ATOM_groups, ATOM_uid, ATOM_extra};
    struct value info = user_info(c->user), spec = value_keep(VALUE_GET(own_object, spec));
    if (!value_is_present(spec))
        spec = value_object();
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        spec = value_set(spec, fields[i], value_keep(value_get(info, fields[i])));
    value_drop(info);
    return value_set(own_object, ATOM_spec, spec);
}

/* A condition of the same type and status that was there before. */
static struct value condition_before(struct value old, struct value condition)
{
    struct value list = VALUE_GET(old, status, conditions);
    for (size_t i = 0; i < value_count(list); i++) {
        struct value c = value_at(list, i);
        if (value_equal(VALUE_GET(c, type), VALUE_GET(condition, type)) &&
            value_equal(VALUE_GET(c, status), VALUE_GET(condition, status)))
            return c;
    }
    return VALUE_ABSENT;
}

static struct value condition_complete(struct value own_condition, struct value old,
                                       struct step *step)
{
    if (!value_is_present(VALUE_GET(own_condition, lastUpdateTime)))
        own_condition = value_set(own_condition, ATOM_lastUpdateTime, time_value(step->wall));
    if (value_is_present(VALUE_GET(own_condition, lastTransitionTime)))
        return own_condition;
    struct value at = VALUE_GET(condition_before(old, own_condition), lastTransitionTime);
    return value_set(own_condition, ATOM_lastTransitionTime,
                     value_is_present(at) ? value_keep(at) : time_value(step->wall));
}

struct value csr_prepare_update(struct call *c, struct step *step, struct value own_new,
                                struct value old)
{
    struct value conditions = value_keep(VALUE_GET(own_new, status, conditions));
    bool is_approval = c->request->subresource == SUBRESOURCE_APPROVAL;
    if (!is_approval && c->request->subresource != SUBRESOURCE_STATUS) {
        value_drop(conditions);
        struct value spec = value_keep(VALUE_GET(old, spec));
        own_new = value_set(own_new, ATOM_spec, spec);
        return value_set(own_new, ATOM_status, value_keep(VALUE_GET(old, status)));
    }
    for (size_t i = 0; i < value_count(conditions); i++)
        conditions = value_set_at(
            conditions, i, condition_complete(value_keep(value_at(conditions, i)), old, step));
    if (is_approval) {
        own_new = value_set(own_new, ATOM_spec, value_keep(VALUE_GET(old, spec)));
        own_new = value_set(own_new, ATOM_status, value_keep(VALUE_GET(old, status)));
    }
    return value_count(conditions) > 0 ? VALUE_SET(own_new, conditions, status, conditions)
                                       : VALUE_REMOVE(own_new, status, conditions);
}
