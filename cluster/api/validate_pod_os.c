/* SPDX-License-Identifier: Apache-2.0
 *
 * What a pod may not say once it names its operating system (validateOS, validateLinux and
 * validateWindows upstream): a pod of Linux has no options of Windows, a pod of Windows none of the
 * Linux kernel's namespaces, users and security modules.
 */
#include "sim/base/base.h"

#include "cluster/api/validate_parts.h"

struct os_field {
    atom key;
    const char *name;
};

#define OF_WINDOWS "cannot be set for a windows pod"
#define OF_LINUX "windows options cannot be set for a linux pod"

/* Empty lists are as good as none, but for supplementalGroups, whose presence counts. */
static void forbid(errors_t *errors, path_t path, struct os_field field, struct value holder,
                   const char *why)
{
    struct value v = value_get(holder, field.key);
    bool is_empty = value_kind(v) == VALUE_ARRAY && value_count(v) == 0;
    if (value_is_present(v) && (!is_empty || field.key == ATOM_supplementalGroups))
        child_error(errors, FIELD_FORBIDDEN, path, field.name, VALUE_ABSENT, "%s", why);
}

/* Namespaces shared with the host: false says nothing. */
static void forbid_true(errors_t *errors, path_t path, struct os_field field, struct value holder)
{
    if (value_as_bool(value_get(holder, field.key)))
        child_error(errors, FIELD_FORBIDDEN, path, field.name, VALUE_ABSENT, OF_WINDOWS);
}

static void check_pod_of_windows(struct value spec, path_t path, errors_t *errors)
{
    static const struct os_field profiles[] = {{ATOM_appArmorProfile, "appArmorProfile"},
                                               {ATOM_seLinuxOptions, "seLinuxOptions"}};
    static const struct os_field files[] = {{ATOM_seccompProfile, "seccompProfile"},
                                            {ATOM_fsGroup, "fsGroup"},
                                            {ATOM_fsGroupChangePolicy, "fsGroupChangePolicy"},
                                            {ATOM_sysctls, "sysctls"}};
    static const struct os_field users[] = {
        {ATOM_runAsUser, "runAsUser"},
        {ATOM_runAsGroup, "runAsGroup"},
        {ATOM_supplementalGroups, "supplementalGroups"},
        {ATOM_supplementalGroupsPolicy, "supplementalGroupsPolicy"},
        {ATOM_seLinuxChangePolicy, "seLinuxChangePolicy"}};
    struct value s = VALUE_GET(spec, securityContext);
    struct field_path here = path_child(path, "securityContext");
    for (size_t i = 0; i < ARRAY_COUNT(profiles); i++)
        forbid(errors, &here, profiles[i], s, OF_WINDOWS);
    forbid(errors, path, (struct os_field){ATOM_hostUsers, "hostUsers"}, spec, OF_WINDOWS);
    forbid_true(errors, path, (struct os_field){ATOM_hostPID, "hostPID"}, spec);
    forbid_true(errors, path, (struct os_field){ATOM_hostIPC, "hostIPC"}, spec);
    for (size_t i = 0; i < ARRAY_COUNT(files); i++)
        forbid(errors, &here, files[i], s, OF_WINDOWS);
    forbid(errors, path, (struct os_field){ATOM_shareProcessNamespace, "shareProcessNamespace"},
           spec, OF_WINDOWS);
    for (size_t i = 0; i < ARRAY_COUNT(users); i++)
        forbid(errors, &here, users[i], s, OF_WINDOWS);
}

static void check_container_of_windows(struct value context, path_t path, errors_t *errors)
{
    static const struct os_field fields[] = {
        {ATOM_appArmorProfile, "appArmorProfile"},
        {ATOM_seLinuxOptions, "seLinuxOptions"},
        {ATOM_seccompProfile, "seccompProfile"},
        {ATOM_capabilities, "capabilities"},
        {ATOM_readOnlyRootFilesystem, "readOnlyRootFilesystem"},
        {ATOM_privileged, "privileged"},
        {ATOM_allowPrivilegeEscalation, "allowPrivilegeEscalation"},
        {ATOM_procMount, "procMount"},
        {ATOM_runAsUser, "runAsUser"},
        {ATOM_runAsGroup, "runAsGroup"}};
    for (size_t i = 0; i < ARRAY_COUNT(fields); i++)
        forbid(errors, path, fields[i], context, OF_WINDOWS);
}

void validate_pod_os(struct value spec, path_t path, errors_t *errors)
{
    static const struct os_field lists[] = {{ATOM_initContainers, "initContainers"},
                                            {ATOM_containers, "containers"},
                                            {ATOM_ephemeralContainers, "ephemeralContainers"}};
    struct value os = VALUE_GET(spec, os);
    struct field_path os_path = path_child(path, "os"),
                      context_path = path_child(path, "securityContext");
    bool is_linux = VALUE_IS(os, "linux", name);
    if (!value_is_present(os))
        return;
    if (!check_required(errors, &os_path, "name", VALUE_GET(os, name)))
        return;
    if (!is_linux && !VALUE_IS(os, "windows", name)) {
        check_optional_choice(errors, path, "os", VALUE_GET(os, name), "linux|windows");
        return;
    }
    struct os_field options = {ATOM_windowsOptions, "windowsOptions"};
    if (is_linux)
        forbid(errors, &context_path, options, VALUE_GET(spec, securityContext), OF_LINUX);
    else
        check_pod_of_windows(spec, path, errors);
    for (size_t l = 0; l < ARRAY_COUNT(lists); l++) {
        struct value list = value_get(spec, lists[l].key);
        struct field_path list_path = path_child(path, lists[l].name);
        for (size_t i = 0; i < value_count(list); i++) {
            struct field_path item = path_index(&list_path, i),
                              here = path_child(&item, "securityContext");
            struct value context = VALUE_GET(value_at(list, i), securityContext);
            if (is_linux)
                forbid(errors, &here, options, context, OF_LINUX);
            else
                check_container_of_windows(context, &here, errors);
        }
    }
}
