/* SPDX-License-Identifier: Apache-2.0
 *
 * Step `request`: one HTTP request from a pod, a node or from outside, and what must be answered.
 *
 * From a pod or a node it enters the network of that node, so names, Services, rules and routes are
 * those that the node has at that instant. From outside only nodes can be reached (by name or
 * address, on a node port).
 *
 * The request is sent once: what is lost on the way shows as a time-out.
 */
#include "sim/base/base.h"

#include "scenarios/engine/steps.h"

#include "cluster/network/network.h"
#include "sim/base/mem.h"

static const struct shape_field from_fields[] = {
    {"pod", &shape_string, false, "from inside this pod"},
    {"node", &shape_string, false, "from this node"},
    {"namespace", &shape_string, false, "of the pod"},
};
static bool is_source(struct value v, struct text *expected, struct text *at)
{
    (void)at;
    text_add(expected, S("outside, {pod: NAME} or {node: NAME}"));
    if (value_kind(v) == VALUE_STRING)
        return value_is(v, "outside");
    if (value_kind(v) != VALUE_OBJECT)
        return false;
    for (size_t i = 0; i < value_count(v); i++) {
        bool is_known = false;
        for (size_t j = 0; j < ARRAY_COUNT(from_fields); j++)
            is_known |= str_equal(value_key_at(v, i), str_from(from_fields[j].name));
        if (!is_known || value_kind(value_member_at(v, i)) != VALUE_STRING)
            return false;
    }
    return value_is_present(value_get_key(v, S("pod"))) !=
           value_is_present(value_get_key(v, S("node")));
}
static const struct shape from_shape = {.kind = SHAPE_ANY, .holds = is_source};
static const char *const errors[] = {"refused", "timeout", "unreachable", "no-name", "reset", NULL};
static const struct shape error_shape = {.kind = SHAPE_ENUM, .choices = errors};
static const struct shape_field expect_fields[] = {
    {"status", &shape_integer, false, "the HTTP status"},
    {"body", &shape_string, false, "a part of the body"},
    {"error", &error_shape, false, "no answer: refused, timeout, unreachable, no-name, reset"},
};
static const struct shape answer_shape = {
    .kind = SHAPE_OBJECT, .fields = expect_fields, .field_count = ARRAY_COUNT(expect_fields)};
static const struct shape_field fields[] = {
    {"from", &from_shape, true, "a pod, a node or outside"},
    {"to", &shape_string, true, "the URL"},
    {"expect", &answer_shape, false, "what must be answered; status 200 when absent"},
    {"timeout", &shape_duration, false, "30s when absent"},
};
static const struct shape shape = {
    .kind = SHAPE_OBJECT, .fields = fields, .field_count = ARRAY_COUNT(fields)};

/* ---- the URL ---- */

struct target {
    struct str host, path;
    int64_t port;
};

static bool url_parse(struct str url, struct target *t, struct text *message)
{
    struct str rest = url, scheme = S("http://");
    if (!str_starts_with(url, scheme)) {
        text_printf(message, "request to %.*s: expected http://HOST[:PORT]/PATH", STR_ARG(url));
        return false;
    }
    rest = str_slice(url, scheme.size, url.size);
    size_t slash = str_find(rest, '/');
    t->path = slash < rest.size ? str_slice(rest, slash, rest.size) : S("/");
    struct str port, host = str_cut(str_slice(rest, 0, slash), ':', &port);
    t->host = host;
    t->port = 80;
    bool ok = host.size > 0 &&
              (port.size == 0 || (str_to_int64(port, &t->port) && t->port > 0 && t->port < 65536));
    if (!ok)
        text_printf(message, "request to %.*s: expected http://HOST[:PORT]/PATH", STR_ARG(url));
    return ok;
}

/* ---- where it begins ---- */

static struct str node_address(struct run *r, struct str node, char small[VALUE_SMALL_SIZE])
{
    struct value o = view_get_named(r->view, resource_get(RESOURCE_nodes), S(""), node);
    struct value addresses = VALUE_GET(o, status, addresses);
    for (size_t i = 0; i < value_count(addresses); i++)
        if (VALUE_IS(value_at(addresses, i), "InternalIP", type))
            return value_str_in(VALUE_GET(value_at(addresses, i), address), small);
    return S("");
}

/* A node by its name or address; empty: none. */
static struct str find_node(struct run *r, struct str host, char small[VALUE_SMALL_SIZE])
{
    struct view_cursor c = view_first(r->view, resource_get(RESOURCE_nodes), S(""));
    for (; c.key; view_next(&c))
        if (str_equal(c.key->name, host) || str_equal(node_address(r, c.key->name, small), host))
            return c.key->name;
    return S("");
}

static bool begin_at_pod(struct run *r, struct value from, struct traffic_request *q,
                         struct text *node, struct text *message)
{
    struct value given = value_get_key(from, S("namespace"));
    struct str namespace = value_is_present(given) ? value_str(given) : S("default");
    struct str name = value_str(value_get_key(from, S("pod")));
    struct value pod = view_get_named(r->view, resource_get(RESOURCE_pods), namespace, name);
    if (!traffic_ip_parse(VALUE_STR(pod, status, podIP), &q->source_ip)) {
        text_printf(message, "pod %.*s/%.*s %s", STR_ARG(namespace), STR_ARG(name),
                    value_is_present(pod) ? "has no address yet" : "does not exist");
        return false;
    }
    text_add(node, VALUE_STR(pod, spec, nodeName));
    q->namespace = mem_copy_string(namespace);
    return true;
}

