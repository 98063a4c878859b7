/* SPDX-License-Identifier: Apache-2.0
 *
 * The machines, zones and components that a scenario's faults name are known before anything runs,
 * so a slip of typing is a mistake of the file (with its place), not a failure after minutes of
 * virtual time.
 */
#include "sim/base/base.h"

#include "scenarios/engine/faults.h"

struct names_check {
    struct run *run;
    struct text path;
    struct errmsg *message;
};

static bool zone_exists(const struct run *r, struct str zone)
{
    for (size_t i = 0; i < cluster_host_count(r->cluster); i++) {
        if (str_equal(cluster_host_zone(r->cluster, i), zone))
            return true;
    }
    return false;
}

static enum err check_list(struct names_check *c, struct str key, struct value list)
{
    AUTO(text) struct text why = {0};
    uint32_t id;
    for (size_t i = 0; i < value_count(list); i++) {
        struct str name = value_str(value_at(list, i));
        bool is_there = true;
        if (str_equal(key, S("components")))
            is_there = fault_find_process(c->run, name, &id, &why);
        else if (str_equal(key, S("nodes")))
            is_there = str_equal(name, S("outside")) || fault_find_host(c->run, name, &id, &why);
        else if (str_equal(key, S("zones")))
            is_there = zone_exists(c->run, name);
        if (is_there)
            continue;
        if (!why.size)
            text_printf(&why, "no machine is in zone \"%.*s\"", STR_ARG(name));
        text_printf(&c->path, "[%zu]", i);
        return place_error(c->run->scenario->document, text_str(&c->path), ERR_UNKNOWN, c->message,
                           "%s", text_c(&why));
    }
    return ERR_OK;
}

static enum err check_names(struct names_check *c, struct value v)
{
    for (size_t i = 0; i < value_count(v) && value_kind(v) == VALUE_OBJECT; i++) {
        struct str key = value_key_at(v, i);
        struct value part = value_member_at(v, i);
        size_t length = c->path.size;
        text_printf(&c->path, ".%.*s", STR_ARG(key));
        enum err e = ERR_OK;
        if (value_kind(part) == VALUE_ARRAY)
            e = check_list(c, key, part);
        else if (!str_equal(key, S("pods"))) /* its keys are namespaces */
            e = check_names(c, part);
        if (e)
            return e;
        c->path.size = length;
    }
    return ERR_OK;
}

static enum err check_operations(struct names_check *c, struct value operations)
{
    for (size_t i = 0; i < value_count(operations); i++) {
        struct value arguments = value_get_key(value_at(operations, i), S("inject"));
        size_t length = c->path.size;
        text_printf(&c->path, "[%zu].inject", i);
        enum err e = check_names(c, arguments);
        if (e)
            return e;
        c->path.size = length;
    }
    return ERR_OK;
}

enum err faults_check_names(struct run *r, struct errmsg *message)
{
    static const char *const lists[] = {"try", "catch", "finally"};
    struct names_check c = {.run = r, .message = message};
    struct value steps = r->scenario->steps;
    enum err e = ERR_OK;
    for (size_t i = 0; i < value_count(steps) && !e; i++) {
        for (size_t k = 0; k < ARRAY_COUNT(lists) && !e; k++) {
            text_clear(&c.path);
            text_printf(&c.path, "spec.steps[%zu].%s", i, lists[k]);
            e = check_operations(&c, value_get_key(value_at(steps, i), str_from(lists[k])));
        }
    }
    text_release(&c.path);
    return e;
}
