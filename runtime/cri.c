/* SPDX-License-Identifier: Apache-2.0
 *
 * Life of the CRI's messages and configurations. Everything a message owns is freed with its last
 * reference; a configuration that the runtime keeps outlives the message that brought it.
 */
#include "sim/base/base.h"

#include "runtime/cri.h"

#include "sim/base/mem.h"

#include <stdio.h>

static address_id address_of(struct sim *sim, struct str host, const char *socket)
{
    char buffer[300];
    int size = snprintf(buffer, sizeof(buffer), "%.*s:%s", STR_ARG(host), socket);
    CHECK(size > 0 && (size_t)size < sizeof(buffer));
    return sim_address(sim, (struct str){buffer, (size_t)size});
}

address_id cri_address(struct sim *sim, struct str host)
{
    return address_of(sim, host, "containerd.sock");
}

address_id cri_stream_address(struct sim *sim, struct str host)
{
    return address_of(sim, host, "containerd.stream");
}

/* ---- pairs ---- */

void cri_pairs_add(struct cri_pairs *p, struct str key, struct str value)
{
    if (p->count == p->capacity) {
        uint32_t grown = p->capacity ? p->capacity * 2 : 2;
        p->items = mem_resize(p->items, struct cri_pair, p->capacity, grown);
        p->capacity = grown;
    }
    p->items[p->count++] = (struct cri_pair){mem_copy_string(key), mem_copy_string(value)};
}

void cri_pairs_set(struct cri_pairs *p, struct str key, struct str value)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (str_equal(str_from(p->items[i].key), key)) {
            mem_free(p->items[i].value);
            p->items[i].value = mem_copy_string(value);
            return;
        }
    }
    cri_pairs_add(p, key, value);
}

const char *cri_pairs_get(const struct cri_pairs *p, struct str key)
{
    for (uint32_t i = 0; i < p->count; i++) {
        if (str_equal(str_from(p->items[i].key), key))
            return p->items[i].value;
    }
    return NULL;
}

void cri_pairs_release(struct cri_pairs *p)
{
    for (uint32_t i = 0; i < p->count; i++) {
        mem_free(p->items[i].key);
        mem_free(p->items[i].value);
    }
    mem_free(p->items);
    *p = (struct cri_pairs){0};
}

/* ---- configurations ---- */

struct cri_sandbox_config *cri_sandbox_config_new(struct str namespace, struct str name,
                                                  struct str uid, uint32_t attempt)
{
    struct cri_sandbox_config *c = mem_new(struct cri_sandbox_config);
    c->references = 1;
    c->attempt = attempt;
    c->namespace = mem_copy_string(namespace);
    c->name = mem_copy_string(name);
    c->uid = mem_copy_string(uid);
    return c;
}

struct cri_sandbox_config *cri_sandbox_config_ref(struct cri_sandbox_config *c)
{
    c->references++;
    return c;
}

void cri_sandbox_config_unref(struct cri_sandbox_config *c)
{
    if (!c || --c->references > 0)
        return;
    mem_free(c->namespace);
    mem_free(c->name);
    mem_free(c->uid);
    mem_free(c->hostname);
    cri_pairs_release(&c->annotations);
    mem_free(c);
}

struct cri_environment *cri_environment_new(void)
{
    struct cri_environment *e = mem_new(struct cri_environment);
    e->references = 1;
    return e;
}

struct cri_environment *cri_environment_ref(struct cri_environment *e)
{
    e->references++;
    return e;
}

void cri_environment_unref(struct cri_environment *e)
{
    if (!e || --e->references > 0)
        return;
    cri_pairs_release(&e->variables);
    mem_free(e);
}

struct cri_container_config *cri_container_config_new(struct str name, struct str image)
{
    struct cri_container_config *c = mem_new(struct cri_container_config);
    c->references = 1;
    c->name = mem_copy_string(name);
    c->image = mem_copy_string(image);
    return c;
}

struct cri_container_config *cri_container_config_ref(struct cri_container_config *c)
{
    c->references++;
    return c;
}

void cri_container_config_unref(struct cri_container_config *c)
{
    if (!c || --c->references > 0)
        return;
    mem_free(c->name);
    mem_free(c->image);
    for (uint16_t i = 0; i < c->command_count; i++)
        mem_free(c->command[i]);
    for (uint16_t i = 0; i < c->argument_count; i++)
        mem_free(c->arguments[i]);
    for (uint16_t i = 0; i < c->mount_count; i++) {
        mem_free(c->mounts[i].container_path);
        mem_free(c->mounts[i].host_path);
        mem_free(c->mounts[i].sub_path);
    }
    mem_free(c->command);
    mem_free(c->arguments);
    mem_free(c->mounts);
    mem_free(c->ports);
    mem_free(c->working_directory);
    mem_free(c->termination_message_path);
    mem_free(c->target);
    cri_pairs_release(&c->variables);
    cri_environment_unref(c->environment);
    mem_free(c);
}

