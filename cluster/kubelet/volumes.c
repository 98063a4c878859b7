/* SPDX-License-Identifier: Apache-2.0
 *
 * Volumes of a pod: everything must be mounted before its sandbox is made.
 *
 * configMap, secret, downwardAPI and projected volumes are written into the node's file tree from
 * the objects, at the mount and again at the first sync after a change. emptyDir and hostPath are
 * folders. An nfs volume asks its server. A service account's projected volume needs the
 * namespace's kube-root-ca.crt and, where tokens are asked for (tokens.c), a token. DEVIATION: a
 * PersistentVolumeClaim or CSI volume cannot be mounted: there is no storage model in this version.
 *
 * What fails is tried again after 500 ms, doubled up to 2 min 2 s, each time with an event; a pod
 * that has waited for 2 min 3 s says which volumes are unmounted, and again after each such time.
 *
 * Upstream: volumemanager/, nestedpendingoperations (exponential back-off), configmap.go,
 * secret.go, projected.go, nfs.go.
 */
#include "sim/base/base.h"

#include "cluster/kubelet/private.h"

#include "runtime/nfs.h"
#include "sim/base/base64.h"

#define MOUNT_RETRY_FIRST duration_ms(500)
#define MOUNT_RETRY_MAX duration_s(122)
#define MOUNT_WAIT duration_s(123)
#define FETCH_POLL duration_ms(20)

enum mount_result { MOUNT_OK, MOUNT_PENDING, MOUNT_FAILED };

/* ---- paths ---- */

static const char *plugin_of(struct value volume)
{
    static const struct {
        const char *field, *plugin;
    } rows[] = {
        {"configMap", "kubernetes.io~configmap"},       {"secret", "kubernetes.io~secret"},
        {"emptyDir", "kubernetes.io~empty-dir"},        {"projected", "kubernetes.io~projected"},
        {"downwardAPI", "kubernetes.io~downward-api"},  {"nfs", "kubernetes.io~nfs"},
        {"persistentVolumeClaim", "kubernetes.io~csi"},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        if (value_is_present(value_get_key(volume, str_from(rows[i].field))))
            return rows[i].plugin;
    }
    return "kubernetes.io~unknown";
}

void volume_path(const struct pod_worker *w, struct value volume, struct text *out)
{
    struct str host_path = VALUE_STR(volume, hostPath, path);
    if (host_path.size > 0)
        text_add(out, host_path);
    else
        text_printf(out, "/var/lib/kubelet/pods/%.*s/volumes/%s/%.*s", STR_ARG(value_str(w->uid)),
                    plugin_of(volume), STR_ARG(VALUE_STR(volume, name)));
}

/* ---- contents ---- */

struct filling {
    struct pod_worker *worker;
    struct cri_pairs *files;
    struct text *error;
    enum mount_result result;
};

static void filling_fails(struct filling *f, const char *format, ...) PRINTF_LIKE(2, 3);
static void filling_fails(struct filling *f, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (f->result != MOUNT_FAILED)
        text_vprintf(f->error, format, arguments);
    va_end(arguments);
    f->result = MOUNT_FAILED;
}

static void add_file(struct filling *f, enum resource_known resource, struct str path,
                     struct value content)
{
    AUTO(text) struct text plain = {0};
    if (resource == RESOURCE_secrets)
        (void)base64_decode(value_str(content), &plain);
    else
        text_add(&plain, value_str(content));
    cri_pairs_set(f->files, path, text_str(&plain));
}

/* All keys, or the items with their paths. */
static void fill_from_object(struct filling *f, enum resource_known resource, struct value source)
{
    struct str name = value_is_present(VALUE_GET(source, secretName))
                          ? VALUE_STR(source, secretName)
                          : VALUE_STR(source, name);
    struct value object = VALUE_ABSENT, items = VALUE_GET(source, items);
    const struct object_key *key = f->worker->key;
    switch (kubelet_object(f->worker->kubelet, resource, key->namespace, name, &object)) {
    case OBJECT_FETCHING:
        f->result = f->result == MOUNT_OK ? MOUNT_PENDING : f->result;
        return;
    case OBJECT_MISSING:
        if (!VALUE_BOOL_AT(source, optional))
            filling_fails(f, "%s \"%.*s\" not found",
                          resource == RESOURCE_secrets ? "secret" : "configmap", STR_ARG(name));
        return;
    case OBJECT_PRESENT:
        break;
    }
    struct value data = VALUE_GET(object, data);
    for (size_t i = 0; value_count(items) == 0 && i < value_count(data); i++)
        add_file(f, resource, value_key_at(data, i), value_member_at(data, i));
    for (size_t i = 0; i < value_count(items); i++) {
        struct value item = value_at(items, i);
        struct value content = value_get_key(data, VALUE_STR(item, key));
        if (value_is_present(content))
            add_file(f, resource, VALUE_STR(item, path), content);
        else if (!VALUE_BOOL_AT(source, optional))
            filling_fails(f, "references non-existent %s key: %.*s",
                          resource == RESOURCE_secrets ? "secret" : "config",
                          STR_ARG(VALUE_STR(item, key)));
    }
}