/* Fills in where the request begins and, from outside, whose address it goes to. */
static bool begin_at(struct run *r, struct value from, const struct target *t,
                     struct traffic_request *q, struct text *node, struct text *message)
{
    char small[VALUE_SMALL_SIZE];
    if (value_is_present(value_get_key(from, S("pod"))))
        return begin_at_pod(r, from, q, node, message);
    bool outside = value_kind(from) == VALUE_STRING;
    struct str host = outside ? t->host : value_str(value_get_key(from, S("node")));
    struct str found = find_node(r, host, small);
    if (found.size == 0) {
        text_printf(message,
                    outside ? "from outside only nodes can be reached, and %.*s is none"
                            : "no node %.*s",
                    STR_ARG(host));
        return false;
    }
    text_add(node, found);
    if (outside)
        (void)traffic_ip_parse(node_address(r, found, small), &q->ip);
    return true;
}

/* ---- the answer ---- */

static const char *error_word(enum traffic_result result)
{
    switch (result) {
    case TRAFFIC_OK:
        return "";
    case TRAFFIC_REFUSED:
        return "refused";
    case TRAFFIC_TIMEOUT:
        return "timeout";
    case TRAFFIC_UNREACHABLE:
        return "unreachable";
    case TRAFFIC_NO_NAME:
        return "no-name";
    case TRAFFIC_RESET:
        return "reset";
    }
    return "";
}

static enum outcome judge(struct str url, struct value expect, const struct traffic_response *a,
                          struct text *message)
{
    enum traffic_result result = a ? a->result : TRAFFIC_TIMEOUT;
    struct value error = value_get_key(expect, S("error")), body = value_get_key(expect, S("body"));
    if (value_is_present(error)) {
        if (str_equal(value_str(error), str_from(error_word(result))))
            return OUTCOME_PASSED;
        struct str wanted = value_str(error);
        text_printf(message, "request to %.*s: expected %.*s, got %s", STR_ARG(url),
                    STR_ARG(wanted),
                    result == TRAFFIC_OK ? "an answer" : traffic_result_text(result));
        return OUTCOME_FAILED;
    }
    if (result != TRAFFIC_OK) {
        text_printf(message, "request to %.*s: %s", STR_ARG(url), traffic_result_text(result));
        return OUTCOME_FAILED;
    }
    int64_t status = value_as_integer(value_get_key(expect, S("status")), 200);
    struct str part = value_str(body), actual = str_from(a->body ? a->body : "");
    if (a->status == status && str_contains(actual, part))
        return OUTCOME_PASSED;
    text_printf(message, "request to %.*s: expected status %" PRId64 ", got %d: %.*s", STR_ARG(url),
                status, a->status,
                STR_ARG(str_slice(actual, 0, actual.size < 200 ? actual.size : 200)));
    if (part.size)
        text_printf(message, "\nexpected in the body: %.*s", STR_ARG(part));
    return OUTCOME_FAILED;
}

struct visit_wait {
    struct run *run;
    uint64_t id;
};

static bool is_answered(void *owner)
{
    const struct visit_wait *w = owner;
    return visitor_answer(w->run->sim, w->run->visitor, w->id) != NULL;
}

static enum outcome run_step(struct run *r, struct value arguments, struct text *message)
{
    struct str url = value_str(value_get_key(arguments, S("to")));
    struct target t;
    if (!url_parse(url, &t, message))
        return OUTCOME_FAILED;
    AUTO(text) struct text node = {0};
    struct traffic_request *q = traffic_request_new(TRAFFIC_HTTP, 0);
    if (!begin_at(r, value_get_key(arguments, S("from")), &t, q, &node, message)) {
        message_unref(&q->message);
        return OUTCOME_FAILED;
    }
    q->host = mem_copy_string(t.host);
    q->path = mem_copy_string(t.path);
    q->port = (uint16_t)t.port;
    struct visit_wait w = {r, ++r->last_visit};
    visitor_post(r->sim, r->visitor, w.id, node_network_address(r->sim, text_str(&node)), q);
    (void)run_until(r, is_answered, &w, run_deadline(r, arguments));
    const struct traffic_response *a = visitor_answer(r->sim, r->visitor, w.id);
    sim_trace(r->sim, "request", url, "%s, status %d",
              traffic_result_text(a ? a->result : TRAFFIC_TIMEOUT), a ? a->status : 0);
    return judge(url, value_get_key(arguments, S("expect")), a, message);
}

const struct step_kind step_request = {
    .name = "request",
    .help = "sends an HTTP request and judges the answer",
    .example = "request: {from: {pod: client}, to: \"http://web.default/\", expect: {status: 200}, "
               "timeout: 5s}",
    .shape = &shape,
    .run = run_step,
};