static bool same_string(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_words(char *const *a, char *const *b, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(a[i], b[i]) != 0)
            return false;
    }
    return true;
}

static bool same_pairs(const struct cri_pairs *a, const struct cri_pairs *b)
{
    if (a->count != b->count)
        return false;
    for (uint32_t i = 0; i < a->count; i++) {
        if (strcmp(a->items[i].key, b->items[i].key) != 0 ||
            strcmp(a->items[i].value, b->items[i].value) != 0)
            return false;
    }
    return true;
}

static bool same_mounts(const struct cri_container_config *a, const struct cri_container_config *b)
{
    for (uint16_t i = 0; i < a->mount_count; i++) {
        const struct cri_mount *x = &a->mounts[i], *y = &b->mounts[i];
        if (strcmp(x->container_path, y->container_path) != 0 ||
            strcmp(x->host_path, y->host_path) != 0 || !same_string(x->sub_path, y->sub_path) ||
            x->is_read_only != y->is_read_only)
            return false;
    }
    return true;
}

bool cri_container_config_equal(const struct cri_container_config *a,
                                const struct cri_container_config *b)
{
    bool numbers =
        a->attempt == b->attempt && a->hash == b->hash && a->command_count == b->command_count &&
        a->argument_count == b->argument_count && a->mount_count == b->mount_count &&
        a->port_count == b->port_count && a->is_init == b->is_init &&
        a->has_stdin == b->has_stdin && a->stdin_once == b->stdin_once &&
        a->has_terminal == b->has_terminal && a->logs_are_message == b->logs_are_message &&
        a->environment == b->environment && a->cpu_limit_milli == b->cpu_limit_milli &&
        a->memory_limit_bytes == b->memory_limit_bytes && a->oom_score_adj == b->oom_score_adj;
    return numbers && strcmp(a->name, b->name) == 0 && strcmp(a->image, b->image) == 0 &&
           same_string(a->working_directory, b->working_directory) &&
           same_string(a->termination_message_path, b->termination_message_path) &&
           same_string(a->target, b->target) &&
           same_words(a->command, b->command, a->command_count) &&
           same_words(a->arguments, b->arguments, a->argument_count) && same_mounts(a, b) &&
           (a->port_count == 0 ||
            memcmp(a->ports, b->ports, a->port_count * sizeof(a->ports[0])) == 0) &&
           same_pairs(&a->variables, &b->variables);
}

void cri_container_config_add_command(struct cri_container_config *c, struct str word)
{
    c->command = mem_resize(c->command, char *, c->command_count, (size_t)c->command_count + 1);
    c->command[c->command_count++] = mem_copy_string(word);
}

void cri_container_config_add_argument(struct cri_container_config *c, struct str word)
{
    c->arguments =
        mem_resize(c->arguments, char *, c->argument_count, (size_t)c->argument_count + 1);
    c->arguments[c->argument_count++] = mem_copy_string(word);
}

void cri_container_config_add_mount(struct cri_container_config *c, struct str container_path,
                                    struct str host_path, struct str sub_path, bool is_read_only)
{
    c->mounts = mem_resize(c->mounts, struct cri_mount, c->mount_count, (size_t)c->mount_count + 1);
    c->mounts[c->mount_count++] =
        (struct cri_mount){.container_path = mem_copy_string(container_path),
                           .host_path = mem_copy_string(host_path),
                           .sub_path = sub_path.size ? mem_copy_string(sub_path) : NULL,
                           .is_read_only = is_read_only};
}

void cri_container_config_add_port(struct cri_container_config *c, uint16_t port)
{
    c->ports = mem_resize(c->ports, uint16_t, c->port_count, (size_t)c->port_count + 1);
    c->ports[c->port_count++] = port;
}

void cri_container_status_release(struct cri_container_status *s)
{
    mem_free(s->text);
    cri_container_config_unref(s->config);
    *s = (struct cri_container_status){0};
}

void cri_id_text(uint64_t boot, uint32_t container, struct text *out)
{
    uint64_t word = hash_pair(boot, container);
    for (int i = 0; i < 4; i++) {
        text_printf(out, "%016" PRIx64, word);
        word = hash_mix(word + 0x9E3779B97F4A7C15u);
    }
}

/* ---- messages ---- */

