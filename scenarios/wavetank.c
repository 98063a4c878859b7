/* SPDX-License-Identifier: Apache-2.0
 *
 * The library's face: a run without a file behind it. What the caller gives as text becomes a
 * scenario without steps and, later, operations that are checked against the same shapes and done
 * by the same code as those of scenario files.
 */
#include "sim/base/base.h"

#include "scenarios/wavetank.h"

#include <stdio.h>
#include <stdlib.h>

#include "cluster/api/json.h"
#include "scenarios/engine/faults.h"
#include "scenarios/engine/invariants.h"
#include "scenarios/engine/library.h"
#include "scenarios/engine/report.h"
#include "scenarios/engine/steps.h"
#include "sim/base/mem.h"

#define LAST_LINES 1000

struct wavetank {
    struct scenario *scenario;
    struct run *run;
};

static int answer(char *error, size_t size, int code, const char *text)
{
    if (error && size > 0)
        snprintf(error, size, "%s", text);
    return code;
}

struct wavetank *wavetank_new(const char *cluster, uint64_t seed, char *error, size_t error_size)
{
    struct documents options = {0};
    struct errmsg message = {{0}};
    AUTO(text) struct text text = {0};
    if (documents_parse(S("cluster"), str_from(cluster ? cluster : "{}"), &options, &message)) {
        (void)answer(error, error_size, WAVETANK_BAD_INPUT, message.text);
        return NULL;
    }
    text_add(&text, S("{\"apiVersion\": \"" SCENARIO_API_VERSION
                      "\", \"kind\": \"Scenario\", \"metadata\": {\"name\": "
                      "\"library\"}, \"spec\": {\"cluster\": "));
    if (options.count)
        json_write(options.items[0].root, &text);
    else
        text_add(&text, S("{}"));
    text_add(&text, S("}}"));
    documents_release(&options);
    struct wavetank *w = mem_new(struct wavetank);
    w->scenario = scenario_parse(S("cluster"), text_str(&text), &message);
    if (w->scenario)
        w->run =
            run_new(w->scenario, &(struct run_options){.has_seed = true, .seed = seed}, &message);
    if (!w->run) {
        wavetank_free(w);
        (void)answer(error, error_size, WAVETANK_BAD_INPUT, message.text);
        return NULL;
    }
    sim_keep_last_lines(w->run->sim, LAST_LINES);
    run_bring_up(w->run);
    return w;
}

void wavetank_free(struct wavetank *w)
{
    if (!w)
        return;
    run_free(w->run);
    scenario_free(w->scenario);
    mem_free(w);
}

struct run *wavetank_run(struct wavetank *w)
{
    return w->run;
}

/* ---- acting ---- */

static int judge(const struct wavetank *w, enum outcome o, const struct text *why, char *error,
                 size_t size)
{
    if (w->run->outcome == OUTCOME_FAILED)
        return answer(error, size, WAVETANK_FAILED, text_c(&w->run->message));
    return o == OUTCOME_PASSED ? answer(error, size, WAVETANK_OK, "")
                               : answer(error, size, WAVETANK_FAILED, text_c(why));
}

/* One document that is an operation. */
static int do_operation(struct wavetank *w, struct document *d, char *error, size_t size)
{
    struct errmsg message = {{0}};
    AUTO(text) struct text why = {0};
    if (shape_check(&step_operation_shape, d->root, d, S(""), &message) ||
        scenario_add_files(w->scenario, d->root, &message))
        return answer(error, size, WAVETANK_BAD_INPUT, message.text);
    const struct step_kind *kind = step_kind_find(value_key_at(d->root, 0));
    CHECK(kind);
    enum outcome o = kind->run(w->run, value_member_at(d->root, 0), &why);
    return judge(w, o, &why, error, size);
}

int wavetank_do(struct wavetank *w, const char *yaml, char *error, size_t error_size)
{
    struct documents d = {0};
    struct errmsg message = {{0}};
    if (documents_parse(S("operation"), str_from(yaml), &d, &message))
        return answer(error, error_size, WAVETANK_BAD_INPUT, message.text);
    int code = WAVETANK_OK;
    for (size_t i = 0; i < d.count && code == WAVETANK_OK; i++)
        code = do_operation(w, &d.items[i], error, error_size);
    documents_release(&d);
    return code;
}

/* Puts `value` below a key as an operation. */
static int do_with(struct wavetank *w, const char *format, struct value v, char *error, size_t size)
{
    AUTO(text) struct text json = {0};
    AUTO(text) struct text text = {0};
    json_write(v, &json);
    text_printf(&text, "{\"%s\": %s}", format, text_c(&json));
    return wavetank_do(w, text_c(&text), error, size);
}

