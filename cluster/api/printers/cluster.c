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
    text_add(&status, !value_is_present(ready)          ? S("Unknown")
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

static void namespace(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, status, phase), "");
    cell_created(c, object);
}

static void config_map(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_int(c, (int64_t)(value_count(VALUE_GET(object, data)) +
                          value_count(VALUE_GET(object, binaryData))));
    cell_created(c, object);
}

static void secret(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, type), "");
    cell_int(c, (int64_t)value_count(VALUE_GET(object, data)));
    cell_created(c, object);
}

static void component_status(struct value object, struct cells *c)
{
    struct value healthy = condition_find(VALUE_GET(object, conditions), "Healthy");
    cell_name(c, object);
    cell_text(c, VALUE_IS(healthy, "True", status)    ? S("Healthy")
                 : VALUE_IS(healthy, "False", status) ? S("Unhealthy")
                                                      : S("Unknown"));
    cell_value(c, VALUE_GET(healthy, message), "");
    cell_value(c, VALUE_GET(healthy, error), "");
}

static void lease(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, spec, holderIdentity), "");
    cell_created(c, object);
}

static void runtime_class(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_value(c, VALUE_GET(object, handler), "");
    cell_created(c, object);
}

static void api_service(struct value object, struct cells *c)
{
    struct value service = VALUE_GET(object, spec, service);
    struct value available = condition_find(VALUE_GET(object, status, conditions), "Available");
    AUTO(text) struct text name = {0};
    AUTO(text) struct text is_available = {0};
    if (value_is_present(service))
        text_printf(&name, "%.*s/%.*s", STR_ARG(VALUE_STR(service, namespace)),
                    STR_ARG(VALUE_STR(service, name)));
    else
        text_add(&name, S("Local"));
    text_add(&is_available,
             value_is_present(available) ? VALUE_STR(available, status) : S("Unknown"));
    if (value_is_present(available) && !VALUE_IS(available, "True", status))
        text_printf(&is_available, " (%.*s)", STR_ARG(VALUE_STR(available, reason)));
    cell_name(c, object);
    cell_text(c, text_str(&name));
    cell_text(c, text_str(&is_available));
    cell_created(c, object);
}

/* ---- events, in both their groups ---- */

/* The first of the two that is there. */
static struct value either(struct value a, struct value b)
{
    return value_is_present(a) && value_kind(a) != VALUE_NULL ? a : b;
}

static void event_object(struct value about, struct text *out)
{
    struct str kind = VALUE_STR(about, kind);
    for (size_t i = 0; i < kind.size; i++) {
        char letter = kind.bytes[i];
        text_add_byte(out, letter >= 'A' && letter <= 'Z' ? (char)(letter + 32) : letter);
    }
    struct str name = VALUE_STR(about, name);
    if (kind.size > 0)
        text_add_byte(out, '/');
    text_add(out, name);
}

static void event_source(struct value object, struct text *out)
{
    struct value source = either(VALUE_GET(object, source), VALUE_GET(object, deprecatedSource));
    struct value component = VALUE_GET(source, component);
    struct value host = VALUE_GET(source, host);
    if (value_str(component).size == 0)
        component =
            either(VALUE_GET(object, reportingComponent), VALUE_GET(object, reportingController));
    if (value_str(host).size == 0)
        host = VALUE_GET(object, reportingInstance);
    text_add(out, value_str(component));
    if (value_str(host).size > 0)
        text_printf(out, ", %.*s", STR_ARG(value_str(host)));
}

static void event(struct value object, struct cells *c)
{
    struct value about = either(VALUE_GET(object, involvedObject), VALUE_GET(object, regarding));
    struct value first =
        either(VALUE_GET(object, firstTimestamp), VALUE_GET(object, deprecatedFirstTimestamp));
    struct value last =
        either(VALUE_GET(object, lastTimestamp), VALUE_GET(object, deprecatedLastTimestamp));
    struct value series = VALUE_GET(object, series);
    int64_t count = VALUE_INT(object, 0, count);
    first = either(first, VALUE_GET(object, eventTime));
    last = either(VALUE_GET(series, lastObservedTime), either(last, first));
    count = count > 0 ? count : VALUE_INT(object, 1, deprecatedCount);
    count = VALUE_INT(series, count, count);
    AUTO(text) struct text name = {0};
    AUTO(text) struct text source = {0};
    event_object(about, &name);
    event_source(object, &source);
    struct str message = value_str(either(VALUE_GET(object, message), VALUE_GET(object, note)));
    cell_age(c, last);
    cell_value(c, VALUE_GET(object, type), "");
    cell_value(c, VALUE_GET(object, reason), "");
    cell_text(c, text_str(&name));
    cell_value(c, VALUE_GET(about, fieldPath), "");
    cell_text(c, text_str(&source));
    cell_text(c, str_trim(message));
    cell_age(c, first);
    cell_int(c, count > 0 ? count : 1);
    cell_name(c, object);
}

static void name_and_age(struct value object, struct cells *c)
{
    cell_name(c, object);
    cell_created(c, object);
}

const struct printer cluster_printers[] = {
    {"Node", node},
    {"Namespace", namespace},
    {"Event", event},
    {"Secret", secret},
    {"ConfigMap", config_map},
    {"ServiceAccount", name_and_age},
    {"ComponentStatus", component_status},
    {"Lease", lease},
    {"RuntimeClass", runtime_class},
    {"APIService", api_service},
    {"DeviceClass", name_and_age},
    {"ResourceClaimTemplate", name_and_age},
    {NULL, NULL},
};