static void fill_downward(struct filling *f, struct value items)
{
    for (size_t i = 0; i < value_count(items); i++) {
        struct value item = value_at(items, i);
        AUTO(text) struct text content = {0};
        if (value_is_present(VALUE_GET(item, fieldRef))) {
            (void)pod_field(f->worker, VALUE_STR(item, fieldRef, fieldPath), &content);
        } else {
            struct value containers = VALUE_GET(f->worker->pod, spec, containers),
                         reference = VALUE_GET(item, resourceFieldRef);
            for (size_t c = 0; c < value_count(containers); c++) {
                if (value_equal(VALUE_GET(value_at(containers, c), name),
                                VALUE_GET(reference, containerName)))
                    (void)pod_resource_field(f->worker, value_at(containers, c),
                                             VALUE_STR(reference, resource),
                                             VALUE_GET(reference, divisor), &content);
            }
        }
        cri_pairs_set(f->files, VALUE_STR(item, path), text_str(&content));
    }
}

static void fill_token(struct filling *f, struct value source)
{
    AUTO(text) struct text token = {0};
    AUTO(text) struct text error = {0};
    enum object_state state = OBJECT_PRESENT;
    if (f->worker->kubelet->config->asks_for_tokens)
        state = token_take(f->worker, source, &token, &error);
    else
        text_add(&token, S("simulated-token"));
    if (state == OBJECT_MISSING)
        filling_fails(f, "%s", text_c(&error));
    else if (state == OBJECT_FETCHING)
        f->result = f->result == MOUNT_OK ? MOUNT_PENDING : f->result;
    else
        cri_pairs_set(f->files, VALUE_STR(source, path), text_str(&token));
}

static void fill_projected(struct filling *f, struct value sources)
{
    for (size_t i = 0; i < value_count(sources); i++) {
        struct value s = value_at(sources, i);
        if (value_is_present(VALUE_GET(s, configMap)))
            fill_from_object(f, RESOURCE_configmaps, VALUE_GET(s, configMap));
        else if (value_is_present(VALUE_GET(s, secret)))
            fill_from_object(f, RESOURCE_secrets, VALUE_GET(s, secret));
        else if (value_is_present(VALUE_GET(s, downwardAPI)))
            fill_downward(f, VALUE_GET(s, downwardAPI, items));
        else if (value_is_present(VALUE_GET(s, serviceAccountToken)))
            fill_token(f, VALUE_GET(s, serviceAccountToken));
    }
}

/* ---- the service account's volume ---- */

static void on_root_ca(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct kubelet *k = owner;
    (void)step;
    struct root_ca *root = k->roots.items[tag];
    root->in_flight = false;
    root->state = response_ok(r)   ? OBJECT_PRESENT
                  : r->code == 404 ? OBJECT_MISSING
                                   : OBJECT_FETCHING;
    for (size_t i = 0; i < k->workers.count; i++) {
        struct pod_worker *w = k->workers.items[i];
        if (!w->mounts_ready && str_equal(w->key->namespace, str_from(root->namespace)))
            worker_wake_at(w,
                           w->mount_retry_at.ns > k->step->now.ns && root->state == OBJECT_MISSING
                               ? w->mount_retry_at
                               : k->step->now);
    }
}

static enum object_state root_ca(struct kubelet *k, struct str namespace)
{
    size_t i = 0;
    while (i < k->roots.count && !str_equal(str_from(k->roots.items[i]->namespace), namespace))
        i++;
    if (i == k->roots.count) {
        struct root_ca *made = mem_new(struct root_ca);
        made->namespace = mem_copy_string(namespace);
        vec_push(&k->roots, made);
    }
    struct root_ca *root = k->roots.items[i];
    enum object_state state = root->state;
    if (state != OBJECT_PRESENT && !root->in_flight) {
        root->in_flight = true;
        root->state = OBJECT_FETCHING; /* what is answered now counts once */
        const struct object_key *key =
            object_key_of(resource_get(RESOURCE_configmaps), namespace, S("kube-root-ca.crt"));
        (void)client_send(k->client, k->step, request_for_key(VERB_GET, key), on_root_ca, k, i);
        object_key_unref(key);
    }
    return state;
}

