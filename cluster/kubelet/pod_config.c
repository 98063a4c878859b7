/* SPDX-License-Identifier: Apache-2.0
 *
 * From a pod's spec to what the runtime is told: sandbox, container, environment, mounts.
 *
 * Environment, weakest first: service variables of the namespace (when enableServiceLinks, and
 * always those of the `kubernetes` Service), envFrom in order, env in order; $(NAME) in values,
 * command and args refers to what was defined before. A missing ConfigMap, Secret or key that is
 * not optional: CreateContainerConfigError.
 * [doc:configmap#using-configmaps-as-environment-variables]
 *
 * Upstream: kubelet_pods.go (makeEnvironmentVariables), envvars.go, expand.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "cluster/api/podspec.h"
#include "cluster/api/quantity.h"
#include "runtime/traffic.h"
#include "sim/base/base64.h"

struct building {
    struct pod_worker *worker;
    struct value container;
    struct cri_container_config *config;
    const char *reason; /* set: cannot be created */
    bool is_waiting;    /* for an object that is being fetched */
    struct text *message;
};

/* ---- the downward API ---- */

static void add_map(struct value map, struct text *out)
{
    for (size_t i = 0; i < value_count(map); i++)
        text_printf(out, "%s%.*s=\"%.*s\"", i ? "\n" : "", STR_ARG(value_key_at(map, i)),
                    STR_ARG(value_str(value_member_at(map, i))));
}

/* metadata.labels['key'] */
static bool subscript(struct str path, struct str prefix, struct str *ret_key)
{
    if (!str_starts_with(path, prefix) || !str_ends_with(path, S("']")))
        return false;
    *ret_key = str_slice(path, prefix.size, path.size - 2);
    return true;
}

bool pod_field(const struct pod_worker *w, struct str path, struct text *out)
{
    struct value pod = w->pod;
    struct str key = {0};
    if (subscript(path, S("metadata.labels['"), &key))
        text_add(out, value_str(object_label(pod, key)));
    else if (subscript(path, S("metadata.annotations['"), &key))
        text_add(out, value_str(object_annotation(pod, key)));
    else if (str_equal(path, S("metadata.labels")))
        add_map(VALUE_GET(pod, metadata, labels), out);
    else if (str_equal(path, S("metadata.annotations")))
        add_map(VALUE_GET(pod, metadata, annotations), out);
    else if (str_equal(path, S("metadata.name")))
        text_add(out, w->key->name);
    else if (str_equal(path, S("metadata.namespace")))
        text_add(out, w->key->namespace);
    else if (str_equal(path, S("metadata.uid")))
        text_add(out, value_str(w->uid));
    else if (str_equal(path, S("spec.nodeName")))
        text_add(out, w->kubelet->node_name);
    else if (str_equal(path, S("spec.serviceAccountName")))
        text_add(out, VALUE_STR(pod, spec, serviceAccountName));
    else if (str_equal(path, S("status.hostIP")) || str_equal(path, S("status.hostIPs")))
        text_add(out,
                 str_from(w->kubelet->config->internal_ip ? w->kubelet->config->internal_ip : ""));
    else if (str_equal(path, S("status.podIP")) || str_equal(path, S("status.podIPs"))) {
        if (w->ip != 0)
            traffic_ip_text(w->ip, out);
        else if (VALUE_BOOL_AT(pod, spec, hostNetwork) && w->kubelet->config->internal_ip)
            text_add(out, str_from(w->kubelet->config->internal_ip));
    } else
        return false;
    return true;
}

bool pod_resource_field(const struct pod_worker *w, struct value container, struct str resource,
                        struct value divisor, struct text *out)
{
    struct str kind = str_starts_with(resource, S("limits.")) ? S("limits") : S("requests");
    struct str name = str_slice(resource, kind.size + 1, resource.size);
    struct value quantity =
        value_get_key(value_get_key(VALUE_GET(container, resources), kind), name);
    bool is_cpu = str_equal(name, S("cpu"));
    int64_t amount = is_cpu ? quantity_milli(quantity) : quantity_value(quantity);
    if (amount == 0 && str_equal(kind, S("limits"))) /* no limit: what the node can give */
        amount = is_cpu ? w->kubelet->config->cpu_milli : w->kubelet->config->memory_bytes;
    int64_t unit = is_cpu ? quantity_milli(divisor) : quantity_value(divisor);
    if (unit <= 0)
        unit = is_cpu ? 1000 : 1;
    text_add_int(out, (amount + unit - 1) / unit);
    return amount >= 0;
}