int wavetank_apply(struct wavetank *w, const char *yaml, char *error, size_t error_size)
{
    struct documents d = {0};
    struct errmsg message = {{0}};
    if (documents_parse(S("manifest"), str_from(yaml), &d, &message))
        return answer(error, error_size, WAVETANK_BAD_INPUT, message.text);
    int code = WAVETANK_OK;
    for (size_t i = 0; i < d.count && code == WAVETANK_OK; i++) {
        struct value arguments =
            value_set_key(value_object(), S("resource"), value_keep(d.items[i].root));
        code = do_with(w, "apply", arguments, error, error_size);
        value_drop(arguments);
    }
    documents_release(&d);
    return code;
}

int wavetank_inject(struct wavetank *w, const char *yaml, char *error, size_t error_size)
{
    struct documents d = {0};
    struct errmsg message = {{0}};
    if (documents_parse(S("fault"), str_from(yaml), &d, &message))
        return answer(error, error_size, WAVETANK_BAD_INPUT, message.text);
    int code = d.count == 1 ? do_with(w, "inject", d.items[0].root, error, error_size)
                            : answer(error, error_size, WAVETANK_BAD_INPUT, "expected one fault");
    documents_release(&d);
    return code;
}

int wavetank_heal(struct wavetank *w, const char *name, char *error, size_t error_size)
{
    struct value arguments = value_set_key(value_object(), S("name"), value_string(str_from(name)));
    int code = do_with(w, "heal", arguments, error, error_size);
    value_drop(arguments);
    return code;
}

/* ---- running ---- */

static int run_to(struct wavetank *w, const char *text, struct instant from, char *error,
                  size_t size)
{
    struct duration d;
    if (!duration_parse(str_from(text), &d) || d.ns < 0)
        return answer(error, size, WAVETANK_BAD_INPUT, "expected a duration such as 30s or 5m");
    (void)run_until(w->run, NULL, NULL, instant_add(from, d));
    return judge(w, OUTCOME_PASSED, NULL, error, size);
}

int wavetank_run_for(struct wavetank *w, const char *duration, char *error, size_t error_size)
{
    return run_to(w, duration, sim_now(w->run->sim), error, error_size);
}

int wavetank_run_until(struct wavetank *w, const char *instant, char *error, size_t error_size)
{
    return run_to(w, instant, (struct instant){0}, error, error_size);
}

int64_t wavetank_now_ns(const struct wavetank *w)
{
    return sim_now(w->run->sim).ns;
}

/* ---- looking ---- */

/* For the caller to free(): not from our allocator. */
static char *hand_over(const struct text *t)
{
    char *copy = malloc(t->size + 1);
    if (copy)
        memcpy(copy, text_c(t), t->size + 1);
    return copy;
}

char *wavetank_timeline(const struct wavetank *w)
{
    AUTO(text) struct text lines = {0};
    sim_add_last_lines(w->run->sim, &lines);
    return hand_over(&lines);
}

char *wavetank_get(const struct wavetank *w, const char *api_version, const char *kind,
                   const char *namespace_, const char *name)
{
    const struct resource *r = view_find_kind(w->run->view, str_from(api_version), str_from(kind));
    if (!r)
        return NULL;
    const struct object_key *key = object_key_of(r->storage, str_from(namespace_), str_from(name));
    struct value object = view_get(w->run->view, key);
    AUTO(text) struct text json = {0};
    if (value_is_present(object))
        report_object(key, object, &json);
    object_key_unref(key);
    return json.size ? hand_over(&json) : NULL;
}

char *wavetank_list(const struct wavetank *w, const char *api_version, const char *kind,
                    const char *namespace_)
{
    const struct resource *r = view_find_kind(w->run->view, str_from(api_version), str_from(kind));
    if (!r)
        return NULL;
    AUTO(text) struct text json = {0};
    text_add_byte(&json, '[');
    for (struct view_cursor c = view_first(w->run->view, r, str_from(namespace_)); c.key;
         view_next(&c)) {
        text_add(&json, json.size > 1 ? S(",\n") : S(""));
        report_object(c.key, c.object, &json);
    }
    text_add_byte(&json, ']');
    return hand_over(&json);
}

uint64_t wavetank_trace_hash(const struct wavetank *w)
{
    return sim_trace_hash(w->run->sim);
}

size_t wavetank_violation_count(const struct wavetank *w)
{
    return invariants_violation_count(w->run->invariants);
}

const char *wavetank_violation(const struct wavetank *w, size_t index)
{
    return index < wavetank_violation_count(w)
               ? text_c(&invariants_violation(w->run->invariants, index)->message)
               : NULL;
}
