/* SPDX-License-Identifier: Apache-2.0
 *
 * The scenario file: its shape, what the shape cannot say (names that refer to one another, files,
 * flags), and the cluster it asks for.
 */
#include "sim/base/base.h"

#include "scenarios/engine/scenario.h"

#include "cluster/api/object.h"
#include "cluster/api/quantity.h"
#include "scenarios/engine/faults.h"
#include "scenarios/engine/steps.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

static struct scenario *scenario_of(struct file_store *store, struct documents *own_documents,
                                    struct str file, struct errmsg *message);
static enum err check_references(struct scenario *s, struct errmsg *message);
static enum err load_manifests(struct scenario *s, struct value v, struct text *path,
                               struct errmsg *message);
static enum err check_flags(const struct scenario *s, struct errmsg *message);
static void read_settings(struct scenario *s);

/* ---- the shape ---- */

static const char *const api_versions[] = {SCENARIO_API_VERSION, NULL};
static const char *const kinds[] = {"Scenario", NULL};
static const char *const runtimes[] = {"simulated", "bwrap", NULL};
static const struct shape api_version_shape = {.kind = SHAPE_ENUM, .choices = api_versions};
static const struct shape kind_shape = {.kind = SHAPE_ENUM, .choices = kinds};
static const struct shape runtime_shape = {.kind = SHAPE_ENUM, .choices = runtimes};

static bool is_replicas(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_printf(expected, "1 to %d", CLUSTER_MEMBERS_MAX);
    return value_as_integer(v, 0) >= 1 && value_as_integer(v, 0) <= CLUSTER_MEMBERS_MAX;
}
static const struct shape replicas_shape = {.kind = SHAPE_INTEGER, .holds = is_replicas};

static const struct shape_field metadata_fields[] = {
    {"name", &shape_string, true, "the name of the scenario"},
    {"labels", &shape_labels, false, "for whoever sorts scenarios"},
    {"annotations", &shape_labels, false, "for whoever reads them"},
};
static const struct shape metadata_shape = {
    .kind = SHAPE_OBJECT, .fields = metadata_fields, .field_count = ARRAY_COUNT(metadata_fields)};

static const char *const raft_bugs[] = {
#define RAFT_BUG(name, text) #name,
#include "cluster/etcd/raft_bugs.def"
#undef RAFT_BUG
    NULL};
static const struct shape raft_bug_shape = {.kind = SHAPE_ENUM, .choices = raft_bugs};
static const struct shape raft_bugs_shape = {.kind = SHAPE_LIST, .item = &raft_bug_shape};
static const struct shape_field etcd_fields[] = {
    {"members", &replicas_shape, false, "1 when absent"},
    {"raftBugs", &raft_bugs_shape, false, "mistakes to switch on, for who wants to see them found"},
};
static const struct shape etcd_shape = {
    .kind = SHAPE_OBJECT, .fields = etcd_fields, .field_count = ARRAY_COUNT(etcd_fields)};

static bool is_node_group(struct value v, struct text *expected, struct text *at)
{
    bool has_file = value_is_present(value_get_key(v, S("file")));
    bool has_others = value_count(v) > 1;
    struct str name = value_str(value_get_key(v, S("name")));
    int64_t count = value_as_integer(value_get_key(v, S("count")), 1);
    if (has_file && has_others) {
        text_add(expected, S("either file alone or count, name, ..."));
        return false;
    }
    if (count > 1 && name.size && !str_contains(name, S("{i}"))) {
        text_add(at, S("name"));
        text_add(expected, S("{i} in the name of several nodes"));
        return false;
    }
    return true;
}
static const struct shape_field taint_fields[] = {
    {"key", &shape_string, true, "of the taint"},
    {"value", &shape_string, false, "of the taint"},
    {"effect", &shape_string, true, "NoSchedule, PreferNoSchedule or NoExecute"},
};
static const struct shape taint_shape = {
    .kind = SHAPE_OBJECT, .fields = taint_fields, .field_count = ARRAY_COUNT(taint_fields)};
