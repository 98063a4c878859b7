/* SPDX-License-Identifier: Apache-2.0
 *
 * Sums over a pod's containers (component-helpers/resource upstream: PodRequests, PodLimits; and
 * GetPodQOS). All counting is in integers: thousandths for cpu, whole units for everything else.
 */
#include "sim/base/base.h"

#include "cluster/api/podspec.h"

#include "cluster/api/quantity.h"

typedef int64_t (*read_fn)(struct value quantity);

static int64_t total(struct value spec, atom which, struct str name, read_fn read);
static int64_t of_containers(struct value spec, atom which, struct str name, read_fn read);

int64_t podspec_request_milli(struct value spec, struct str name)
{
    return total(spec, ATOM_requests, name, quantity_milli);
}

int64_t podspec_request_value(struct value spec, struct str name)
{
    return total(spec, ATOM_requests, name, quantity_value);
}

int64_t podspec_limit_milli(struct value spec, struct str name)
{
    return total(spec, ATOM_limits, name, quantity_milli);
}

int64_t podspec_limit_value(struct value spec, struct str name)
{
    return total(spec, ATOM_limits, name, quantity_value);
}

bool container_is_sidecar(struct value init_container)
{
    return VALUE_IS(init_container, "Always", restartPolicy);
}

static bool is_pod_level(struct str name)
{
    return str_equal(name, S("cpu")) || str_equal(name, S("memory")) ||
           str_starts_with(name, S("hugepages-"));
}

static int64_t total(struct value spec, atom which, struct str name, read_fn read)
{
    struct value own = value_get_key(value_get(VALUE_GET(spec, resources), which), name);
    int64_t sum = value_is_present(own) && is_pod_level(name)
                      ? read(own)
                      : of_containers(spec, which, name, read);
    int64_t overhead = read(value_get_key(value_get(spec, ATOM_overhead), name));
    /* Overhead counts as a limit only where there is one. */
    return which == ATOM_limits && sum == 0 ? 0 : sum + overhead;
}

static int64_t of_container(struct value container, atom which, struct str name, read_fn read)
{
    return read(value_get_key(value_get(VALUE_GET(container, resources), which), name));
}

static int64_t of_containers(struct value spec, atom which, struct str name, read_fn read)
{
    struct value containers = value_get(spec, ATOM_containers);
    struct value init = value_get(spec, ATOM_initContainers);
    int64_t sum = 0, sidecars = 0, peak = 0;
    for (size_t i = 0; i < value_count(containers); i++)
        sum += of_container(value_at(containers, i), which, name, read);
    for (size_t i = 0; i < value_count(init); i++) {
        struct value c = value_at(init, i);
        int64_t n = of_container(c, which, name, read);
        if (container_is_sidecar(c))
            sidecars += n;
        int64_t now = container_is_sidecar(c) ? sidecars : sidecars + n;
        peak = now > peak ? now : peak;
    }
    return sum + sidecars > peak ? sum + sidecars : peak;
}

static struct value add_names(struct value own_names, struct value resources)
{
    static const atom kinds[] = {ATOM_requests, ATOM_limits};
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        struct value list = value_get(resources, kinds[k]);
        for (size_t i = 0; i < value_count(list); i++)
            own_names = value_set_key(own_names, value_key_at(list, i), value_bool(true));
    }
    return own_names;
}

struct value podspec_resource_names(struct value spec)
{
    static const atom lists[] = {ATOM_initContainers, ATOM_containers};
    struct value names = add_names(value_object(), value_get(spec, ATOM_resources));
    for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
        struct value list = value_get(spec, lists[k]);
        for (size_t i = 0; i < value_count(list); i++)
            names = add_names(names, VALUE_GET(value_at(list, i), resources));
    }
    struct value overhead = value_get(spec, ATOM_overhead), result = value_array();
    for (size_t i = 0; i < value_count(overhead); i++)
        names = value_set_key(names, value_key_at(overhead, i), value_bool(true));
    for (size_t i = 0; i < value_count(names); i++)
        result = value_append(result, value_string(value_key_at(names, i)));
    value_drop(names);
    return result;
}