/* ---- environment ---- */

static void service_name_text(struct str name, struct text *out)
{
    for (size_t i = 0; i < name.size; i++) {
        char c = name.bytes[i];
        text_add_byte(out, c == '-' ? '_' : c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c);
    }
}

static void add_variable(struct cri_pairs *pairs, struct str prefix, const char *suffix,
                         struct str value)
{
    AUTO(text) struct text name = {0};
    text_printf(&name, "%.*s%s", STR_ARG(prefix), suffix);
    cri_pairs_set(pairs, text_str(&name), value);
}

static void service_variables(struct value service, struct cri_pairs *pairs)
{
    AUTO(text) struct text name = {0};
    struct str ip = VALUE_STR(service, spec, clusterIP);
    struct value ports = VALUE_GET(service, spec, ports);
    if (ip.size == 0 || str_equal(ip, S("None")) || value_count(ports) == 0)
        return;
    service_name_text(value_str(object_name(service)), &name);
    AUTO(text) struct text first = {0};
    text_add_int(&first, VALUE_INT(value_at(ports, 0), 0, port));
    add_variable(pairs, text_str(&name), "_SERVICE_HOST", ip);
    add_variable(pairs, text_str(&name), "_SERVICE_PORT", text_str(&first));
    for (size_t i = 0; i < value_count(ports); i++) {
        struct value port = value_at(ports, i);
        struct str protocol = VALUE_STR(port, protocol);
        struct str port_name = VALUE_STR(port, name);
        int64_t number = VALUE_INT(port, 0, port);
        bool udp = str_equal(protocol, S("UDP"));
        AUTO(text) struct text t = {0};
        AUTO(text) struct text url = {0};
        AUTO(text) struct text digits = {0};
        text_add_int(&digits, number);
        if (port_name.size > 0) {
            text_printf(&t, "%s_SERVICE_PORT_", text_c(&name));
            service_name_text(port_name, &t);
            cri_pairs_set(pairs, text_str(&t), text_str(&digits));
            text_clear(&t);
        }
        text_printf(&url, "%s://%.*s:%" PRId64, udp ? "udp" : "tcp", STR_ARG(ip), number);
        if (i == 0)
            add_variable(pairs, text_str(&name), "_PORT", text_str(&url));
        text_printf(&t, "%s_PORT_%" PRId64 "_%s", text_c(&name), number, udp ? "UDP" : "TCP");
        cri_pairs_set(pairs, text_str(&t), text_str(&url));
        add_variable(pairs, text_str(&t), "_PROTO", udp ? S("udp") : S("tcp"));
        add_variable(pairs, text_str(&t), "_PORT", text_str(&digits));
        add_variable(pairs, text_str(&t), "_ADDR", ip);
    }
}

/* One block for the pods of a namespace, made anew when Services have changed. */
static struct cri_environment *service_environment(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    bool links = value_kind(VALUE_GET(w->pod, spec, enableServiceLinks)) != VALUE_BOOL ||
                 VALUE_BOOL_AT(w->pod, spec, enableServiceLinks);
    AUTO(text) struct text key = {0};
    text_printf(&key, "%.*s/%d/%" PRId64, STR_ARG(w->key->namespace), links,
                k->environment_version);
    if (k->environment && str_equal(str_from(k->environment_namespace), text_str(&key)))
        return cri_environment_ref(k->environment);
    cri_environment_unref(k->environment);
    mem_free(k->environment_namespace);
    k->environment = cri_environment_new();
    k->environment_namespace = mem_copy_string(text_str(&key));
    struct value master = informer_get_named(k->services, S("default"), S("kubernetes"));
    if (value_is_present(master))
        service_variables(master, &k->environment->variables);
    if (links) {
        for (struct informer_cursor c = informer_first(k->services, w->key->namespace); c.key;
             informer_next(&c))
            service_variables(c.object, &k->environment->variables);
    }
    return cri_environment_ref(k->environment);
}

