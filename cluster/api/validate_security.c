/* SPDX-License-Identifier: Apache-2.0
 *
 * Security contexts of pods and containers: seccomp and AppArmor profiles, sysctls, namespaces of
 * users (ValidatePodSecurityContext, ValidateSecurityContext, validateHostUsers upstream).
 *
 * DEVIATION: what Windows pods may not have is not asked for: there are no Windows nodes.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

#include "cluster/api/json.h"
#include "cluster/api/strategy.h"

#define SYSCTL_NAME_MAX 253
#define SYSCTL_SEGMENT "[a-z0-9]([-_a-z0-9]*[a-z0-9])?"

/* As Go prints the internal type: {"Type":"Unconfined","LocalhostProfile":"x"}. */
static void internal_profile(struct value profile, struct text *out)
{
    text_add(out, S("{\"Type\":"));
    json_write(VALUE_GET(profile, type), out);
    text_add(out, S(",\"LocalhostProfile\":"));
    json_write(VALUE_GET(profile, localhostProfile), out);
    text_add_byte(out, '}');
}

static bool is_upward(struct str path)
{
    struct str rest = path;
    while (rest.size > 0) {
        if (str_equal(str_cut(rest, '/', &rest), S("..")))
            return true;
    }
    return false;
}

static void check_seccomp(struct value profile, path_t context, errors_t *errors)
{
    struct field_path here = path_child(context, "seccompProfile"),
                      local_path = path_child(&here, "localhostProfile");
    struct value type = VALUE_GET(profile, type), local = VALUE_GET(profile, localhostProfile);
    struct str file = value_str(local);
    if (!value_is_present(profile))
        return;
    if (text_is_set(type))
        check_optional_choice(errors, &here, "type", type, "Localhost|RuntimeDefault|Unconfined");
    else
        child_error(errors, FIELD_REQUIRED, &here, "type", VALUE_ABSENT,
                    "type is required when seccompProfile is set");
    if (!value_is(type, "Localhost")) {
        AUTO(text) struct text shown = {0};
        internal_profile(profile, &shown);
        if (value_is_present(local))
            field_error_shown(errors, FIELD_INVALID, &local_path, text_str(&shown),
                              "can only be set when seccomp type is Localhost");
    } else if (!value_is_present(local)) {
        field_error_at(errors, FIELD_REQUIRED, &local_path, VALUE_ABSENT,
                       "must be set when seccomp type is Localhost");
    } else if (file.size > 0 && file.bytes[0] == '/') {
        field_error_at(errors, FIELD_INVALID, &local_path, local, "must be a relative path");
    } else if (is_upward(file)) {
        field_error_at(errors, FIELD_INVALID, &local_path, local, "must not contain '..'");
    }
}

static void check_apparmor(struct value profile, path_t context, errors_t *errors)
{
    struct field_path here = path_child(context, "appArmorProfile"),
                      local_path = path_child(&here, "localhostProfile");
    struct value type = VALUE_GET(profile, type), local = VALUE_GET(profile, localhostProfile);
    struct str name = value_str(local);
    if (!value_is_present(profile))
        return;
    if (!text_is_set(type)) {
        child_error(errors, FIELD_REQUIRED, &here, "type", VALUE_ABSENT,
                    "type is required when appArmorProfile is set");
    } else if (value_is(type, "Localhost")) {
        if (str_trim(name).size != name.size)
            field_error_at(errors, FIELD_INVALID, &local_path, local,
                           "must not be padded with whitespace");
        else if (name.size == 0)
            field_error_at(errors, FIELD_REQUIRED, &local_path, VALUE_ABSENT,
                           "must be set when AppArmor type is Localhost");
        if (name.size > APPARMOR_NAME_MAX)
            field_error_at(errors, FIELD_TOO_LONG, &local_path, VALUE_ABSENT,
                           "may not be more than %d bytes", APPARMOR_NAME_MAX);
    } else if (!is_one_of(type, "RuntimeDefault|Unconfined")) {
        check_optional_choice(errors, &here, "type", type, "Localhost|RuntimeDefault|Unconfined");
    } else if (value_is_present(local)) {
        field_error_at(errors, FIELD_INVALID, &local_path, local,
                       "can only be set when AppArmor type is Localhost");
    }
}

/* ---- sysctls ---- */

static bool is_sysctl_segment(struct str s)
{
    bool is_inner = false;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        bool is_plain = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        is_inner = i > 0 && i + 1 < s.size;
        if (!is_plain && !(is_inner && (c == '-' || c == '_')))
            return false;
    }
    return s.size > 0;
}

/* Segments are parted by dots, or by slashes. */
static bool is_sysctl_name(struct str name)
{
    size_t start = 0;
    for (size_t i = 0; i <= name.size; i++) {
        if (i < name.size && name.bytes[i] != '.' && name.bytes[i] != '/')
            continue;
        if (!is_sysctl_segment(str_slice(name, start, i)))
            return false;
        start = i + 1;
    }
    return name.size <= SYSCTL_NAME_MAX;
}