struct value podspec_container_request(struct value spec, struct str name)
{
    static const atom lists[] = {ATOM_initContainers, ATOM_containers};
    bool is_stated = false;
    for (size_t k = 0; k < ARRAY_COUNT(lists) && !is_stated; k++) {
        struct value list = value_get(spec, lists[k]);
        for (size_t i = 0; i < value_count(list); i++)
            is_stated |= value_is_present(
                value_get_key(VALUE_GET(value_at(list, i), resources, requests), name));
    }
    if (!is_stated)
        return VALUE_ABSENT;
    if (str_equal(name, S("cpu")))
        return quantity_of_milli(of_containers(spec, ATOM_requests, name, quantity_milli));
    return quantity_of_binary(of_containers(spec, ATOM_requests, name, quantity_value));
}

/* ---- quality of service ---- */

/* Quantities are canonical text: zero is "0". */
static bool is_positive(struct value quantity)
{
    struct str s = value_str(quantity);
    return s.size > 0 ? s.bytes[0] != '-' && !str_equal(s, S("0")) : quantity_value(quantity) > 0;
}

/* Adds one set of resources: whether it states any cpu or memory, and whether both are limited and
 * requested alike. */
static void look_at(struct value resources, bool *any, bool *guaranteed)
{
    const struct str names[] = {S("cpu"), S("memory")};
    for (size_t k = 0; k < ARRAY_COUNT(names); k++) {
        struct str name = names[k];
        struct value request = value_get_key(VALUE_GET(resources, requests), name);
        struct value limit = value_get_key(VALUE_GET(resources, limits), name);
        bool has_request = is_positive(request);
        bool has_limit = is_positive(limit);
        *any |= has_request || has_limit;
        *guaranteed &= has_limit && (!has_request || value_equal(request, limit) ||
                                     quantity_compare(request, limit) == 0);
    }
}

struct str podspec_qos_class(struct value spec)
{
    static const atom lists[] = {ATOM_initContainers, ATOM_containers};
    bool any = false, guaranteed = true;
    struct value own = value_get(spec, ATOM_resources);
    if (value_count(VALUE_GET(own, requests)) + value_count(VALUE_GET(own, limits)) > 0) {
        look_at(own, &any, &guaranteed);
    } else {
        for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
            struct value list = value_get(spec, lists[k]);
            for (size_t i = 0; i < value_count(list); i++)
                look_at(VALUE_GET(value_at(list, i), resources), &any, &guaranteed);
        }
    }
    if (!any)
        return S("BestEffort");
    return guaranteed ? S("Guaranteed") : S("Burstable");
}

/* ---- image references: [domain/]path[:tag][@digest] ---- */

static bool is_lower_alphanumeric(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* [a-z0-9]+ joined by ".", "_", "__" or dashes. */
static bool is_path_component(struct str s)
{
    if (s.size == 0 || !is_lower_alphanumeric(s.bytes[0]) ||
        !is_lower_alphanumeric(s.bytes[s.size - 1]))
        return false;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (!is_lower_alphanumeric(c) && c != '.' && c != '_' && c != '-')
            return false;
        if (c == '.' && !is_lower_alphanumeric(s.bytes[i + 1]))
            return false;
    }
    return true;
}

static bool is_domain(struct str s)
{
    if (str_find(s, '.') == s.size && str_find(s, ':') == s.size && !str_equal(s, S("localhost")))
        return false;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (!is_lower_alphanumeric(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '-' &&
            c != ':' && c != '[' && c != ']')
            return false;
    }
    return true;
}

static bool is_tag(struct str s)
{
    if (s.size == 0 || s.size > 128 || s.bytes[0] == '.' || s.bytes[0] == '-')
        return false;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (!is_lower_alphanumeric(c) && !(c >= 'A' && c <= 'Z') && c != '.' && c != '-' &&
            c != '_')
            return false;
    }
    return true;
}

bool image_is_latest(struct str image)
{
    struct str digest, rest = str_cut(image, '@', &digest);
    bool has_digest = rest.size < image.size;
    struct str tag = S("");
    for (bool is_first = true;; is_first = false) {
        struct str after, part = str_cut(rest, '/', &after);
        bool is_last = part.size == rest.size;
        if (is_last) {
            struct str name = str_cut(part, ':', &tag);
            if (!is_path_component(name) || (name.size < part.size && !is_tag(tag)))
                return false;
            return str_equal(tag, S("latest")) || (tag.size == 0 && !has_digest);
        }
        if (!(is_first && is_domain(part)) && !is_path_component(part))
            return false;
        rest = after;
    }
}