static const char *lookup(const struct cri_container_config *config, struct str name)
{
    const char *value = cri_pairs_get(&config->variables, name);
    return value || !config->environment ? value
                                         : cri_pairs_get(&config->environment->variables, name);
}

/* $(NAME) becomes the value when it is known; $$ is a dollar. */
static void expand(const struct cri_container_config *config, struct str s, struct text *out)
{
    for (size_t i = 0; i < s.size; i++) {
        if (s.bytes[i] != '$' || i + 1 == s.size) {
            text_add_byte(out, s.bytes[i]);
        } else if (s.bytes[i + 1] == '$') {
            text_add_byte(out, '$');
            i++;
        } else {
            size_t end = str_find(str_slice(s, i, s.size), ')') + i;
            const char *value = s.bytes[i + 1] == '(' && end < s.size
                                    ? lookup(config, str_slice(s, i + 2, end))
                                    : NULL;
            if (value)
                text_add(out, str_from(value));
            else
                text_add(out,
                         str_slice(s, i, end < s.size && s.bytes[i + 1] == '(' ? end + 1 : i + 1));
            i = end < s.size && s.bytes[i + 1] == '(' ? end : i;
        }
    }
}

static void refuse(struct building *b, const char *format, ...) PRINTF_LIKE(2, 3);
static void refuse(struct building *b, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!b->reason)
        text_vprintf(b->message, format, arguments);
    va_end(arguments);
    b->reason = "CreateContainerConfigError";
}

/* The object named; absent when it is optional and missing, or when `b` has been refused or waits.
 */
static struct value need(struct building *b, enum resource_known resource, struct value reference)
{
    struct value object = VALUE_ABSENT;
    struct str name = VALUE_STR(reference, name);
    switch (
        kubelet_object(b->worker->kubelet, resource, b->worker->key->namespace, name, &object)) {
    case OBJECT_FETCHING:
        b->is_waiting = true;
        break;
    case OBJECT_MISSING:
        if (!VALUE_BOOL_AT(reference, optional))
            refuse(b, "%s \"%.*s\" not found",
                   resource == RESOURCE_secrets ? "secret" : "configmap", STR_ARG(name));
        break;
    case OBJECT_PRESENT:
        break;
    }
    return object;
}

static void add_from_key(struct building *b, struct str name, enum resource_known resource,
                         struct value reference)
{
    struct value object = need(b, resource, reference);
    if (!value_is_present(object))
        return;
    struct str key = VALUE_STR(reference, key);
    struct value found = value_get_key(VALUE_GET(object, data), key);
    if (!value_is_present(found)) {
        if (!VALUE_BOOL_AT(reference, optional))
            refuse(b, "couldn't find key %.*s in %s %.*s/%.*s", STR_ARG(key),
                   resource == RESOURCE_secrets ? "Secret" : "ConfigMap",
                   STR_ARG(b->worker->key->namespace), STR_ARG(VALUE_STR(reference, name)));
        return;
    }
    AUTO(text) struct text plain = {0};
    if (resource == RESOURCE_secrets)
        (void)base64_decode(value_str(found), &plain);
    else
        text_add(&plain, value_str(found));
    cri_pairs_set(&b->config->variables, name, text_str(&plain));
}

static void add_env(struct building *b, struct value variable)
{
    struct str name = VALUE_STR(variable, name);
    struct value from = VALUE_GET(variable, valueFrom);
    AUTO(text) struct text out = {0};
    if (!value_is_present(from)) {
        expand(b->config, VALUE_STR(variable, value), &out);
        cri_pairs_set(&b->config->variables, name, text_str(&out));
    } else if (value_is_present(VALUE_GET(from, configMapKeyRef))) {
        add_from_key(b, name, RESOURCE_configmaps, VALUE_GET(from, configMapKeyRef));
    } else if (value_is_present(VALUE_GET(from, secretKeyRef))) {
        add_from_key(b, name, RESOURCE_secrets, VALUE_GET(from, secretKeyRef));
    } else if (value_is_present(VALUE_GET(from, fieldRef))) {
        (void)pod_field(b->worker, VALUE_STR(from, fieldRef, fieldPath), &out);
        cri_pairs_set(&b->config->variables, name, text_str(&out));
    } else if (value_is_present(VALUE_GET(from, resourceFieldRef))) {
        (void)pod_resource_field(b->worker, b->container,
                                 VALUE_STR(from, resourceFieldRef, resource),
                                 VALUE_GET(from, resourceFieldRef, divisor), &out);
        cri_pairs_set(&b->config->variables, name, text_str(&out));
    }
}

