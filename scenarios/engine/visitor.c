/* SPDX-License-Identifier: Apache-2.0
 *
 * The visitor's process; see visitor.h. One request and its answer are one datagram each: what is
 * lost is not asked again, as a person would see a time-out.
 */
#include "sim/base/base.h"

#include "scenarios/engine/visitor.h"

#include "cluster/api/request.h"
#include "sim/base/mem.h"
#include "sim/base/vec.h"

struct visit {
    struct message message;
    address_id entrance;
    struct traffic_request *request; /* a reference */
};
struct visitor {
    const struct visitor_config *config;
    VEC(struct traffic_response *) answers; /* references, in the order of coming */
};

static void visit_release(struct message *m)
{
    struct visit *v = CONTAINER_OF(m, struct visit, message);
    message_unref(&v->request->message);
    mem_free(v);
}

static uint64_t visit_digest(const struct message *m)
{
    const struct visit *v = (const void *)m; /* its first member */
    const struct traffic_request *r = v->request;
    return hash_pair(hash_pair(r->id, (uint64_t)r->ip << 16 | r->port),
                     hash_bytes(str_from(r->host ? r->host : "")));
}

static const struct message_type visit_message = {.name = "visit",
                                                  .kind = MESSAGE_COMMAND_FIRST + 1,
                                                  .release = visit_release,
                                                  .digest = visit_digest};

static void *visitor_start(struct step *step, const void *config)
{
    struct visitor *v = mem_new(struct visitor);
    v->config = config;
    step_listen(step, v->config->address);
    return v;
}

static void visitor_release(void *state)
{
    struct visitor *v = state;
    for (size_t i = 0; i < v->answers.count; i++)
        message_unref(&v->answers.items[i]->message);
    vec_release(&v->answers);
    mem_free(v);
}

static void visitor_input(void *state, struct step *step, const struct input *in)
{
    struct visitor *v = state;
    if (in->kind == INPUT_COMMAND && in->message->type == &visit_message) {
        struct visit *visit = CONTAINER_OF(in->message, struct visit, message);
        visit->request->reply_to = v->config->address;
        step_send_datagram(step, visit->entrance, message_ref(&visit->request->message));
    } else if (in->kind == INPUT_DATAGRAM && in->message->type == &traffic_response_message) {
        vec_push(&v->answers,
                 CONTAINER_OF(message_ref(in->message), struct traffic_response, message));
    }
}

const struct process_type visitor_process = {
    .kind = "visitor", .start = visitor_start, .input = visitor_input, .release = visitor_release};

void visitor_post(struct sim *sim, process_id visitor, uint64_t id, address_id entrance,
                  struct traffic_request *own_request)
{
    struct visit *v = mem_new(struct visit);
    message_init(&v->message, &visit_message, 256);
    v->entrance = entrance;
    v->request = own_request;
    own_request->id = id;
    sim_command(sim, visitor, &v->message);
}

const struct traffic_response *visitor_answer(const struct sim *sim, process_id visitor,
                                              uint64_t id)
{
    const struct visitor *v = sim_process_state(sim, visitor);
    for (size_t i = v ? v->answers.count : 0; i > 0; i--)
        if (v->answers.items[i - 1]->id == id)
            return v->answers.items[i - 1];
    return NULL;
}
