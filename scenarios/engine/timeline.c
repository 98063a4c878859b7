/* SPDX-License-Identifier: Apache-2.0
 *
 * The last lines of the timeline, for messages of failures.
 */
#include "sim/base/base.h"

#include "scenarios/engine/timeline.h"

#include "sim/base/vec.h"

void timeline_last_lines(const struct sim *sim, struct str name, size_t most, struct str indent,
                         struct text *out)
{
    AUTO(text) struct text lines = {0};
    VEC(struct str) found = {0};
    sim_add_last_lines(sim, &lines);
    struct str rest = text_str(&lines);
    while (rest.size) {
        struct str line = str_cut(rest, '\n', &rest);
        if (name.size == 0 || str_contains(line, name))
            vec_push(&found, line);
    }
    for (size_t i = found.count > most ? found.count - most : 0; i < found.count; i++) {
        text_add(out, indent);
        text_add(out, found.items[i]);
    }
    vec_release(&found);
}