/* Volumes beyond the 64th are set up with each try. */
static bool is_mounted(const struct pod_worker *w, size_t i)
{
    return i < 64 && (w->mounted >> i & 1) != 0;
}

/* ---- nfs ---- */

static struct nfs_server *find_nfs(struct kubelet *k, struct value volume)
{
    struct str server = VALUE_STR(volume, nfs, server), path = VALUE_STR(volume, nfs, path);
    for (size_t i = 0; i < k->nfs.count; i++) {
        if (str_equal(str_from(k->nfs.items[i]->server), server) &&
            str_equal(str_from(k->nfs.items[i]->path), path))
            return k->nfs.items[i];
    }
    struct nfs_server *n = mem_new(struct nfs_server);
    n->server = mem_copy_string(server);
    n->path = mem_copy_string(path);
    vec_push(&k->nfs, n);
    return n;
}

/* Asks the servers of all nfs volumes; false while an answer is awaited. A host that no name is
 * known for needs none. */
static bool ask_nfs(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    struct value volumes = VALUE_GET(worker_spec(w), volumes);
    bool complete = true;
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value v = value_at(volumes, i);
        host_id host = 0;
        if (is_mounted(w, i) || !value_is_present(VALUE_GET(v, nfs)) ||
            !sim_find_host(k->step->sim, VALUE_STR(v, nfs, server), &host))
            continue;
        struct nfs_server *n = find_nfs(k, v);
        if (!n->has_answered && n->stream == 0) {
            n->stream = step_connect(k->step, nfs_address(k->step->sim, str_from(n->server)));
            step_send(k->step, n->stream, &nfs_mount_new(str_from(n->path))->message);
        }
        complete = complete && n->has_answered;
    }
    return complete;
}

static enum mount_result mount_nfs(struct pod_worker *w, struct value volume, struct text *error)
{
    struct kubelet *k = w->kubelet;
    struct nfs_server *n = find_nfs(k, volume);
    host_id host = 0;
    bool known = sim_find_host(k->step->sim, str_from(n->server), &host);
    if (known && !n->has_answered)
        return MOUNT_PENDING;
    n->has_answered = false; /* an answer counts once */
    if (known && !n->error)
        return MOUNT_OK;
    AUTO(text) struct text target = {0};
    volume_path(w, volume, &target);
    text_printf(error,
                "mount failed: exit status 32\nMounting command: mount\nMounting arguments: -t nfs "
                "%s:%s %s\nOutput: mount.nfs: ",
                n->server, n->path, text_c(&target));
    if (!known)
        text_printf(error, "Failed to resolve server %s: Name or service not known\n", n->server);
    else if (str_equal(str_from(n->error), S("mounting")))
        text_printf(error,
                    "mounting %s:%s failed, reason given by server: No such file or directory\n",
                    n->server, n->path);
    else
        text_printf(error, "%s\n", n->error);
    return MOUNT_FAILED;
}

static void wake_waiting(struct kubelet *k)
{
    for (size_t i = 0; i < k->workers.count; i++) {
        if (!k->workers.items[i]->mounts_ready)
            worker_wake_at(k->workers.items[i], k->step->now);
    }
}

bool volumes_input(struct kubelet *k, const struct input *in)
{
    for (size_t i = 0; in->stream != 0 && i < k->nfs.count; i++) {
        struct nfs_server *n = k->nfs.items[i];
        if (n->stream != in->stream)
            continue;
        if (in->kind == INPUT_CLOSED) {
            n->stream = 0;
            n->has_answered = true;
            n->error = in->reason == CLOSE_REFUSED   ? "Connection refused"
                       : in->reason == CLOSE_TIMEOUT ? "Connection timed out"
                                                     : "Connection reset by peer";
            wake_waiting(k);
        } else if (in->kind == INPUT_MESSAGE && in->message->type == &nfs_mount_message) {
            const struct nfs_mount *answer = CONTAINER_OF(in->message, struct nfs_mount, message);
            n->error = answer->is_exported ? NULL : "mounting";
            n->has_answered = true;
            step_close(k->step, n->stream);
            n->stream = 0;
            wake_waiting(k);
        }
        return true;
    }
    return false;
}

