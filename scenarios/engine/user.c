/* SPDX-License-Identifier: Apache-2.0
 *
 * The user's process. Each action is a small state machine over requests, as kubectl's commands
 * are:
 *
 *   apply   GET; 404: POST with the last-applied annotation; else a three-way PATCH, again from the
 *           GET after a conflict (five times); server-side: one PATCH of the whole object
 *   create, update, patch, delete, scale, evict   one request
 *   drain   GET node, PATCH unschedulable, LIST its pods, POST evictions; a 429 is tried again
 *           after 5 s; ends when none of the pods is left
 *
 * Results are kept for the length of the run: the harness asks for them by id.
 *
 * Source: kubernetes.io/docs/reference/kubectl/,
 * kubernetes.io/docs/tasks/administer-cluster/safely-drain-node/
 */
#include "sim/base/base.h"

#include "scenarios/engine/user.h"

#include "cluster/api/json.h"
#include "cluster/api/object.h"
#include "cluster/api/schema.h"
#include "cluster/api/status.h"
#include "cluster/client/client.h"
#include "scenarios/engine/user_private.h"
#include "sim/base/mem.h"

#define CONFLICT_RETRIES_MAX 5
#define LAST_APPLIED "kubectl.kubernetes.io/last-applied-configuration"

static void *user_start(struct step *step, const void *config);
static void user_input(void *state, struct step *step, const struct input *input);
static void user_release(void *state);
static void begin_waiting(struct user *u, struct step *step);
static void on_apply_got(struct user *u, struct step *step, struct job *j,
                         const struct response *r);
static void on_apply_written(struct user *u, struct step *step, struct job *j,
                             const struct response *r);
static void on_written(struct user *u, struct step *step, struct job *j, const struct response *r);
static struct value with_last_applied(struct value own_object);
static void action_release(struct message *m);
static uint64_t action_digest(const struct message *m);

const struct process_type user_process = {
    .kind = "user", .start = user_start, .input = user_input, .release = user_release};
const struct message_type user_action_message = {.name = "user_action",
                                                 .kind = MESSAGE_COMMAND_FIRST,
                                                 .release = action_release,
                                                 .digest = action_digest};

static const char *const verb_texts[USER_VERB_COUNT] = {"apply",  "create",  "replace", "patch",
                                                        "delete", "scale",   "evict",   "drain"};

const char *user_verb_text(enum user_verb verb)
{
    return verb_texts[verb];
}

/* ---- actions ---- */

struct user_action *user_action_new(enum user_verb verb, const struct object_key *own_key)
{
    struct user_action *a = mem_new(struct user_action);
    message_init(&a->message, &user_action_message, 256);
    a->verb = verb;
    a->key = own_key;
    a->resource = own_key ? own_key->resource : NULL;
    a->grace_seconds = -1;
    return a;
}

struct user_action *user_action_for(enum user_verb verb, const struct resource *resource,
                                    struct str default_namespace, struct value own_object)
{
    struct str name = value_str(object_name(own_object));
    struct str namespace = S("");
    char small[VALUE_SMALL_SIZE]; /* outlives the block below */
    if (resource->is_namespaced) {
        namespace = value_str_in(object_namespace(own_object), small);
        if (namespace.size == 0)
        namespace = default_namespace;
    }
    struct user_action *a =
        user_action_new(verb, name.size ? object_key_of(resource->storage, namespace, name) : NULL);
    a->resource = resource;
    if (resource->is_namespaced) {
        a->namespace = value_string(namespace);
        own_object = VALUE_SET(own_object, value_keep(a->namespace), metadata, namespace);
    }
    a->object = own_object;
    return a;
}

static void action_release(struct message *m)
{
    struct user_action *a = CONTAINER_OF(m, struct user_action, message);
    object_key_unref(a->key);
    value_drop(a->object);
    value_drop(a->namespace);
    value_drop(a->field_manager);
    mem_free(a);
}

static uint64_t action_digest(const struct message *m)
{
    const struct user_action *a = (const void *)m; /* its first member */
    return hash_pair(hash_pair(a->verb, a->key ? a->key->hash : 0),
                     hash_pair(value_hash(a->object), (uint64_t)a->replicas));
}

void user_post(struct sim *sim, process_id user, struct user_action *own_action)
{
    CHECK(own_action->id > 0);
    sim_command(sim, user, &own_action->message);
}

/* ---- the process ---- */

static void *user_start(struct step *step, const void *config)
{
    static const struct str groups[] = {{"system:masters", 14}};
    const struct user_config *c = config;
    struct user *u = mem_new(struct user);
    const struct credential *credential = credential_certificate(S("kubernetes-admin"), groups, 1);
    u->client = client_new(&(struct client_options){
        .server = c->server, .credential = credential, .user_agent = "kubectl"});
    credential_unref(credential);
    (void)step;
    return u;
}

