/* SPDX-License-Identifier: Apache-2.0
 *
 * What is registered by hand or by controllers: APIServices, ranges of service addresses and single
 * addresses.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#define GROUP_PRIORITY_MAX 20000
#define VERSION_PRIORITY_MAX 1000

/* ---- APIService ---- */

static void check_api_service_name(struct value o, errors_t *errors)
{
    AUTO(text) struct text wanted = {0};
    struct field_path meta = path_child(NULL, "metadata");
    struct value name = VALUE_GET(o, metadata, name);
    text_add(&wanted, VALUE_STR(o, spec, version));
    text_add_byte(&wanted, '.');
    text_add(&wanted, VALUE_STR(o, spec, group));
    if (text_is_set(name) && !str_equal(value_str(name), text_str(&wanted)))
        child_error(errors, FIELD_INVALID, &meta, "name", name,
                    "must be `spec.version+\".\"+spec.group`: \"%s\"", text_c(&wanted));
}

static void check_priority(struct value number, const char *name, int max, path_t path,
                           errors_t *errors)
{
    int64_t n = value_as_integer(number, 0);
    if (n <= 0 || n > max)
        child_error(errors, FIELD_INVALID, path, name, value_integer(n),
                    "must be positive and less than %d", max);
}

void validate_api_service(struct value o, errors_t *errors)
{
    struct value spec = value_get(o, ATOM_spec), service = VALUE_GET(spec, service);
    struct value group = VALUE_GET(spec, group), bundle = VALUE_GET(spec, caBundle);
    struct value skips = VALUE_GET(spec, insecureSkipTLSVerify);
    struct field_path path = path_child(NULL, "spec"), at = path_child(&path, "service");
    check_api_service_name(o, errors);
    if (!text_is_set(group) && !VALUE_IS(spec, "v1", version))
        child_error(errors, FIELD_REQUIRED, &path, "group", VALUE_ABSENT,
                    "only v1 may have an empty group and it better be legacy kube");
    if (text_is_set(group))
        check_child_rule(errors, &path, "group", group, name_dns_subdomain);
    check_child_rule(errors, &path, "version", VALUE_GET(spec, version), name_dns_1035_label);
    check_priority(VALUE_GET(spec, groupPriorityMinimum), "groupPriorityMinimum",
                   GROUP_PRIORITY_MAX, &path, errors);
    check_priority(VALUE_GET(spec, versionPriority), "versionPriority", VERSION_PRIORITY_MAX, &path,
                   errors);
    if (!value_is_present(service)) {
        if (text_is_set(bundle)) {
            AUTO(value)
            struct value shown =
                value_printf("%zu bytes", value_str(bundle).size / 4 * 3); /* of base64 */
            child_error(errors, FIELD_INVALID, &path, "caBundle", shown,
                        "local APIServices may not have a caBundle");
        }
        if (value_as_bool(skips))
            child_error(errors, FIELD_INVALID, &path, "insecureSkipTLSVerify", skips,
                        "local APIServices may not have insecureSkipTLSVerify");
        return;
    }
    check_required(errors, &at, "namespace", VALUE_GET(service, namespace));
    check_required(errors, &at, "name", VALUE_GET(service, name));
    const char *why = number_port(VALUE_INT(service, 443, port));
    if (why)
        child_error(errors, FIELD_INVALID, &at, "port", VALUE_GET(service, port),
                    "port is not valid: %s", why);
    if (value_as_bool(skips) && text_is_set(bundle))
        child_error(errors, FIELD_INVALID, &path, "insecureSkipTLSVerify", skips,
                    "may not be true if caBundle is present");
}

/* ---- addresses ---- */

static bool is_v6(struct value text)
{
    return str_find(value_str(text), ':') < value_str(text).size;
}

void validate_service_cidr(struct value o, errors_t *errors)
{
    struct value cidrs = VALUE_GET(o, spec, cidrs);
    struct field_path spec = path_child(NULL, "spec"), path = path_child(&spec, "cidrs");
    if (value_count(cidrs) == 0)
        field_error_at(errors, FIELD_REQUIRED, &path, VALUE_ABSENT, "at least one CIDR required");
    if (value_count(cidrs) > 2)
        field_error_at(errors, FIELD_INVALID, &path, cidrs, "may only hold up to 2 values");
    else if (value_count(cidrs) == 2 && is_v6(value_at(cidrs, 0)) == is_v6(value_at(cidrs, 1)))
        field_error_at(errors, FIELD_INVALID, &path, cidrs,
                       "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and "
                       "2001:db8::/64");
    for (size_t i = 0; i < value_count(cidrs); i++) {
        struct field_path item = path_index(&path, i);
        if (!text_is_cidr(value_str(value_at(cidrs, i))))
            field_error_at(errors, FIELD_INVALID, &item, value_at(cidrs, i), CIDR_TEXT);
    }
}

/* One family may become two; else ranges stay. */
void validate_service_cidr_update(struct value new, struct value old, errors_t *errors)
{
    struct value is = VALUE_GET(new, spec, cidrs), was = VALUE_GET(old, spec, cidrs);
    struct field_path spec = path_child(NULL, "spec"), path = path_child(&spec, "cidrs");
    if (value_count(was) == 1 && value_count(is) == 2) {
        struct field_path first = path_index(&path, 0);
        if (!value_equal(value_at(is, 0), value_at(was, 0)))
            field_error_at(errors, FIELD_INVALID, &first, value_at(is, 0), "field is immutable");
    } else if (value_count(was) != value_count(is)) {
        field_error_at(errors, FIELD_INVALID, &path, is, "field is immutable");
    }
    for (size_t i = 0; i < value_count(is) && value_count(was) == value_count(is); i++) {
        struct field_path item = path_index(&path, i);
        if (!value_equal(value_at(is, i), value_at(was, i)))
            field_error_at(errors, FIELD_INVALID, &item, value_at(is, i), "field is immutable");
    }
}

void validate_ip_address(struct value o, errors_t *errors)
{
    struct value name = VALUE_GET(o, metadata, name), parent = VALUE_GET(o, spec, parentRef);
    struct field_path meta = path_child(NULL, "metadata"), spec = path_child(NULL, "spec"),
                      path = path_child(&spec, "parentRef");
    bool is_v6_address;
    if (text_is_set(name) && !text_is_ip(value_str(name), &is_v6_address))
        child_error(errors, FIELD_INVALID, &meta, "name", name, IP_TEXT);
    if (!value_is_present(parent)) {
        field_error_at(errors, FIELD_REQUIRED, &path, VALUE_ABSENT, NO_DETAIL);
        return;
    }
    if (text_is_set(VALUE_GET(parent, group)))
        check_child_rule(errors, &path, "group", VALUE_GET(parent, group), name_dns_subdomain);
    if (check_required(errors, &path, "resource", VALUE_GET(parent, resource)))
        check_child_rule(errors, &path, "resource", VALUE_GET(parent, resource), name_path_segment);
    if (check_required(errors, &path, "name", VALUE_GET(parent, name)))
        check_child_rule(errors, &path, "name", VALUE_GET(parent, name), name_path_segment);
    if (text_is_set(VALUE_GET(parent, namespace)))
        check_child_rule(errors, &path, "namespace", VALUE_GET(parent, namespace),
                         name_path_segment);
}

void validate_ip_address_update(struct value new, struct value old, errors_t *errors)
{
    struct field_path spec = path_child(NULL, "spec");
    check_immutable(errors, &spec, "parentRef", VALUE_GET(new, spec, parentRef),
                    VALUE_GET(old, spec, parentRef));
}
