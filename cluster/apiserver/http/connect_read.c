/* SPDX-License-Identifier: Apache-2.0
 *
 * PodLogOptions, PodExecOptions, PodAttachOptions, PodPortForwardOptions and the options of proxies
 * as a query has them.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/options.h"

#include "cluster/api/object.h"
#include "cluster/api/status.h"

static struct value texts_of(const struct target *t, const char *name)
{
    struct value all = VALUE_ABSENT;
    for (size_t i = 0; i < t->option_count; i++) {
        if (str_equal(t->options[i].name, str_from(name)))
            all = value_append(all, value_string(t->options[i].value));
    }
    return all;
}

/* -1 stays what is not there; what is below comes out as something that is refused later on. */
static bool number_read(struct reading *r, const char *name, int64_t *target)
{
    int64_t n = -1;
    if (!option_int(r, name, &n))
        return false;
    bool is_there = target_option(&r->target, name).size > 0;
    *target = is_there && n == -1 ? INT64_MIN : n;
    return true;
}

static bool log_read(struct reading *r, struct connect_options *o)
{
    const struct target *t = &r->target;
    struct wall_time time;
    o->follow = option_bool(t, "follow");
    o->previous = option_bool(t, "previous");
    o->timestamps = option_bool(t, "timestamps");
    o->since_time = option_text(t, "sinceTime");
    o->stream = option_text(t, "stream");
    if (!number_read(r, "sinceSeconds", &o->since_seconds) ||
        !number_read(r, "tailLines", &o->tail_lines) ||
        !number_read(r, "limitBytes", &o->limit_bytes))
        return false;
    if (!value_is_present(o->since_time) || time_parse(o->since_time, &time))
        return true;
    struct str s = target_option(t, "sinceTime");
    AUTO(text) struct text message = {0};
    text_printf(&message,
                "parsing time \"%.*s\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"%.*s\" as "
                "\"2006\"",
                STR_ARG(s), STR_ARG(s));
    r->refusal = status_bad_request(text_str(&message));
    return false;
}

/* What follows "/proxy" in the target, with the query: as it was sent. */
static struct str proxied(const struct http_request *h, const struct target *t)
{
    for (size_t i = 0; i + 6 <= h->target.size; i++) {
        struct str rest = str_slice(h->target, i, h->target.size);
        struct str before = str_slice(h->target, 0, i);
        if (str_starts_with(rest, S("/proxy")) && str_ends_with(before, t->name))
            return str_slice(rest, 6, rest.size);
    }
    return S("");
}

static void proxy_read(const struct http_request *h, struct reading *r, struct connect_options *o)
{
    struct str path = proxied(h, &r->target);
    AUTO(text) struct text whole = {0};
    text_printf(&whole, "%s%.*s", str_starts_with(path, S("/")) ? "" : "/", STR_ARG(path));
    o->method = value_string(h->method);
    o->path = value_string(text_str(&whole));
    if (h->content_type.size > 0)
        o->content_type = value_string(h->content_type);
    if (h->body.size > 0)
        o->content = value_string(h->body);
}

bool connect_read(const struct http_request *h, struct reading *r)
{
    const struct target *t = &r->target;
    struct connect_options *o = request_connect_options(r->request);
    o->is_upgrade = h->is_websocket;
    o->is_spdy = h->is_spdy;
    o->container = option_text(t, "container");
    switch (r->request->subresource) {
    case SUBRESOURCE_LOG:
        return log_read(r, o);
    case SUBRESOURCE_EXEC:
    case SUBRESOURCE_ATTACH:
        o->command = texts_of(t, "command");
        o->has_stdin = option_bool(t, "stdin");
        o->has_stdout = option_bool(t, "stdout");
        o->has_terminal = option_bool(t, "tty");
        o->has_stderr = option_bool(t, "stderr") && !o->has_terminal;
        return true;
    case SUBRESOURCE_PORTFORWARD:
        o->ports = option_text(t, "ports");
        return true;
    case SUBRESOURCE_PROXY:
        proxy_read(h, r, o);
        return true;
    case SUBRESOURCE_NONE:
    case SUBRESOURCE_STATUS:
    case SUBRESOURCE_SCALE:
    case SUBRESOURCE_BINDING:
    case SUBRESOURCE_EVICTION:
    case SUBRESOURCE_FINALIZE:
    case SUBRESOURCE_TOKEN:
    case SUBRESOURCE_APPROVAL:
    case SUBRESOURCE_RESIZE:
    case SUBRESOURCE_EPHEMERALCONTAINERS:
    case SUBRESOURCE_COUNT:
        break;
    }
    return true;
}