static void request_release(struct message *m)
{
    struct cri_request *r = CONTAINER_OF(m, struct cri_request, message);
    cri_sandbox_config_unref(r->sandbox_config);
    cri_container_config_unref(r->container_config);
    if (r->volume) {
        mem_free(r->volume->host_path);
        cri_pairs_release(&r->volume->files);
        mem_free(r->volume);
    }
    mem_free(r->text);
    for (uint32_t i = 0; i < r->word_count; i++)
        mem_free(r->words[i]);
    mem_free(r->words);
    mem_free(r);
}

static uint64_t request_digest(const struct message *m)
{
    const struct cri_request *r = (const struct cri_request *)(const void *)m;
    return hash_pair(hash_pair(r->id, r->verb), hash_pair(r->sandbox, r->container));
}

const struct message_type cri_request_message = {.name = "cri-request",
                                                 .kind = RUNTIME_MESSAGE_REQUEST,
                                                 .release = request_release,
                                                 .digest = request_digest};

struct cri_request *cri_request_new(enum cri_verb verb, uint64_t id)
{
    struct cri_request *r = mem_new(struct cri_request);
    message_init(&r->message, &cri_request_message, 200);
    r->verb = verb;
    r->id = id;
    return r;
}

void cri_request_add_word(struct cri_request *r, struct str word)
{
    r->words = mem_resize(r->words, char *, r->word_count, (size_t)r->word_count + 1);
    r->words[r->word_count++] = mem_copy_string(word);
}

static void response_release(struct message *m)
{
    struct cri_response *r = CONTAINER_OF(m, struct cri_response, message);
    mem_free(r->error);
    mem_free(r->output);
    for (uint32_t i = 0; i < r->sandbox_count; i++)
        cri_sandbox_config_unref(r->sandboxes[i].config);
    for (uint32_t i = 0; i < r->container_count; i++)
        cri_container_status_release(&r->containers[i]);
    for (uint32_t i = 0; i < r->image_count; i++)
        mem_free(r->images[i].reference);
    mem_free(r->sandboxes);
    mem_free(r->containers);
    mem_free(r->images);
    mem_free(r);
}

static uint64_t response_digest(const struct message *m)
{
    const struct cri_response *r = (const struct cri_response *)(const void *)m;
    return hash_pair(hash_pair(r->id, r->code),
                     hash_pair(r->container, (uint64_t)(int64_t)r->exit_code));
}

const struct message_type cri_response_message = {.name = "cri-response",
                                                  .kind = RUNTIME_MESSAGE_RESPONSE,
                                                  .release = response_release,
                                                  .digest = response_digest};

struct cri_response *cri_response_new(const struct cri_request *request)
{
    struct cri_response *r = mem_new(struct cri_response);
    message_init(&r->message, &cri_response_message, 200);
    r->id = request->id;
    r->verb = request->verb;
    r->sandbox = request->sandbox;
    r->container = request->container;
    return r;
}

static void event_release(struct message *m)
{
    struct cri_event *e = CONTAINER_OF(m, struct cri_event, message);
    cri_container_status_release(&e->status);
    mem_free(e);
}

static uint64_t event_digest(const struct message *m)
{
    const struct cri_event *e = (const struct cri_event *)(const void *)m;
    return hash_pair(hash_pair(e->type, e->status.container),
                     (uint64_t)(int64_t)e->status.exit_code);
}

const struct message_type cri_event_message = {.name = "cri-event",
                                               .kind = RUNTIME_MESSAGE_EVENT,
                                               .release = event_release,
                                               .digest = event_digest};

struct cri_event *cri_event_new(enum cri_event_type type)
{
    struct cri_event *e = mem_new(struct cri_event);
    message_init(&e->message, &cri_event_message, 200);
    e->type = type;
    return e;
}

static void fault_release(struct message *m)
{
    struct runtime_fault *f = CONTAINER_OF(m, struct runtime_fault, message);
    mem_free(f->namespace);
    mem_free(f->pod);
    mem_free(f->container);
    mem_free(f);
}

static uint64_t fault_digest(const struct message *m)
{
    const struct runtime_fault *f = (const struct runtime_fault *)(const void *)m;
    return hash_pair(f->kind, (uint64_t)f->number);
}

const struct message_type runtime_fault_message = {.name = "runtime-fault",
                                                   .kind = RUNTIME_MESSAGE_FAULT,
                                                   .release = fault_release,
                                                   .digest = fault_digest};

struct runtime_fault *runtime_fault_new(enum runtime_fault_kind kind, struct str namespace,
                                        struct str pod, struct str container, int64_t number)
{
    struct runtime_fault *f = mem_new(struct runtime_fault);
    message_init(&f->message, &runtime_fault_message, 64);
    f->kind = kind;
    f->namespace = namespace.size ? mem_copy_string(namespace) : NULL;
    f->pod = pod.size ? mem_copy_string(pod) : NULL;
    f->container = container.size ? mem_copy_string(container) : NULL;
    f->number = number;
    return f;
}