static const struct shape taints_shape = {.kind = SHAPE_LIST, .item = &taint_shape};
static bool is_quantity(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("a quantity such as 4, 500m or 8Gi"));
    if (value_kind(v) == VALUE_INTEGER)
        return value_as_integer(v, -1) >= 0;
    return value_kind(v) == VALUE_STRING && !quantity_check(value_str(v));
}
static const struct shape quantity_shape = {.kind = SHAPE_SCALAR, .holds = is_quantity};
static const struct shape quantities_shape = {.kind = SHAPE_MAP, .item = &quantity_shape};
static const struct shape_field node_fields[] = {
    {"count", &shape_count, false, "how many; 1 when absent"},
    {"name", &shape_string, false, "{i} is 0, 1, ...; node-{i} when absent"},
    {"zones", &shape_strings, false, "dealt in turn, sets topology.kubernetes.io/zone"},
    {"labels", &shape_labels, false, "of the Node"},
    {"taints", &taints_shape, false, "as in Node.spec.taints"},
    {"capacity", &quantities_shape, false,
     "cpu, memory, pods, ephemeral-storage, and extended resources (example.com/gpu)"},
    {"runtime", &runtime_shape, false, "what runs containers; simulated when absent"},
    {"file", &shape_string, false,
     "Node manifests: capacity, allocatable, labels, taints are kept"},
};
static const struct shape node_shape = {.kind = SHAPE_OBJECT,
                                        .fields = node_fields,
                                        .field_count = ARRAY_COUNT(node_fields),
                                        .holds = is_node_group};
static const struct shape nodes_shape = {.kind = SHAPE_LIST, .item = &node_shape};

static const struct shape_field host_fields[] = {
    {"name", &shape_string, true, "of the machine"},
    {"nfs", &shape_strings, false, "exported paths"},
};
static const struct shape host_shape = {
    .kind = SHAPE_OBJECT, .fields = host_fields, .field_count = ARRAY_COUNT(host_fields)};
static const struct shape hosts_shape = {.kind = SHAPE_LIST, .item = &host_shape};
static const struct shape_field network_fields[] = {
    {"latency", &shape_duration, false, "one way between two machines; 500us when absent"},
    {"jitter", &shape_duration, false, "added, uniform; none when absent"},
};
static const struct shape network_shape = {
    .kind = SHAPE_OBJECT, .fields = network_fields, .field_count = ARRAY_COUNT(network_fields)};
static const struct shape component_flags_shape = {.kind = SHAPE_MAP, .item = &shape_scalar};
static const struct shape flags_shape = {.kind = SHAPE_MAP, .item = &component_flags_shape};
static const char *const definition_sets[] = {"slides", NULL};
static const struct shape definition_set_shape = {.kind = SHAPE_ENUM, .choices = definition_sets};
static const struct shape definition_sets_shape = {.kind = SHAPE_LIST,
                                                   .item = &definition_set_shape};
static const struct shape_field cluster_fields[] = {
    {"etcd", &etcd_shape, false, "the store"},
    {"apiservers", &replicas_shape, false, "1 when absent"},
    {"controllerManagers", &replicas_shape, false, "replicas, one leads; 1 when absent"},
    {"schedulers", &replicas_shape, false, "replicas, one leads; 1 when absent"},
    {"nodes", &nodes_shape, false, "3 nodes when absent"},
    {"hosts", &hosts_shape, false, "machines outside the cluster that it talks to"},
    {"network", &network_shape, false, "between the machines"},
    {"flags", &flags_shape, false, "flags of the real binaries, by their real names"},
    {"crds", &definition_sets_shape, false,
     "sets of custom kinds that are installed before the first step: slides (cert-manager, Argo CD "
     "and others, without their controllers)"},
    {"managedFields", &shape_bool, false,
     "whether objects have managedFields from their creation on; when absent, from the first "
     "server-side apply on, in `serve` always"},
    {"shuffleTies", &shape_bool, false,
     "events of one instant in another order, by the seed: nothing may rely on that order"},
};
const struct shape scenario_cluster_shape = {
    .kind = SHAPE_OBJECT, .fields = cluster_fields, .field_count = ARRAY_COUNT(cluster_fields)};

