/* SPDX-License-Identifier: Apache-2.0
 *
 * Continue tokens (continue_token.h), as apiserver/pkg/storage/continue.go. The start is the last
 * key returned, below the resource's prefix and with a zero byte behind it: the first possible key
 * after it.
 */
#include "cluster/apiserver/continue_token.h"

#include "cluster/api/json.h"
#include "cluster/api/value.h"
#include "sim/base/base64.h"

static const char base64_alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Where Go's decoder stops: at the first byte that is none of the alphabet, else at the end. */
static size_t base64_broken_at(struct str s)
{
    size_t i = 0;
    while (i < s.size && s.bytes[i] && strchr(base64_alphabet, s.bytes[i]))
        i++;
    return i;
}

void continue_token_write(int64_t revision, struct str namespace, struct str name, struct text *out)
{
    AUTO(text) struct text json = {0};
    text_printf(&json, "{\"v\":\"meta.k8s.io/v1\",\"rv\":%" PRId64 ",\"start\":\"/", revision);
    if (namespace.size > 0)
        text_printf(&json, "%.*s/", STR_ARG(namespace));
    text_printf(&json, "%.*s\\u0000\"}", STR_ARG(name));
    base64url_add((const uint8_t *)json.bytes, json.size, out);
}

/* What follows `key` in the text, up to the end of it. */
static bool member_find(struct str json, struct str key, struct str *ret_rest)
{
    for (size_t i = 0; i + key.size <= json.size; i++) {
        if (memcmp(json.bytes + i, key.bytes, key.size) == 0) {
            *ret_rest = str_slice(json, i + key.size, json.size);
            return true;
        }
    }
    return false;
}

static bool refuse(struct text *ret_message, const char *why)
{
    text_printf(ret_message, "invalid continue token: continue key is not valid: %s", why);
    return false;
}

bool continue_token_read(struct str token, struct continue_token *ret_token,
                         struct text *ret_message)
{
    AUTO(text) struct text json = {0};
    if (!base64url_decode(token, &json)) {
        text_printf(ret_message,
                    "invalid continue token: continue key is not valid: illegal base64 data at "
                    "input byte %zu",
                    base64_broken_at(token));
        return false;
    }
    struct str all = text_str(&json), rest;
    struct value parsed = VALUE_ABSENT;
    struct errmsg message = {{0}};
    const struct json_limits limits = {.has_bare_messages = true};
    if (json_parse(all, &limits, &parsed, &message) != ERR_OK)
        return refuse(ret_message, message.text);
    AUTO(text) struct text unknown = {0};
    text_printf(&unknown, "server does not recognize this encoded version \"%.*s\"",
                STR_ARG(value_str(value_get_key(parsed, S("v")))));
    value_drop(parsed);
    if (!member_find(all, S("\"v\":\"meta.k8s.io/v1\""), &rest))
        return refuse(ret_message, text_c(&unknown));
    int64_t revision = 0;
    if (!member_find(all, S("\"rv\":"), &rest) ||
        !str_to_int64(str_slice(rest, 0, str_find(rest, ',')), &revision) || revision == 0)
        return refuse(ret_message,
                      "incorrect encoded start resourceVersion (version meta.k8s.io/v1)");
    if (!member_find(all, S("\"start\":\""), &rest))
        return refuse(ret_message, "encoded start key empty (version meta.k8s.io/v1)");
    struct str start = str_slice(rest, 0, str_find(rest, '"'));
    if (str_ends_with(start, S("\\u0000")))
        start.size -= strlen("\\u0000");
    if (start.size > 0 && start.bytes[0] == '/')
        start = str_slice(start, 1, start.size);
    if (start.size == 0)
        return refuse(ret_message, "encoded start key empty (version meta.k8s.io/v1)");
    struct str name, namespace = str_cut(start, '/', &name);
    if (name.size == 0 && !str_ends_with(start, S("/"))) {
        name = namespace;
        namespace = S("");
    }
    *ret_token = (struct continue_token){.revision = revision};
    text_add(&ret_token->after_namespace, namespace);
    text_add(&ret_token->after_name, name);
    return true;
}

void continue_token_release(struct continue_token *t)
{
    text_release(&t->after_namespace);
    text_release(&t->after_name);
}
