/* SPDX-License-Identifier: Apache-2.0
 *
 * Paths of resources:
 *
 *     /api/v1/pods                                        all pods
 *     /api/v1/namespaces/default/pods/web/status          a subresource of one object
 *     /api/v1/namespaces/default/finalize                 "namespaces" is a resource itself
 *     /apis/apps/v1/watch/namespaces/default/deployments  the old way to ask for a watch
 *     /apis/apps/v1, /version, /healthz/ping              no resources
 *
 * Escapes are decoded before the path is cut at its slashes, as Go does it: "a%2Fb" is the
 * subresource b of a. A target may name its host ("http://x/api"), as clients of proxies send it.
 *
 * Options are decoded as Go's url.ParseQuery does: '+' is a blank; a pair that is malformed, or has
 * a semicolon in it, is left out.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/target.h"

#include "sim/base/text.h"

#define SEGMENTS_MAX 64

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool target_unescape(struct str s, struct text *out)
{
    for (size_t i = 0; i < s.size; i++) {
        int high = s.bytes[i] == '%' && i + 1 < s.size ? hex_digit(s.bytes[i + 1]) : -1;
        int low = high >= 0 && i + 2 < s.size ? hex_digit(s.bytes[i + 2]) : -1;
        if (s.bytes[i] == '%' && low < 0)
            return false;
        text_add_byte(out, low >= 0 ? (char)(high * 16 + low) : s.bytes[i]);
        i += low >= 0 ? 2 : 0;
    }
    return true;
}

/* False: a percent sign without two digits behind it. */
static bool unescape(struct str s, bool is_query, struct arena *arena, struct str *ret_text)
{
    char *out = arena_array(arena, char, s.size + 1);
    size_t size = 0;
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (c == '%') {
            int high = i + 1 < s.size ? hex_digit(s.bytes[i + 1]) : -1;
            int low = i + 2 < s.size ? hex_digit(s.bytes[i + 2]) : -1;
            if (high < 0 || low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        out[size++] = c;
    }
    *ret_text = (struct str){out, size};
    return true;
}

static void options_parse(struct str query, struct arena *arena, struct target *t)
{
    size_t most = query.size > 0 ? 1 : 0;
    for (size_t i = 0; i < query.size; i++)
        most += query.bytes[i] == '&';
    most = most < TARGET_OPTIONS_MAX ? most : TARGET_OPTIONS_MAX;
    t->options = arena_array(arena, struct option, most);
    while (query.size > 0 && t->option_count < most) {
        struct str value, pair = str_cut(query, '&', &query);
        if (pair.size == 0 || str_find(pair, ';') < pair.size)
            continue;
        struct str name = str_cut(pair, '=', &value);
        struct option *o = &t->options[t->option_count];
        if (unescape(name, true, arena, &o->name) && unescape(value, true, arena, &o->value))
            t->option_count++;
    }
}

struct str target_option(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->option_count; i++) {
        if (str_equal(t->options[i].name, str_from(name)))
            return t->options[i].value;
    }
    return S("");
}

bool target_has_option(const struct target *t, const char *name)
{
    for (size_t i = 0; i < t->option_count; i++) {
        if (str_equal(t->options[i].name, str_from(name)))
            return true;
    }
    return false;
}

/* ---- the path ---- */

struct segments {
    struct str items[SEGMENTS_MAX];
    size_t count;
};

static bool is_of_namespace_itself(struct str s)
{
    return str_equal(s, S("status")) || str_equal(s, S("finalize"));
}

/* What follows the version. */
static void resource_parse(const struct segments *s, size_t at, struct arena *arena,
                           struct target *t)
{
    if (at < s->count && str_equal(s->items[at], S("watch")) && at + 1 < s->count) {
        t->is_legacy_watch = true;
        at++;
    }
    if (at < s->count && str_equal(s->items[at], S("namespaces")) && at + 1 < s->count) {
        t->namespace = s->items[at + 1];
        if (at + 2 < s->count && !is_of_namespace_itself(s->items[at + 2]))
            at += 2;
    }
    t->kind = TARGET_RESOURCE;
    t->plural = s->items[at];
    t->name = at + 1 < s->count ? s->items[at + 1] : S("");
    if (at + 2 >= s->count)
        return;
    AUTO(text) struct text rest = {0};
    for (size_t i = at + 2; i < s->count; i++) {
        if (i > at + 2)
            text_add_byte(&rest, '/');
        text_add(&rest, s->items[i]);
    }
    t->subresource = arena_str(arena, text_str(&rest));
}

/* "http://host/path": from the path on. */
static struct str without_host(struct str target)
{
    static const struct str schemes[] = {{"http://", 7}, {"https://", 8}};
    for (size_t i = 0; i < ARRAY_COUNT(schemes); i++) {
        if (!str_starts_with(target, schemes[i]))
            continue;
        target = str_slice(target, schemes[i].size, target.size);
        target = str_slice(target, str_find(target, '/'), target.size);
        return target.size > 0 ? target : S("/");
    }
    return target;
}

/* False: too many; or one is empty, which no path of a resource has. */
static bool path_cut(struct str path, struct segments *s)
{
    path = str_slice(path, 1, path.size);
    while (path.size > 0) {
        struct str part = str_cut(path, '/', &path);
        if (part.size == 0 || s->count == SEGMENTS_MAX)
            return false;
        s->items[s->count++] = part;
    }
    return true;
}

bool target_parse(struct str target, struct arena *arena, struct target *ret_target)
{
    struct target *t = ret_target;
    *t = (struct target){.kind = TARGET_PATH};
    target = without_host(target);
    if (target.size == 0 || target.size > TARGET_SIZE_MAX || target.bytes[0] != '/')
        return false;
    target = str_slice(target, 0, str_find(target, '#'));
    struct str query, path = str_cut(target, '?', &query);
    if (!unescape(path, false, arena, &t->path))
        return false;
    options_parse(query, arena, t);
    struct segments s = {.count = 0};
    if (!path_cut(t->path, &s))
        return true;
    bool is_core = s.count > 2 && str_equal(s.items[0], S("api"));
    bool is_grouped = s.count > 3 && str_equal(s.items[0], S("apis"));
    if (!is_core && !is_grouped)
        return true;
    t->group = is_core ? S("") : s.items[1];
    t->version = s.items[is_core ? 1 : 2];
    resource_parse(&s, is_core ? 2 : 3, arena, t);
    return true;
}