static void user_release(void *state)
{
    struct user *u = state;
    client_free(u->client);
    for (size_t i = 0; i < u->jobs.count; i++)
        job_free(u->jobs.items[i]);
    vec_release(&u->jobs);
    vec_release(&u->by_id);
    mem_free(u);
}

static void user_input(void *state, struct step *step, const struct input *input)
{
    struct user *u = state;
    if (client_input(u->client, step, input))
        return;
    if (input->kind == INPUT_COMMAND && input->message->type == &user_action_message) {
        struct job *j = mem_new(struct job);
        j->user = u;
        j->action = CONTAINER_OF(message_ref(input->message), struct user_action, message);
        j->result.id = j->action->id;
        j->index = u->jobs.count;
        vec_push(&u->jobs, j);
        while (u->by_id.count <= j->result.id)
            vec_push(&u->by_id, NULL);
        CHECK(!u->by_id.items[j->result.id]);
        u->by_id.items[j->result.id] = j;
        begin_waiting(u, step);
    } else if (input->kind == INPUT_TIMER && input->tag < u->jobs.count)
        drain_go_on(u, step, u->jobs.items[input->tag]);
}

static void begin_waiting(struct user *u, struct step *step)
{
    while (u->begun < u->jobs.count && u->begun - u->done < USER_CONCURRENT_MAX)
        job_begin(u, step, u->jobs.items[u->begun++]);
}

void job_free(struct job *j)
{
    message_unref(&j->action->message);
    value_drop(j->result.body);
    text_release(&j->result.error);
    for (size_t i = 0; i < j->pods.count; i++) {
        object_key_unref(j->pods.items[i].key);
        value_drop(j->pods.items[i].uid);
    }
    vec_release(&j->pods);
    mem_free(j);
}

static void on_response(void *owner, struct step *step, const struct response *r, uint64_t tag)
{
    struct job *j = owner;
    (void)tag;
    j->next(j->user, step, j, r);
    begin_waiting(j->user, step);
}

/* As kubectl names itself to the API server in each of its commands; NULL: by its user agent. */
static const char *manager_of(const struct user_action *a)
{
    switch (a->verb) {
    case USER_APPLY:
        return a->is_server_side ? "kubectl" : "kubectl-client-side-apply";
    case USER_CREATE:
        return "kubectl-create";
    case USER_UPDATE:
        return "kubectl-replace";
    case USER_PATCH:
        return "kubectl-patch";
    case USER_DELETE:
    case USER_SCALE:
    case USER_EVICT:
    case USER_DRAIN:
    case USER_VERB_COUNT:
        break;
    }
    return NULL;
}

void job_send(struct user *u, struct step *step, struct job *j, struct request *own_request,
              job_fn next)
{
    j->next = next;
    const char *manager = manager_of(j->action);
    if (value_is_present(j->action->field_manager))
        own_request->field_manager = value_keep(j->action->field_manager);
    else if (manager && own_request->verb >= VERB_CREATE)
        own_request->field_manager = value_string(str_from(manager));
    client_send(u->client, step, own_request, on_response, j, 0);
}

void job_end(struct step *step, struct job *j, int code, struct value body, const char *done)
{
    CHECK(!j->result.is_done);
    j->result.is_done = true;
    j->result.code = code;
    bool is_good = code >= 200 && code < 300;
    if (!j->action->is_bulk || value_is_status(body))
        j->result.body = value_keep(body);
    j->result.done = done;
    j->user->done++;
    j->user->failed += !is_good;
    if (j->action->is_bulk && is_good) {
        value_drop(j->action->object);
        j->action->object = VALUE_ABSENT;
        return;
    }
    AUTO(text) struct text name = {0};
    const struct user_action *a = j->action;
    text_printf(&name, "%.*s/", STR_ARG(a->resource->qualified));
    text_add(&name, a->key ? a->key->name : S("(generated)"));
    if (is_good)
        step_trace(step, "kubectl", text_str(&name), "%s", done);
    else
        step_trace(step, "kubectl", text_str(&name), "%s refused: %d %.*s", user_verb_text(a->verb),
                   code, STR_ARG(value_str(VALUE_GET(body, message))));
}

static struct request *object_request(enum verb verb, const struct job *j, struct value own_body)
{
    const struct user_action *a = j->action;
    struct request *r = a->key ? request_for_key(verb, a->key) : request_new(verb, a->resource);
    r->resource = a->resource;
    r->namespace = value_keep(a->namespace);
    r->body = own_body;
    r->field_validation = FIELD_VALIDATION_STRICT;
    return r;
}