static void add_env_from(struct building *b, struct value source)
{
    bool secret = value_is_present(VALUE_GET(source, secretRef));
    struct value object =
        need(b, secret ? RESOURCE_secrets : RESOURCE_configmaps,
             secret ? VALUE_GET(source, secretRef) : VALUE_GET(source, configMapRef));
    struct value data = VALUE_GET(object, data);
    for (size_t i = 0; i < value_count(data); i++) {
        AUTO(text) struct text name = {0};
        AUTO(text) struct text plain = {0};
        text_printf(&name, "%.*s%.*s", STR_ARG(VALUE_STR(source, prefix)),
                    STR_ARG(value_key_at(data, i)));
        if (secret)
            (void)base64_decode(value_str(value_member_at(data, i)), &plain);
        else
            text_add(&plain, value_str(value_member_at(data, i)));
        cri_pairs_set(&b->config->variables, text_str(&name), text_str(&plain));
    }
}

/* ---- the container ---- */

static void add_mounts(struct building *b)
{
    struct value mounts = VALUE_GET(b->container, volumeMounts),
                 volumes = VALUE_GET(b->worker->pod, spec, volumes);
    for (size_t i = 0; i < value_count(mounts); i++) {
        struct value m = value_at(mounts, i);
        for (size_t v = 0; v < value_count(volumes); v++) {
            struct value volume = value_at(volumes, v);
            if (!value_equal(VALUE_GET(volume, name), VALUE_GET(m, name)))
                continue;
            AUTO(text) struct text path = {0};
            AUTO(text) struct text sub_path = {0};
            /* Made by the runtime, the same for all. */
            if (volume_is_service_account(b->worker->kubelet, volume))
                text_add(&path,
                         S("/var/lib/kubelet/pods/kubernetes.io~projected/kube-api-access-"));
            else
                volume_path(b->worker, volume, &path);
            if (value_is_present(VALUE_GET(m, subPathExpr)))
                expand(b->config, VALUE_STR(m, subPathExpr), &sub_path);
            else
                text_add(&sub_path, VALUE_STR(m, subPath));
            bool read_only = VALUE_BOOL_AT(m, readOnly) ||
                             value_is_present(VALUE_GET(volume, configMap)) ||
                             value_is_present(VALUE_GET(volume, secret)) ||
                             value_is_present(VALUE_GET(volume, projected));
            cri_container_config_add_mount(b->config, VALUE_STR(m, mountPath), text_str(&path),
                                           text_str(&sub_path), read_only);
        }
    }
}

static void add_words(struct building *b)
{
    struct value command = VALUE_GET(b->container, command),
                 arguments = VALUE_GET(b->container, args);
    for (size_t i = 0; i < value_count(command) + value_count(arguments); i++) {
        AUTO(text) struct text word = {0};
        bool is_command = i < value_count(command);
        expand(b->config,
               value_str(is_command ? value_at(command, i)
                                    : value_at(arguments, i - value_count(command))),
               &word);
        if (is_command)
            cri_container_config_add_command(b->config, text_str(&word));
        else
            cri_container_config_add_argument(b->config, text_str(&word));
    }
}

/* Pods of one template mostly differ in nothing that a container is told: one block serves them. */
static struct cri_container_config *shared_config(struct kubelet *k,
                                                  struct cri_container_config *own_config)
{
    for (size_t i = 0; i < CONFIGS_KEPT; i++) {
        if (k->configs[i] && cri_container_config_equal(k->configs[i], own_config)) {
            cri_container_config_unref(own_config);
            return cri_container_config_ref(k->configs[i]);
        }
    }
    cri_container_config_unref(k->configs[k->config_next]);
    k->configs[k->config_next] = cri_container_config_ref(own_config);
    k->config_next = (uint8_t)((k->config_next + 1) % CONFIGS_KEPT);
    return own_config;
}