static void check_sysctls(struct value spec, path_t context, errors_t *errors)
{
    struct value list = VALUE_GET(spec, securityContext, sysctls);
    struct field_path list_path = path_child(context, "sysctls");
    for (size_t i = 0; i < value_count(list); i++) {
        struct field_path item = path_index(&list_path, i);
        struct value name = VALUE_GET(value_at(list, i), name);
        struct str s = value_str(name);
        bool is_net = str_starts_with(s, S("net.")) || str_starts_with(s, S("net/"));
        bool is_ipc = str_starts_with(s, S("kernel.shm")) || str_starts_with(s, S("kernel.msg")) ||
                      str_equal(s, S("kernel.sem")) || str_starts_with(s, S("fs.mqueue."));
        if (s.size == 0)
            child_error(errors, FIELD_REQUIRED, &item, "name", VALUE_ABSENT, NO_DETAIL);
        else if (!is_sysctl_name(s))
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "must have at most %d characters and match regex %s", SYSCTL_NAME_MAX,
                        "(" SYSCTL_SEGMENT "[\\./])*" SYSCTL_SEGMENT);
        else if (is_repeated_before(list, i, ATOM_name))
            child_error(errors, FIELD_DUPLICATE, &item, "name", name, NO_DETAIL);
        if (is_net && VALUE_BOOL_AT(spec, hostNetwork))
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "may not be specified when 'hostNetwork' is true");
        if (is_ipc && VALUE_BOOL_AT(spec, hostIPC))
            child_error(errors, FIELD_INVALID, &item, "name", name,
                        "may not be specified when 'hostIPC' is true");
    }
}

/* ---- contexts ---- */

/* A pod with a user namespace of its own has the other namespaces of its own, too. */
static void check_host_users(struct value spec, path_t path, errors_t *errors)
{
    struct value users = VALUE_GET(spec, hostUsers);
    if (value_kind(users) != VALUE_BOOL || value_as_bool(users))
        return;
    if (VALUE_BOOL_AT(spec, hostNetwork))
        child_error(errors, FIELD_FORBIDDEN, path, "hostNetwork", VALUE_ABSENT,
                    "when `hostUsers` is false");
    if (VALUE_BOOL_AT(spec, hostPID))
        child_error(errors, FIELD_FORBIDDEN, path, "HostPID", VALUE_ABSENT,
                    "when `hostUsers` is false");
    if (VALUE_BOOL_AT(spec, hostIPC))
        child_error(errors, FIELD_FORBIDDEN, path, "HostIPC", VALUE_ABSENT,
                    "when `hostUsers` is false");
}

void validate_pod_security(struct value spec, path_t path, errors_t *errors)
{
    struct value s = value_get(spec, ATOM_securityContext);
    struct value groups = value_get(s, ATOM_supplementalGroups);
    struct field_path here = path_child(path, "securityContext"),
                      list = path_child(&here, "supplementalGroups");
    check_host_users(spec, path, errors);
    check_id(errors, &here, "fsGroup", value_get(s, ATOM_fsGroup));
    check_id(errors, &here, "runAsUser", value_get(s, ATOM_runAsUser));
    check_id(errors, &here, "runAsGroup", value_get(s, ATOM_runAsGroup));
    for (size_t i = 0; i < value_count(groups); i++) {
        int64_t n = value_as_integer(value_at(groups, i), 0);
        struct field_path item = path_index(&list, i);
        if (n < 0 || n > INT32_MAX)
            field_error_at(errors, FIELD_INVALID, &item, value_at(groups, i),
                           "must be between 0 and 2147483647, inclusive");
    }
    if (VALUE_BOOL_AT(spec, hostPID) && VALUE_BOOL_AT(spec, shareProcessNamespace))
        child_error(errors, FIELD_INVALID, path, "shareProcessNamespace", value_bool(true),
                    "ShareProcessNamespace and HostPID cannot both be enabled");
    check_sysctls(spec, &here, errors);
    check_optional_choice(errors, &here, "fsGroupChangePolicy",
                          value_get(s, ATOM_fsGroupChangePolicy), "Always|OnRootMismatch");
    check_optional_choice(errors, &here, "supplementalGroupsPolicy",
                          VALUE_GET(s, supplementalGroupsPolicy), "Merge|Strict");
    check_seccomp(VALUE_GET(s, seccompProfile), &here, errors);
    check_apparmor(VALUE_GET(s, appArmorProfile), &here, errors);
}

void validate_container_security(struct value c, bool has_host_users, path_t path, errors_t *errors)
{
    struct value s = value_get(c, ATOM_securityContext);
    struct field_path here = path_child(path, "securityContext");
    if (!value_is_present(s))
        return;
    check_id(errors, &here, "runAsUser", value_get(s, ATOM_runAsUser));
    check_id(errors, &here, "runAsGroup", value_get(s, ATOM_runAsGroup));
    check_optional_choice(errors, &here, "procMount", value_get(s, ATOM_procMount),
                          "Default|Unmasked");
    if (has_host_users && VALUE_IS(s, "Unmasked", procMount))
        child_error(errors, FIELD_INVALID, &here, "procMount", VALUE_GET(s, procMount),
                    "`hostUsers` must be false to use `Unmasked`");
    check_seccomp(VALUE_GET(s, seccompProfile), &here, errors);
    struct value escalation = value_get(s, ATOM_allowPrivilegeEscalation);
    if (value_kind(escalation) == VALUE_BOOL && !value_as_bool(escalation)) {
        if (VALUE_BOOL_AT(s, privileged))
            field_error_at(
                errors, FIELD_INVALID, &here, s,
                "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
        struct value add = VALUE_GET(s, capabilities, add);
        for (size_t i = 0; i < value_count(add); i++) {
            if (value_is(value_at(add, i), "CAP_SYS_ADMIN"))
                field_error_at(errors, FIELD_INVALID, &here, s,
                               "cannot set `allowPrivilegeEscalation` to false and "
                               "`capabilities.Add` CAP_SYS_ADMIN");
        }
    }
    check_apparmor(VALUE_GET(s, appArmorProfile), &here, errors);
}