void volumes_release(struct kubelet *k)
{
    for (size_t i = 0; i < k->roots.count; i++) {
        mem_free(k->roots.items[i]->namespace);
        mem_free(k->roots.items[i]);
    }
    for (size_t i = 0; i < k->nfs.count; i++) {
        mem_free(k->nfs.items[i]->server);
        mem_free(k->nfs.items[i]->path);
        mem_free(k->nfs.items[i]);
    }
    vec_release(&k->roots);
    vec_release(&k->nfs);
}

/* ---- mounting ---- */

static void write_volume(struct pod_worker *w, struct value volume, struct cri_pairs *files,
                         bool is_empty_dir)
{
    struct kubelet *k = w->kubelet;
    struct cri_request *r = kubelet_request(k, CRI_WRITE_VOLUME);
    struct text path = {0};
    volume_path(w, volume, &path);
    r->volume = mem_new(struct cri_volume);
    r->volume->host_path = mem_copy_string(text_str(&path));
    r->volume->is_empty_dir = is_empty_dir;
    r->volume->files = *files;
    *files = (struct cri_pairs){0};
    text_release(&path);
    kubelet_cri_free(k, NULL, 0, r, NULL);
}

bool volume_is_service_account(const struct kubelet *k, struct value volume)
{
    return !k->config->asks_for_tokens &&
           str_starts_with(VALUE_STR(volume, name), S("kube-api-access-")) &&
           value_is_present(VALUE_GET(volume, projected));
}

static enum mount_result mount_one(struct pod_worker *w, struct value volume, struct text *error)
{
    struct cri_pairs files = {0};
    struct filling f = {w, &files, error, MOUNT_OK};
    if (volume_is_service_account(w->kubelet, volume)) {
        enum object_state state = root_ca(w->kubelet, w->key->namespace);
        if (state == OBJECT_MISSING)
            text_add(error, S("configmap \"kube-root-ca.crt\" not found"));
        return state == OBJECT_PRESENT   ? MOUNT_OK
               : state == OBJECT_MISSING ? MOUNT_FAILED
                                         : MOUNT_PENDING;
    }
    if (value_is_present(VALUE_GET(volume, hostPath)) ||
        value_is_present(VALUE_GET(volume, emptyDir)))
        return MOUNT_OK; /* made when something is written */
    if (value_is_present(VALUE_GET(volume, nfs)))
        return mount_nfs(w, volume, error);
    if (value_is_present(VALUE_GET(volume, configMap)))
        fill_from_object(&f, RESOURCE_configmaps, VALUE_GET(volume, configMap));
    else if (value_is_present(VALUE_GET(volume, secret)))
        fill_from_object(&f, RESOURCE_secrets, VALUE_GET(volume, secret));
    else if (value_is_present(VALUE_GET(volume, downwardAPI)))
        fill_downward(&f, VALUE_GET(volume, downwardAPI, items));
    else if (value_is_present(VALUE_GET(volume, projected)))
        fill_projected(&f, VALUE_GET(volume, projected, sources));
    else if (value_is_present(VALUE_GET(volume, persistentVolumeClaim)))
        filling_fails(&f,
                      "rpc error: code = Unimplemented desc = no storage model: "
                      "persistentvolumeclaim \"%.*s\" cannot be mounted",
                      STR_ARG(VALUE_STR(volume, persistentVolumeClaim, claimName)));
    else if (!value_is_present(VALUE_GET(volume, image)))
        filling_fails(&f, "no volume plugin matched");
    if (f.result == MOUNT_OK)
        write_volume(w, volume, &files, false);
    cri_pairs_release(&files);
    return f.result;
}

/* A pod that has waited for 2 min 3 s says so, and waits anew. DEVIATION: at once; the real
 * kubelet's sync has then failed and comes again 10 to 15 s later. */
