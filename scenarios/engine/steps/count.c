/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `count`: the number of objects that match becomes as said, within the time-out.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

struct bounds {
    struct tally *tally;
    int64_t least, most;
};

static bool is_within(void *owner)
{
    const struct bounds *b = owner;
    int64_t n = (int64_t)tally_count(b->tally);
    return n >= b->least && n <= b->most;
}

static void explain(const struct run *r, const struct bounds *b, struct text *message)
{
    const struct matcher *m = tally_matcher(b->tally);
    text_add(message, S("expected "));
    count_text(b->least, b->most, message);
    text_add(message, S(" "));
    matcher_text(m, message);
    text_printf(message, " within the time-out, found %zu", tally_count(b->tally));
    size_t shown = 0;
    for (struct view_cursor c =
             view_first(r->view, matcher_resource(m, r->view), value_str(m->namespace));
         c.key && shown < 5; view_next(&c)) {
        struct matcher looser = *m;
        looser.filter = NULL;
        if (!matcher_holds(&looser, c.key, c.object) || matcher_holds(m, c.key, c.object))
            continue;
        text_printf(message, "\n      not counted: %.*s", STR_ARG(c.key->name));
        run_explain(r, c.key->name, message);
        shown++;
    }
}

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    struct matcher m;
    struct bounds b;
    matcher_of_kind(r, arguments, &m);
    b.tally = tally_new(r->view, &m);
    count_bounds(arguments, &b.least, &b.most);
    bool holds = run_until(r, is_within, &b, run_deadline(r, arguments));
    if (!holds)
        explain(r, &b, message);
    tally_free(b.tally);
    return holds ? OUTCOME_PASSED : OUTCOME_FAILED;
}

const struct step_kind step_count = {
    .name = "count",
    .help = "the number of matching objects becomes as said, within the time-out",
    .example = "count: {apiVersion: v1, kind: Pod, selector: app=web, jq: '.status.phase == "
               "\"Running\"', equals: 3}",
    .shape = &count_shape,
    .run = run_step,
};