static const struct shape operations_shape = {.kind = SHAPE_LIST, .item = &step_operation_shape};
static const struct shape_field step_fields[] = {
    {"name", &shape_string, false, "of the step"},
    {"description", &shape_string, false, "for the reader"},
    {"at", &shape_duration, false, "not before this instant"},
    {"try", &operations_shape, true, "what to do, one after another"},
    {"catch", &operations_shape, false, "what to do when try failed"},
    {"finally", &operations_shape, false, "what to do in any case"},
};
const struct shape scenario_step_shape = {
    .kind = SHAPE_OBJECT, .fields = step_fields, .field_count = ARRAY_COUNT(step_fields)};
static const struct shape steps_shape = {.kind = SHAPE_LIST, .item = &scenario_step_shape};

static const struct shape_field check_assert_fields[] = {
    {"resource", &shape_resource, true, "a partial resource"},
    {"jq", &shape_jq, false, "true of the same object"},
};
static const struct shape check_assert_shape = {.kind = SHAPE_OBJECT,
                                                .fields = check_assert_fields,
                                                .field_count = ARRAY_COUNT(check_assert_fields)};
static bool has_one_check(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("either count or assert"));
    return value_is_present(value_get_key(v, S("count"))) !=
           value_is_present(value_get_key(v, S("assert")));
}
static const struct shape_field check_fields[] = {
    {"name", &shape_string, true, "of the check"},
    {"after", &shape_string, false,
     "the step from whose end on it holds; from the start when absent"},
    {"count", &count_shape, false, "as the step of that name, at every instant"},
    {"assert", &check_assert_shape, false, "an object matches, at every instant"},
};
static const struct shape check_shape = {.kind = SHAPE_OBJECT,
                                         .fields = check_fields,
                                         .field_count = ARRAY_COUNT(check_fields),
                                         .holds = has_one_check};
static const struct shape checks_shape = {.kind = SHAPE_LIST, .item = &check_shape};
static const struct shape_field invariants_fields[] = {
    {"disable", &shape_strings, false,
     "ids or names of built-in invariants that shall not be checked"},
};
static const struct shape invariants_shape = {.kind = SHAPE_OBJECT,
                                              .fields = invariants_fields,
                                              .field_count = ARRAY_COUNT(invariants_fields)};
static const struct shape_field spec_fields[] = {
    {"description", &shape_string, false, "what the scenario shows"},
    {"seed", &shape_count, false, "of the run; 1 when absent; --seed wins"},
    {"start", &shape_time, false,
     "wall clock at instant 0; \"" SCENARIO_DEFAULT_START "\" when absent"},
    {"until", &shape_duration, false, "end; when the last step has ended when absent"},
    {"cluster", &scenario_cluster_shape, false, "what the cluster is made of"},
    {"steps", &steps_shape, false, "what happens"},
    {"always", &checks_shape, false, "what holds at every instant"},
    {"never", &checks_shape, false, "what holds at no instant"},
    {"invariants", &invariants_shape, false, "built-in ones are on"},
};
static const struct shape spec_shape = {
    .kind = SHAPE_OBJECT, .fields = spec_fields, .field_count = ARRAY_COUNT(spec_fields)};
static const struct shape_field scenario_fields[] = {
    {"apiVersion", &api_version_shape, true, SCENARIO_API_VERSION},
    {"kind", &kind_shape, true, "Scenario"},
    {"metadata", &metadata_shape, true, "its name"},
    {"spec", &spec_shape, true, "the scenario"},
};
const struct shape scenario_shape = {
    .kind = SHAPE_OBJECT, .fields = scenario_fields, .field_count = ARRAY_COUNT(scenario_fields)};

/* ---- loading ---- */

struct scenario *scenario_load(struct str file, struct errmsg *message)
{
    return scenario_load_through(NULL, file, message);
}