/* Guaranteed pods go last, BestEffort ones first; in between by what was requested. */
static int oom_score_adj(const struct pod_worker *w, struct value container)
{
    struct str class = VALUE_STR(w->pod, status, qosClass);
    if (class.size == 0)
        class = podspec_qos_class(worker_spec(w));
    int64_t capacity = w->kubelet->config->memory_bytes;
    if (eviction_is_critical(worker_spec(w)) || str_equal(class, S("Guaranteed")))
        return -997;
    if (str_equal(class, S("BestEffort")) || capacity == 0)
        return 1000;
    int64_t request =
        quantity_value(value_get_key(VALUE_GET(container, resources, requests), S("memory")));
    int64_t adj = 1000 - request / (capacity / 1000 + 1);
    return (int)(adj < 3 ? 3 : adj > 999 ? 999 : adj);
}

struct cri_container_config *pod_container_config(struct pod_worker *w, size_t i,
                                                  const char **ret_reason, struct text *ret_message)
{
    struct value c = worker_container_spec(w, i);
    struct building b = {.worker = w, .container = c, .message = ret_message};
    b.config = cri_container_config_new(VALUE_STR(c, name), VALUE_STR(c, image));
    b.config->attempt = container_next_attempt(&w->containers[i]);
    b.config->hash = w->containers[i].hash;
    b.config->is_init = w->containers[i].kind == CONTAINER_INIT;
    b.config->has_stdin = VALUE_BOOL_AT(c, stdin);
    b.config->stdin_once = VALUE_BOOL_AT(c, stdinOnce);
    b.config->has_terminal = VALUE_BOOL_AT(c, tty);
    b.config->environment = service_environment(w);
    struct value from = VALUE_GET(c, envFrom), env = VALUE_GET(c, env), ports = VALUE_GET(c, ports);
    for (size_t n = 0; n < value_count(from); n++)
        add_env_from(&b, value_at(from, n));
    for (size_t n = 0; n < value_count(env); n++)
        add_env(&b, value_at(env, n));
    add_words(&b);
    add_mounts(&b);
    for (size_t n = 0; n < value_count(ports); n++)
        cri_container_config_add_port(b.config,
                                      (uint16_t)VALUE_INT(value_at(ports, n), 0, containerPort));
    b.config->cpu_limit_milli =
        quantity_milli(value_get_key(VALUE_GET(c, resources, limits), S("cpu")));
    b.config->memory_limit_bytes =
        quantity_value(value_get_key(VALUE_GET(c, resources, limits), S("memory")));
    struct str message_path = VALUE_STR(c, terminationMessagePath);
    if (message_path.size > 0 && !str_equal(message_path, S("/dev/termination-log")))
        b.config->termination_message_path = mem_copy_string(message_path);
    b.config->logs_are_message = VALUE_IS(c, "FallbackToLogsOnError", terminationMessagePolicy);
    b.config->oom_score_adj = oom_score_adj(w, c);
    if (VALUE_STR(c, targetContainerName).size > 0)
        b.config->target = mem_copy_string(VALUE_STR(c, targetContainerName));
    if (VALUE_STR(c, workingDir).size > 0)
        b.config->working_directory = mem_copy_string(VALUE_STR(c, workingDir));
    if (!b.reason && !b.is_waiting)
        return shared_config(w->kubelet, b.config);
    cri_container_config_unref(b.config);
    *ret_reason = b.is_waiting ? NULL : b.reason;
    return NULL;
}

struct cri_sandbox_config *pod_sandbox_config(struct pod_worker *w)
{
    struct cri_sandbox_config *s = cri_sandbox_config_new(w->key->namespace, w->key->name,
                                                          value_str(w->uid), w->sandbox_attempt);
    s->host_network = VALUE_BOOL_AT(w->pod, spec, hostNetwork);
    struct str hostname = VALUE_STR(w->pod, spec, hostname);
    if (s->host_network)
        s->hostname = mem_copy_string(w->kubelet->node_name);
    else if (hostname.size > 0)
        s->hostname = mem_copy_string(hostname);
    struct value annotations = VALUE_GET(w->pod, metadata, annotations);
    for (size_t i = 0; i < value_count(annotations); i++) {
        if (str_starts_with(value_key_at(annotations, i), S("wavetank.dev/")))
            cri_pairs_add(&s->annotations, value_key_at(annotations, i),
                          value_str(value_member_at(annotations, i)));
    }
    return s;
}
