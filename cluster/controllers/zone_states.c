/* SPDX-License-Identifier: Apache-2.0
 *
 * The rules of eviction rates by zone; see zone_states.h.
 */
#include "sim/base/base.h"

#include "cluster/controllers/zone_states.h"

enum zone_state zone_state_of(int64_t ready, int64_t not_ready, const struct zone_rules *rules)
{
    if (ready == 0 && not_ready > 0)
        return ZONE_FULL_DISRUPTION;
    if (not_ready > 2 && not_ready * 1000 >= (ready + not_ready) * rules->unhealthy_zone_permille)
        return ZONE_PARTIAL_DISRUPTION;
    return ZONE_NORMAL;
}

int64_t zone_rate_milli(enum zone_state state, int64_t nodes, const struct zone_rules *rules)
{
    switch (state) {
    case ZONE_INITIAL:
    case ZONE_NORMAL:
    case ZONE_FULL_DISRUPTION:
        return rules->eviction_rate_milli;
    case ZONE_PARTIAL_DISRUPTION:
        return nodes > rules->large_cluster_size ? rules->secondary_rate_milli : 0;
    }
    return 0;
}

const char *zone_state_text(enum zone_state state)
{
    static const char *const texts[] = {"Initial", "Normal", "PartialDisruption", "FullDisruption"};
    return texts[state];
}