void job_begin(struct user *u, struct step *step, struct job *j)
{
    const struct user_action *a = j->action;
    struct request *r = NULL;
    switch (a->verb) {
    case USER_APPLY:
        if (!a->is_server_side) {
            job_send(u, step, j, object_request(VERB_GET, j, VALUE_ABSENT), on_apply_got);
            return;
        }
        r = object_request(VERB_PATCH, j, value_keep(a->object));
        r->patch_type = PATCH_APPLY;
        r->force = a->is_forced;
        break;
    case USER_CREATE:
        r = object_request(VERB_CREATE, j, value_keep(a->object));
        break;
    case USER_UPDATE:
        r = object_request(VERB_UPDATE, j, value_keep(a->object));
        break;
    case USER_PATCH:
        r = object_request(VERB_PATCH, j, value_keep(a->object));
        r->patch_type = PATCH_MERGE;
        break;
    case USER_DELETE:
        r = object_request(VERB_DELETE, j, VALUE_ABSENT);
        request_delete_options(r)->grace_period_seconds = a->grace_seconds;
        request_delete_options(r)->propagation = a->propagation;
        break;
    case USER_SCALE:
        r = object_request(VERB_PATCH, j, value_pack("{spec: {replicas: %D}}", a->replicas));
        r->patch_type = PATCH_MERGE;
        r->subresource = SUBRESOURCE_SCALE;
        break;
    case USER_EVICT:
        r = eviction_request(a->key);
        break;
    case USER_DRAIN:
        drain_begin(u, step, j);
        return;
    case USER_VERB_COUNT:
        CHECK(false);
    }
    job_send(u, step, j, r, on_written);
}

static void on_written(struct user *u, struct step *step, struct job *j, const struct response *r)
{
    static const char *const done[USER_VERB_COUNT] = {"serverside-applied",
                                                      "created",
                                                      "replaced",
                                                      "patched",
                                                      "deleted",
                                                      "scaled",
                                                      "evicted",
                                                      "drained"};
    (void)u;
    job_end(step, j, r->code, r->body, done[j->action->verb]);
}

/* ---- client-side apply ---- */

static void on_apply_got(struct user *u, struct step *step, struct job *j, const struct response *r)
{
    const struct user_action *a = j->action;
    struct value wanted = with_last_applied(value_keep(a->object));
    if (r->code == 404) {
        job_send(u, step, j, object_request(VERB_CREATE, j, wanted), on_apply_written);
        j->result.done = "created";
        return;
    }
    if (!response_ok(r)) {
        value_drop(wanted);
        job_end(step, j, r->code, r->body, "");
        return;
    }
    struct value last = object_annotation(r->body, S(LAST_APPLIED));
    struct value original = VALUE_ABSENT;
    if (value_is_present(last) && json_parse(value_str(last), NULL, &original, NULL))
        original = VALUE_ABSENT; /* not JSON: as if nothing had been applied */
    struct value patch = apply_patch(a->resource->type, original, wanted, r->body);
    value_drop(original);
    value_drop(wanted);
    if (value_count(patch) == 0) {
        value_drop(patch);
        job_end(step, j, 200, r->body, "unchanged");
        return;
    }
    struct request *request = object_request(VERB_PATCH, j, patch);
    request->patch_type = a->resource->type ? PATCH_STRATEGIC : PATCH_MERGE;
    j->result.done = "configured";
    job_send(u, step, j, request, on_apply_written);
}

static void on_apply_written(struct user *u, struct step *step, struct job *j,
                             const struct response *r)
{
    if (r->code == 409 && j->retries < CONFLICT_RETRIES_MAX &&
        str_equal(response_reason(r), S("Conflict"))) {
        j->retries++;
        job_send(u, step, j, object_request(VERB_GET, j, VALUE_ABSENT), on_apply_got);
        return;
    }
    job_end(step, j, r->code, r->body, j->result.done);
}

/* The annotation holds the object as it was applied, without the annotation, as one line of JSON
 * with sorted keys. */
static struct value with_last_applied(struct value own_object)
{
    struct value annotations = VALUE_GET(own_object, metadata, annotations);
    struct value cleaned =
        value_kind(annotations) == VALUE_OBJECT ? value_keep(annotations) : value_object();
    cleaned = value_set_key(cleaned, S(LAST_APPLIED), VALUE_ABSENT);
    own_object = VALUE_SET(own_object, cleaned, metadata, annotations);
    AUTO(text) struct text json = {0};
    schema_write_json(NULL, own_object, &json);
    text_add_byte(&json, '\n');
    struct value with = value_keep(VALUE_GET(own_object, metadata, annotations));
    with = value_set_key(with, S(LAST_APPLIED), value_string(text_str(&json)));
    return VALUE_SET(own_object, with, metadata, annotations);
}

/* ---- looking from outside ---- */

uint64_t user_done_count(const struct sim *sim, process_id user)
{
    const struct user *u = sim_process_state(sim, user);
    return u ? u->done : 0;
}

uint64_t user_failed_count(const struct sim *sim, process_id user)
{
    const struct user *u = sim_process_state(sim, user);
    return u ? u->failed : 0;
}

const struct user_result *user_result(const struct sim *sim, process_id user, uint64_t id)
{
    const struct user *u = sim_process_state(sim, user);
    const struct job *j = u && id < u->by_id.count ? u->by_id.items[id] : NULL;
    return j ? &j->result : NULL;
}
