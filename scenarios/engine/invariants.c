/* SPDX-License-Identifier: Apache-2.0
 *
 * The frame of the invariants: which are on, whom to ask, what was found. One violation is enough
 * to stop a run: what follows from it would only hide it.
 */
#include "sim/base/base.h"

#include "scenarios/engine/invariants.h"

#include "scenarios/engine/invariants/table.h"
#include "scenarios/engine/run.h"
#include "scenarios/engine/timeline.h"
#include "sim/base/mem.h"

#define EXPLAIN_LINES 8

struct state { /* of one row */
    bool is_on;
    void *memory;
    uint64_t checked;
};
struct invariants {
    struct run *run;
    struct state *states;
    VEC(struct violation) violations;
};

const struct invariant *const invariant_table[] = {
#define INVARIANT(name) &invariant_##name,
#include "scenarios/engine/invariants/table.def"
#undef INVARIANT
};
const size_t invariant_count = ARRAY_COUNT(invariant_table);

static void on_change(void *owner, const struct view_change *change);
static void judge(struct invariants *i, size_t row, const struct object_key *key,
                  struct text *violation);

static bool is_disabled(const struct invariant *row, struct value disabled)
{
    for (size_t i = 0; i < value_count(disabled); i++) {
        if (value_is(value_at(disabled, i), row->id) || value_is(value_at(disabled, i), row->name))
            return true;
    }
    return false;
}

struct invariants *invariants_new(struct run *r, struct value disabled)
{
    struct invariants *i = mem_new(struct invariants);
    i->run = r;
    i->states = mem_array(struct state, invariant_count);
    for (size_t row = 0; row < invariant_count; row++) {
        i->states[row].is_on = !is_disabled(invariant_table[row], disabled);
        if (i->states[row].is_on && invariant_table[row]->memory_new)
            i->states[row].memory = invariant_table[row]->memory_new(r);
    }
    view_listen(r->view, on_change, i);
    return i;
}

void invariants_free(struct invariants *i)
{
    if (!i)
        return;
    view_unlisten(i->run->view, on_change, i);
    for (size_t row = 0; row < invariant_count; row++) {
        if (i->states[row].memory)
            invariant_table[row]->memory_free(i->states[row].memory);
    }
    for (size_t v = 0; v < i->violations.count; v++) {
        object_key_unref(i->violations.items[v].key);
        text_release(&i->violations.items[v].message);
    }
    vec_release(&i->violations);
    mem_free(i->states);
    mem_free(i);
}

static void on_change(void *owner, const struct view_change *change)
{
    struct invariants *i = owner;
    if (i->violations.count)
        return;
    AUTO(text) struct text violation = {0}; /* one for all: it stays empty nearly always */
    for (size_t row = 0; row < invariant_count; row++) {
        const struct invariant *v = invariant_table[row];
        if (!i->states[row].is_on || !v->changed)
            continue;
        struct verdict verdict = {i->run, &i->states[row].checked, &violation};
        v->changed(&verdict, i->states[row].memory, change);
        if (UNLIKELY(violation.size)) {
            judge(i, row, change->key, &violation);
            text_clear(&violation);
        }
    }
}

static void ask(struct invariants *i, bool is_end)
{
    for (size_t row = 0; row < invariant_count && i->violations.count == 0; row++) {
        void (*question)(struct verdict *, void *) =
            is_end ? invariant_table[row]->ended : invariant_table[row]->looked;
        if (!i->states[row].is_on || !question)
            continue;
        AUTO(text) struct text violation = {0};
        struct verdict verdict = {i->run, &i->states[row].checked, &violation};
        question(&verdict, i->states[row].memory);
        if (violation.size)
            judge(i, row, NULL, &violation);
    }
    if (i->violations.count && i->run->outcome == OUTCOME_PASSED)
        run_fail(i->run, "%s", text_c(&i->violations.items[0].message));
}

void invariants_look(struct invariants *i)
{
    ask(i, false);
}

void invariants_at_end(struct invariants *i)
{
    ask(i, true);
}

static void judge(struct invariants *i, size_t row, const struct object_key *key,
                  struct text *violation)
{
    const struct invariant *v = invariant_table[row];
    struct violation found = {
        .invariant = v, .at = sim_now(i->run->sim), .key = key ? object_key_ref(key) : NULL};
    text_printf(&found.message, "invariant %s (%s) violated at %" PRId64 ".%03" PRId64 "s", v->id,
                v->name, found.at.ns / 1000000000, found.at.ns / 1000000 % 1000);
    if (key) {
        text_printf(&found.message, ", %.*s ", STR_ARG(key->resource->qualified));
        object_key_text(key, &found.message);
    }
    text_printf(&found.message, ": %s", text_c(violation));
    if (key)
        timeline_last_lines(i->run->sim, key->name, EXPLAIN_LINES, S("\n        "), &found.message);
    vec_push(&i->violations, found);
}

size_t invariants_enabled_count(const struct invariants *i)
{
    size_t n = 0;
    for (size_t row = 0; row < invariant_count; row++)
        n += i->states[row].is_on;
    return n;
}

uint64_t invariants_checked(const struct invariants *i, size_t index)
{
    CHECK(index < invariant_count);
    return i->states[index].checked;
}

size_t invariants_violation_count(const struct invariants *i)
{
    return i->violations.count;
}

const struct violation *invariants_violation(const struct invariants *i, size_t index)
{
    CHECK(index < i->violations.count);
    return &i->violations.items[index];
}
