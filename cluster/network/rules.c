/* SPDX-License-Identifier: Apache-2.0
 *
 * The message that carries a node's Service rules; see network.h.
 */
#include "sim/base/base.h"

#include "cluster/network/network.h"

#include "sim/base/mem.h"

static void rules_release(struct message *message)
{
    struct service_rules *r = (struct service_rules *)message;
    for (uint32_t i = 0; i < r->count; i++)
        mem_free(r->rules[i].endpoints);
    mem_free(r->rules);
    mem_free(r);
}

static uint64_t rules_digest(const struct message *message)
{
    const struct service_rules *r = (const struct service_rules *)(const void *)message;
    uint64_t h = r->count;
    for (uint32_t i = 0; i < r->count; i++) {
        h = hash_pair(h, (uint64_t)r->rules[i].ip << 16 | r->rules[i].port);
        for (uint32_t j = 0; j < r->rules[i].endpoint_count; j++)
            h = hash_pair(h, (uint64_t)r->rules[i].endpoints[j].ip << 16 |
                                 r->rules[i].endpoints[j].port);
    }
    return h;
}

const struct message_type service_rules_message = {.name = "service-rules",
                                                   .kind = MESSAGE_NETWORK_FIRST,
                                                   .release = rules_release,
                                                   .digest = rules_digest};

struct service_rules *service_rules_new(void)
{
    struct service_rules *r = mem_new(struct service_rules);
    message_init(&r->message, &service_rules_message, 256);
    return r;
}

address_id node_network_address(struct sim *sim, struct str node)
{
    AUTO(text) struct text t = {0};
    text_printf(&t, "%.*s:network", STR_ARG(node));
    return sim_address(sim, text_str(&t));
}