struct scenario *scenario_load_through(struct file_store *store, struct str file,
                                       struct errmsg *message)
{
    struct documents documents = {0};
    return documents_load_through(store, file, &documents, message)
               ? NULL
               : scenario_of(store, &documents, file, message);
}

struct scenario *scenario_parse(struct str file, struct str text, struct errmsg *message)
{
    struct documents documents = {0};
    return documents_parse(file, text, &documents, message)
               ? NULL
               : scenario_of(NULL, &documents, file, message);
}

static struct scenario *scenario_of(struct file_store *store, struct documents *own_documents,
                                    struct str file, struct errmsg *message)
{
    struct scenario *s = mem_new(struct scenario);
    s->files = store;
    s->documents = *own_documents;
    size_t slash = file.size;
    while (slash > 0 && file.bytes[slash - 1] != '/')
        slash--;
    s->folder = mem_copy_string(str_slice(file, 0, slash));
    if (s->documents.count != 1) {
        (void)errmsg_set(message, ERR_VALUE,
                         "%.*s:1:1: expected one document of kind Scenario, found %zu",
                         STR_ARG(file), s->documents.count);
        scenario_free(s);
        return NULL;
    }
    s->document = &s->documents.items[0];
    struct value root = s->document->root;
    enum err e = shape_check(&scenario_shape, root, s->document, S(""), message);
    if (!e) {
        read_settings(s);
        AUTO(text) struct text path = {0};
        text_add(&path, S("spec"));
        e = check_references(s, message);
        e = e ? e : check_flags(s, message);
        e = e ? e : load_manifests(s, s->spec, &path, message);
    }
    if (e) {
        scenario_free(s);
        return NULL;
    }
    return s;
}

void scenario_free(struct scenario *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->manifest_count; i++) {
        documents_release(&s->manifests[i].documents);
        mem_free(s->manifests[i].file);
    }
    mem_free(s->manifests);
    documents_release(&s->documents);
    mem_free(s->name);
    mem_free(s->folder);
    mem_free(s);
}

static void read_settings(struct scenario *s)
{
    struct value root = s->document->root;
    s->spec = VALUE_GET(root, spec);
    s->cluster = value_get_key(s->spec, S("cluster"));
    s->steps = value_get_key(s->spec, S("steps"));
    s->name = mem_copy_string(VALUE_STR(root, metadata, name));
    s->seed = (uint64_t)value_as_integer(value_get_key(s->spec, S("seed")), 1);
    AUTO(value) struct value start = value_string(S(SCENARIO_DEFAULT_START));
    struct value given = value_get_key(s->spec, S("start"));
    CHECK(time_parse(value_is_present(given) ? given : start, &s->start));
    s->until =
        (struct instant){value_duration(s->spec, S("until"), (struct duration){INT64_MAX}).ns};
}

static enum err check_references(struct scenario *s, struct errmsg *message)
{
    static const char *const lists[] = {"always", "never"};
    for (size_t k = 0; k < ARRAY_COUNT(lists); k++) {
        struct value list = value_get_key(s->spec, str_from(lists[k]));
        for (size_t i = 0; i < value_count(list); i++) {
            struct value after = value_get_key(value_at(list, i), S("after"));
            bool is_known = !value_is_present(after);
            for (size_t j = 0; j < value_count(s->steps); j++)
                is_known |= value_equal(value_get_key(value_at(s->steps, j), S("name")), after);
            if (is_known)
                continue;
            AUTO(text) struct text path = {0};
            text_printf(&path, "spec.%s[%zu].after", lists[k], i);
            return place_error(s->document, text_str(&path), ERR_UNKNOWN, message,
                               "no step has the name \"%.*s\"", STR_ARG(value_str(after)));
        }
    }
    return ERR_OK;
}

