/* SPDX-License-Identifier: Apache-2.0
 *
 * Nodes, namespaces, events, configuration, identities.
 */
#include "sim/base/base.h"

#include "cluster/api/printers/printers.h"

#include "cluster/api/object.h"

#define ROLE_PREFIX "node-role.kubernetes.io/"

static void node_roles(struct value object, struct text *out)
{
    struct value labels = object_labels(object);
    struct str old = value_str(object_label(object, S("kubernetes.io/role")));
    bool is_old_put = old.size == 0;
    for (size_t i = 0; i < value_count(labels); i++) {
        struct str key = value_key_at(labels, i);
        if (!str_starts_with(key, S(ROLE_PREFIX)) || key.size == sizeof(ROLE_PREFIX) - 1)
            continue;
        struct str role = str_slice(key, sizeof(ROLE_PREFIX) - 1, key.size);
        if (!is_old_put && str_compare(old, role) <= 0) {
            if (!str_equal(old, role))
                join(out, old);
            is_old_put = true;
        }
        join(out, role);
    }
    if (!is_old_put)
        join(out, old);
    if (out->size == 0)
        text_add(out, S("<none>"));
}

static void node_address(struct value object, const char *type, struct cells *c)
{
    struct value addresses = VALUE_GET(object, status, addresses);
    for (size_t i = 0; i < value_count(addresses); i++) {
        if (VALUE_IS(value_at(addresses, i), type, type)) {
            cell_value(c, VALUE_GET(value_at(addresses, i), address), "");
            return;
        }
    }
    cell_text(c, S("<none>"));
}

static void node(struct value object, struct cells *c)
{
    struct value ready = condition_find(VALUE_GET(object, status, conditions), "Ready");
    struct value info = VALUE_GET(object, status, nodeInfo);
    AUTO(text) struct text status = {0};
    AUTO(text) struct text roles = {0};
    AUTO(text) struct text kernel = {0};
    text_add(&status, !value_is_present(ready)           ? S("Unknown")
                      : VALUE_IS(ready, "True", status) ? S("Ready")
                                                        : S("NotReady"));
    if (value_as_bool(VALUE_GET(object, spec, unschedulable)))
        text_add(&status, S(",SchedulingDisabled"));
    node_roles(object, &roles);
    struct str version = VALUE_STR(info, kernelVersion);
    struct str architecture = VALUE_STR(info, architecture);
    text_add(&kernel, version.size > 0 ? version : S("<unknown>"));
    if (version.size > 0 && architecture.size > 0)
        text_printf(&kernel, " (%.*s)", STR_ARG(architecture));
    cell_name(c, object);
    cell_text(c, text_str(&status));
    cell_text(c, text_str(&roles));
    cell_created(c, object);
    cell_value(c, VALUE_GET(info, kubeletVersion), "");
    node_address(object, "InternalIP", c);
    node_address(object, "ExternalIP", c);
    cell_value(c, VALUE_GET(info, osImage), "<unknown>");
    cell_text(c, text_str(&kernel));
    cell_value(c, VALUE_GET(info, containerRuntimeVersion), "<unknown>");
}

const struct printer cluster_printers[] = {
    {"Node", node},
    {NULL, NULL},
};