static void waited_too_long(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    struct value volumes = VALUE_GET(worker_spec(w), volumes);
    AUTO(text) struct text unmounted = {0};
    struct instant end = instant_add(w->mount_began, MOUNT_WAIT);
    if (end.ns > k->step->now.ns) {
        worker_wake_at(w, end);
        return;
    }
    w->mount_began = k->step->now;
    worker_wake_at(w, instant_add(w->mount_began, MOUNT_WAIT));
    for (size_t i = 0; i < value_count(volumes); i++) {
        if (!is_mounted(w, i))
            text_printf(&unmounted, "%s%.*s", unmounted.size ? " " : "",
                        STR_ARG(VALUE_STR(value_at(volumes, i), name)));
    }
    kubelet_event(k, w, "Warning", "FailedMount",
                  "Unable to attach or mount volumes: unmounted volumes=[%s], unattached "
                  "volumes=[], failed to process volumes=[]: context deadline exceeded",
                  text_c(&unmounted));
}

/* One line: of mount's several, the last says why. */
static void trace_failure(struct pod_worker *w, struct str name, struct str error)
{
    struct str why = str_trim(error);
    for (size_t at = str_find(why, '\n'); at < why.size; at = str_find(why, '\n'))
        why = str_slice(why, at + 1, why.size);
    if (str_starts_with(why, S("Output: ")))
        why = str_slice(why, 8, why.size);
    kubelet_trace(w->kubelet, w, "cannot mount volume %.*s: %.*s", STR_ARG(name), STR_ARG(why));
}

/* Tries every volume that is not there yet. */
static void mount_all(struct pod_worker *w, bool *ret_failed, bool *ret_pending)
{
    struct kubelet *k = w->kubelet;
    struct value volumes = VALUE_GET(worker_spec(w), volumes);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value v = value_at(volumes, i);
        AUTO(text) struct text error = {0};
        if (is_mounted(w, i))
            continue;
        enum mount_result result = mount_one(w, v, &error);
        if (result == MOUNT_FAILED) {
            trace_failure(w, VALUE_STR(v, name), text_str(&error));
            kubelet_event(k, w, "Warning", "FailedMount",
                          "MountVolume.SetUp failed for volume \"%.*s\" : %s",
                          STR_ARG(VALUE_STR(v, name)), text_c(&error));
        }
        *ret_failed = *ret_failed || result == MOUNT_FAILED;
        *ret_pending = *ret_pending || result == MOUNT_PENDING;
        if (result == MOUNT_OK && i < 64)
            w->mounted |= UINT64_C(1) << i;
    }
}

bool volumes_mount(struct pod_worker *w)
{
    struct kubelet *k = w->kubelet;
    struct value volumes = VALUE_GET(worker_spec(w), volumes);
    if (w->mounts_ready)
        return true;
    if (w->mount_retry_at.ns == INT64_MAX) { /* the first look */
        w->mount_began = k->step->now;
        w->mount_retry_at = instant_add(k->step->now, VOLUME_SETTLE);
        for (size_t i = 0; i < value_count(volumes); i++) {
            if (volume_is_service_account(k, value_at(volumes, i)))
                (void)root_ca(k, w->key->namespace);
        }
    }
    if (w->mount_retry_at.ns > k->step->now.ns) {
        worker_wake_at(w, w->mount_retry_at);
        waited_too_long(w);
        return false;
    }
    if (!ask_nfs(w)) { /* the answers wake this worker */
        waited_too_long(w);
        return false;
    }
    bool failed = false, pending = false;
    mount_all(w, &failed, &pending);
    w->mounts_ready = !failed && !pending;
    if (w->mounts_ready)
        return true;
    waited_too_long(w);
    int64_t wait = FETCH_POLL.ns;
    if (failed) {
        wait = MOUNT_RETRY_FIRST.ns << (w->mount_failures < 9 ? w->mount_failures : 9);
        wait = wait < MOUNT_RETRY_MAX.ns ? wait : MOUNT_RETRY_MAX.ns;
        w->mount_failures++;
    }
    w->mount_retry_at = instant_add(k->step->now, duration_ns(wait));
    worker_wake_at(w, w->mount_retry_at);
    return false;
}

void volumes_refresh(struct pod_worker *w)
{
    struct value volumes = VALUE_GET(worker_spec(w), volumes);
    for (size_t i = 0; i < value_count(volumes); i++) {
        struct value v = value_at(volumes, i);
        AUTO(text) struct text error = {0};
        bool has_content = value_is_present(VALUE_GET(v, configMap)) ||
                           value_is_present(VALUE_GET(v, secret)) ||
                           value_is_present(VALUE_GET(v, downwardAPI)) ||
                           value_is_present(VALUE_GET(v, projected));
        if (has_content && !volume_is_service_account(w->kubelet, v))
            (void)mount_one(w, v, &error);
    }
}
