/* SPDX-License-Identifier: Apache-2.0
 *
 * AppArmor profiles of pods from before v1.30, when they were annotations, one a container: what a
 * new pod says there becomes the field, unless the field is there or the pod's own profile says the
 * same. Whoever needs that is told to use the field; so is who writes what no profile is, which
 * stays an annotation without effect. The annotations are kept.
 *
 * Source: kubernetes.io/docs/tutorials/security/apparmor/
 */
#include "cluster/api/strategy.h"

#include "cluster/api/object.h"
#include "sim/base/text.h"

#define PREFIX S("container.apparmor.security.beta.kubernetes.io/")
#define LOCAL S("localhost/")

static bool has_annotation(struct value pod)
{
    struct value annotations = VALUE_GET(pod, metadata, annotations);
    for (size_t i = 0; i < value_count(annotations); i++)
        if (str_starts_with(value_key_at(annotations, i), PREFIX))
            return true;
    return false;
}

/* Owned; absent: it is no profile. */
static struct value profile_of(struct str annotation)
{
    if (str_equal(annotation, S("unconfined")))
        return value_pack("{type: Unconfined}");
    if (str_equal(annotation, S("runtime/default")))
        return value_pack("{type: RuntimeDefault}");
    if (!str_starts_with(annotation, LOCAL))
        return VALUE_ABSENT;
    struct str name = str_slice(annotation, LOCAL.size, annotation.size);
    if (name.size == 0 || name.size > APPARMOR_NAME_MAX || str_trim(name).size != name.size)
        return VALUE_ABSENT;
    return value_pack("{type: Localhost, localhostProfile: %S}", name);
}

/* The container with its profile; consumes. */
static struct value fill_container(struct value c, struct value pod, struct value *warnings)
{
    AUTO(text) struct text key = {0};
    text_add(&key, PREFIX);
    text_add(&key, VALUE_STR(c, name));
    struct value annotation = object_annotation(pod, text_str(&key));
    if (!value_is_present(annotation) ||
        value_is_present(VALUE_GET(c, securityContext, appArmorProfile)))
        return c;
    struct value profile = profile_of(value_str(annotation));
    if (value_equal(profile, VALUE_GET(pod, spec, securityContext, appArmorProfile)) &&
        value_is_present(profile)) {
        value_drop(profile);
        return c;
    }
    *warnings = value_append(
        *warnings, value_printf("metadata.annotations[%s]: deprecated since v1.30; use the "
                                "\"appArmorProfile\" field instead",
                                text_c(&key)));
    return value_is_present(profile) ? VALUE_SET(c, profile, securityContext, appArmorProfile) : c;
}

struct value strategy_fill_apparmor(struct value own_pod, struct value *warnings)
{
    static const atom kinds[] = {ATOM_initContainers, ATOM_containers};
    if (!has_annotation(own_pod) || VALUE_IS(own_pod, "windows", spec, os, name))
        return own_pod;
    for (size_t k = 0; k < ARRAY_COUNT(kinds); k++) {
        const atom path[] = {ATOM_spec, kinds[k]};
        struct value list = value_keep(value_path(own_pod, path, ARRAY_COUNT(path)));
        for (size_t i = 0; i < value_count(list); i++) {
            struct value c = fill_container(value_keep(value_at(list, i)), own_pod, warnings);
            list = value_set_at(list, i, c);
        }
        if (value_is_present(list))
            own_pod = value_set_path(own_pod, list, path, ARRAY_COUNT(path));
    }
    return own_pod;
}
