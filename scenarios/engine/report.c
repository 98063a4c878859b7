/* SPDX-License-Identifier: Apache-2.0
 *
 * The outputs of a run as text. The JSON is a contract with other programs: keys are added, never
 * changed.
 */
#include "sim/base/base.h"

#include "scenarios/engine/report.h"

#include "cluster/api/json.h"
#include "cluster/api/schema.h"
#include "scenarios/engine/invariants.h"

static void json_key(struct text *out, const char *key);
static void json_seconds(struct text *out, const char *key, int64_t ns);
static void add_steps(const struct run *r, const struct measures *m, struct text *out);
static void add_invariants(const struct run *r, struct text *out);
static void add_pods(const struct run *r, struct text *out);

void report_json(const struct run *r, const struct measures *m, struct text *out)
{
    text_add(out, S("{\"scenario\": "));
    json_write_string(str_from(r->scenario->name), out);
    text_printf(out, ", \"seed\": %" PRIu64 ", \"result\": \"%s\", \"message\": ", r->seed,
                outcome_text(r->outcome));
    json_write_string(text_str(&r->message), out);
    json_seconds(out, "virtualSeconds", sim_now(r->sim).ns);
    json_seconds(out, "wallSeconds", m->wall_us * 1000);
    json_seconds(out, "cpuSeconds", m->cpu_us * 1000);
    text_printf(out,
                ", \"peakRSSBytes\": %" PRId64 ", \"events\": %" PRIu64 ", \"writes\": %" PRIu64
                ", \"traceHash\": \"%016" PRIx64 "\"",
                m->peak_rss_bytes, sim_event_count(r->sim), view_change_count(r->view),
                sim_trace_hash(r->sim));
    add_steps(r, m, out);
    add_invariants(r, out);
    add_pods(r, out);
    text_add(out, S("}\n"));
}

static void json_key(struct text *out, const char *key)
{
    text_printf(out, ", \"%s\": ", key);
}

void report_seconds(int64_t ns, struct text *out)
{
    int64_t ms = (ns + 500000) / 1000000;
    text_printf(out, "%" PRId64 ".%03" PRId64, ms / 1000, ms % 1000);
    while (out->bytes[out->size - 1] == '0' && out->bytes[out->size - 2] != '.')
        out->bytes[--out->size] = 0;
}

static void json_seconds(struct text *out, const char *key, int64_t ns)
{
    json_key(out, key);
    report_seconds(ns, out);
}

void step_name(const struct run *r, size_t step, struct text *out)
{
    struct value name = r->steps.items[step].name;
    if (value_is_present(name))
        text_add(out, value_str(name));
    else
        text_printf(out, "step-%zu", step + 1);
}

static void add_steps(const struct run *r, const struct measures *m, struct text *out)
{
    json_key(out, "steps");
    text_add_byte(out, '[');
    for (size_t i = 0; i < r->steps.count; i++) {
        const struct step_result *s = &r->steps.items[i];
        AUTO(text) struct text name = {0};
        step_name(r, i, &name);
        text_add(out, i ? S(", {\"name\": ") : S("{\"name\": "));
        json_write_string(text_str(&name), out);
        text_printf(out, ", \"result\": \"%s\"", outcome_text(s->outcome));
        json_seconds(out, "startSeconds", s->begun.ns);
        json_seconds(out, "endSeconds", s->ended.ns);
        if (i < m->step_cpu_count)
            json_seconds(out, "cpuSecondsAtEnd", m->step_cpu_us[i] * 1000);
        json_key(out, "message");
        json_write_string(text_str(&s->message), out);
        text_add_byte(out, '}');
    }
    text_add_byte(out, ']');
}

static void add_invariants(const struct run *r, struct text *out)
{
    json_key(out, "invariants");
    text_printf(out, "{\"checked\": %zu, \"violations\": [",
                invariants_enabled_count(r->invariants));
    for (size_t i = 0; i < invariants_violation_count(r->invariants); i++) {
        const struct violation *v = invariants_violation(r->invariants, i);
        text_printf(out, "%s{\"id\": \"%s\", \"name\": \"%s\"", i ? ", " : "", v->invariant->id,
                    v->invariant->name);
        json_seconds(out, "atSeconds", v->at.ns);
        json_key(out, "message");
        json_write_string(text_str(&v->message), out);
        text_add_byte(out, '}');
    }
    text_add(out, S("], \"antecedents\": {"));
    for (size_t i = 0; i < invariant_count; i++)
        text_printf(out, "%s\"%s\": %" PRIu64, i ? ", " : "", invariant_table[i]->id,
                    invariants_checked(r->invariants, i));
    text_add(out, S("}}"));
}

static void add_pods(const struct run *r, struct text *out)
{
    struct pod_counts n = run_pods(r);
    text_printf(
        out,
        ", \"pods\": {\"total\": %zu, \"running\": %zu, \"pending\": %zu, \"unscheduled\": %zu, "
        "\"succeeded\": %zu, \"failed\": %zu}",
        n.total, n.running, n.pending, n.unscheduled, n.succeeded, n.failed);
}

/* ---- objects and changes ---- */

void report_object(const struct object_key *key, struct value object, struct text *out)
{
    struct value whole = value_keep(object);
    if (!value_is_present(VALUE_GET(whole, apiVersion)))
        whole = value_set(whole, ATOM_apiVersion, value_string(key->resource->group_version));
    if (!value_is_present(VALUE_GET(whole, kind)))
        whole = value_set(whole, ATOM_kind, value_string(key->resource->kind));
    schema_write_json(key->resource->type, whole, out);
    value_drop(whole);
}

/* Records of the API servers' own, which no client sees: they lie in etcd under the one row that
 * stores no objects. */
static bool is_internal(const struct resource *r)
{
    return r == resource_get(RESOURCE_componentstatuses);
}

void report_objects(const struct run *r, struct text *out)
{
    bool is_first = true;
    text_add(out, S("{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": ["));
    for (size_t i = 0; i < view_stored_count(r->view); i++) {
        const struct resource *resource = view_stored_at(r->view, i);
        if (resource->storage != resource || is_internal(resource))
            continue;
        for (struct view_cursor c = view_first(r->view, resource, S("")); c.key; view_next(&c)) {
            text_add(out, is_first ? S("\n") : S(",\n"));
            report_object(c.key, c.object, out);
            is_first = false;
        }
    }
    text_add(out, S("\n]}\n"));
}

void report_change(const struct view_change *change, struct text *out)
{
    if (is_internal(change->key->resource))
        return;
    const char *type = !value_is_present(change->before) ? "ADDED"
                       : value_is_present(change->after) ? "MODIFIED"
                                                         : "DELETED";
    text_printf(out,
                "{\"t\": %" PRId64 ".%09" PRId64 ", \"revision\": %" PRId64
                ", \"type\": \"%s\", \"by\": ",
                change->at.ns / 1000000000, change->at.ns % 1000000000, change->revision, type);
    json_write_string(change->by, out);
    text_add(out, S(", \"object\": "));
    report_object(change->key, value_is_present(change->after) ? change->after : change->before,
                  out);
    text_add(out, S("}\n"));
}