/* What a component has, and the nearest of it. */
static void suggest_flag(struct str component, struct str flag, struct text *out)
{
    VEC(char *) names = {0};
    struct cluster_flag f;
    AUTO(text) struct text name = {0};
    for (size_t i = 0; cluster_flag_at(i, &f, &name); i++, text_clear(&name)) {
        if (str_equal(component, str_from(f.component)))
            vec_push(&names, mem_copy_string(text_str(&name)));
    }
    const char *near = nearest_word(flag, (const char *const *)names.items, names.count);
    if (near)
        text_printf(out, "; did you mean --%s? expected: ", near);
    else if (names.count)
        text_add(out, S("; expected: "));
    for (size_t i = 0; i < names.count; i++) {
        text_printf(out, "%s%s", i ? ", " : "", names.items[i]);
    }
    for (size_t i = 0; i < names.count; i++)
        mem_free(names.items[i]);
    vec_release(&names);
}

static enum err check_flags(const struct scenario *s, struct errmsg *message)
{
    struct value flags = value_get_key(s->cluster, S("flags"));
    for (size_t i = 0; i < value_count(flags); i++) {
        struct value of = value_member_at(flags, i);
        for (size_t j = 0; j < value_count(of); j++) {
            struct errmsg why;
            enum err e = cluster_flag_check(value_key_at(flags, i), value_key_at(of, j),
                                            value_member_at(of, j), &why);
            if (!e)
                continue;
            AUTO(text) struct text path = {0};
            text_printf(&path, "spec.cluster.flags.%.*s.%.*s", STR_ARG(value_key_at(flags, i)),
                        STR_ARG(value_key_at(of, j)));
            AUTO(text) struct text more = {0};
            if (e == ERR_UNKNOWN)
                suggest_flag(value_key_at(flags, i), value_key_at(of, j), &more);
            return place_error(s->document, text_str(&path), e, message, "%s%.*s", why.text,
                               STR_ARG(text_str(&more)));
        }
    }
    return ERR_OK;
}

/* Every `file:` anywhere in the spec names a manifest: steps and nodes alike. */
static enum err load_manifest(struct scenario *s, struct str file, struct str path,
                              struct errmsg *message)
{
    for (size_t i = 0; i < s->manifest_count; i++) {
        if (str_equal(str_from(s->manifests[i].file), file))
            return ERR_OK;
    }
    AUTO(text) struct text full = {0};
    if (!str_starts_with(file, S("/")))
        text_add(&full, str_from(s->folder));
    text_add(&full, file);
    struct manifest m = {0};
    struct errmsg why;
    enum err e = documents_load_through(s->files, text_str(&full), &m.documents, &why);
    if (e == ERR_IO)
        return place_error(s->document, path, e, message, "%s", why.text);
    if (e) {
        *message = why;
        return e;
    }
    m.file = mem_copy_string(file);
    s->manifests =
        mem_resize(s->manifests, struct manifest, s->manifest_count, s->manifest_count + 1);
    s->manifests[s->manifest_count++] = m;
    return ERR_OK;
}

static enum err load_manifests(struct scenario *s, struct value v, struct text *path,
                               struct errmsg *message)
{
    enum err e = ERR_OK;
    bool is_list = value_kind(v) == VALUE_ARRAY;
    for (size_t i = 0; i < value_count(v) && !e; i++) {
        size_t length = path->size;
        struct value part = is_list ? value_at(v, i) : value_member_at(v, i);
        struct str key = is_list ? S("") : value_key_at(v, i);
        if (is_list)
            text_printf(path, "[%zu]", i);
        else
            text_printf(path, ".%.*s", STR_ARG(key));
        if (str_equal(key, S("file")) && value_kind(part) == VALUE_STRING)
            e = load_manifest(s, value_str(part), text_str(path), message);
        else if (!str_equal(key, S("resource"))) /* objects may have a `file` of their own */
            e = load_manifests(s, part, path, message);
        path->size = length;
    }
    return e;
}

enum err scenario_add_files(struct scenario *s, struct value operation, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    return load_manifests(s, operation, &path, message);
}

const struct manifest *scenario_manifest(const struct scenario *s, struct str file)
{
    for (size_t i = 0; i < s->manifest_count; i++) {
        if (str_equal(str_from(s->manifests[i].file), file))
            return &s->manifests[i];
    }
    CHECK(false);
}
