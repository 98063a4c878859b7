/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of a script that use the network: wget, curl, nslookup, nc. Each makes a request and
 * waits; what comes back is printed as busybox and curl print it, and becomes their exit status.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

/* [http://]host[:port][/path] */
static void parse_url(struct str url, struct traffic_request *r)
{
    struct str s = url;
    r->port = 80;
    if (str_starts_with(s, S("https://")))
        r->port = 443;
    size_t scheme = str_starts_with(s, S("http://"))    ? 7
                    : str_starts_with(s, S("https://")) ? 8
                                                        : 0;
    s = str_slice(s, scheme, s.size);
    size_t slash = str_find(s, '/');
    struct str path = str_slice(s, slash, s.size);
    struct str port = {0};
    struct str host = str_cut(str_slice(s, 0, slash), ':', &port);
    int64_t number = 0;
    if (port.size > 0 && str_to_int64(port, &number) && number > 0 && number < 65536)
        r->port = (uint16_t)number;
    r->host = mem_copy_string(host);
    r->path = mem_copy_string(path.size ? path : S("/"));
    (void)traffic_ip_parse(host, &r->ip);
}

int shell_run_http(struct shell_call *c)
{
    struct traffic_request *r = traffic_request_new(TRAFFIC_HTTP, 0);
    struct str url = {"", 0};
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        bool takes_value = str_equal(w, S("-O")) || str_equal(w, S("-T")) ||
                           str_equal(w, S("-o")) || str_equal(w, S("-m")) ||
                           str_equal(w, S("-H")) || str_equal(w, S("-X")) ||
                           str_equal(w, S("--max-time")) || str_equal(w, S("-t")) ||
                           str_equal(w, S("-w")) || str_equal(w, S("--connect-timeout"));
        if (takes_value)
            i++;
        else if (!str_starts_with(w, S("-")))
            url = w;
    }
    parse_url(url, r);
    c->shell->request = r;
    return SHELL_AGAIN;
}

int shell_run_nslookup(struct shell_call *c)
{
    struct traffic_request *r = traffic_request_new(TRAFFIC_DNS, 0);
    for (size_t i = 1; i < c->count; i++) {
        if (!str_starts_with(shell_call_word(c, i), S("-"))) {
            r->host = mem_copy_string(shell_call_word(c, i));
            break;
        }
    }
    c->shell->request = r;
    return SHELL_AGAIN;
}

int shell_run_nc(struct shell_call *c)
{
    struct traffic_request *r = traffic_request_new(TRAFFIC_CONNECT, 0);
    int64_t port = 0;
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        if (str_equal(w, S("-w")))
            i++;
        else if (!str_starts_with(w, S("-")) && !r->host)
            r->host = mem_copy_string(w);
        else if (r->host && str_to_int64(w, &port) && port > 0 && port < 65536)
            r->port = (uint16_t)port;
    }
    if (r->host)
        (void)traffic_ip_parse(str_from(r->host), &r->ip);
    c->shell->request = r;
    return SHELL_AGAIN;
}

/* The value behind a one-letter option; empty when there is none. */
static struct str option(char **words, size_t count, const char *name)
{
    for (size_t i = 1; i + 1 < count; i++) {
        if (str_equal(str_from(words[i]), str_from(name)))
            return str_from(words[i + 1]);
    }
    return (struct str){"", 0};
}

static bool has_flag(char **words, size_t count, char flag)
{
    for (size_t i = 1; i < count; i++) {
        struct str w = str_from(words[i]);
        if (w.size > 1 && w.bytes[0] == '-' && w.bytes[1] != '-' && str_find(w, flag) < w.size)
            return true;
    }
    return false;
}

static struct str name_in_url(char **words, size_t count)
{
    struct str url = str_from(words[count - 1]);
    size_t scheme = str_starts_with(url, S("http://")) ? 7 : 0;
    url = str_slice(url, scheme, url.size);
    return str_slice(url, 0, str_find(str_slice(url, 0, str_find(url, '/')), ':'));
}

static int finish_wget(struct shell *s, char **words, size_t count,
                       const struct traffic_response *r)
{
    bool is_curl = str_equal(str_from(words[0]), S("curl"));
    struct str body = str_from(r->body ? r->body : "");
    struct str file = option(words, count, is_curl ? "-o" : "-O");
    struct str host = name_in_url(words, count);
    if (r->result == TRAFFIC_NO_NAME) {
        if (is_curl)
            shell_write_error(s, "curl: (6) Could not resolve host: %.*s\n", STR_ARG(host));
        else
            shell_write_error(s, "wget: bad address '%.*s'\n", STR_ARG(host));
        return is_curl ? 6 : 1;
    }
    if (r->result != TRAFFIC_OK) {
        if (is_curl)
            shell_write_error(s, "curl: (%d) Failed to connect to %.*s: %s\n",
                              r->result == TRAFFIC_TIMEOUT ? 28 : 7, STR_ARG(host),
                              traffic_result_text(r->result));
        else if (r->result == TRAFFIC_TIMEOUT)
            shell_write_error(s, "wget: download timed out\n");
        else
            shell_write_error(s, "wget: can't connect to remote host: %s\n",
                              r->result == TRAFFIC_REFUSED ? "Connection refused"
                                                           : "No route to host");
        return is_curl ? (r->result == TRAFFIC_TIMEOUT ? 28 : 7) : 1;
    }
    if (!is_curl && r->status >= 400) {
        shell_write_error(s, "wget: server returned error: HTTP/1.1 %d\n", r->status);
        return 1;
    }
    if (is_curl && r->status >= 400 && has_flag(words, count, 'f')) {
        shell_write_error(s, "curl: (22) The requested URL returned error: %d\n", r->status);
        return 22;
    }
    if (file.size > 0 && !str_equal(file, S("-"))) {
        AUTO(text) struct text path = {0};
        (void)shell_path(s, file, &path);
        return s->host.write(s->host.owner, text_str(&path), body, false) ? 1 : 0;
    }
    if ((is_curl || str_equal(file, S("-")) || has_flag(words, count, 'O')) &&
        !(has_flag(words, count, 'q') && file.size == 0 && !has_flag(words, count, 'O')))
        shell_write(s, body);
    return 0;
}

static int finish_nslookup(struct shell *s, char **words, size_t count,
                           const struct traffic_response *r)
{
    struct str name = count > 1 ? str_from(words[1]) : (struct str){"", 0};
    AUTO(text) struct text out = {0};
    if (r->result != TRAFFIC_OK) {
        text_printf(&out, "** server can't find %.*s: NXDOMAIN\n", STR_ARG(name));
        shell_write(s, text_str(&out));
        return 1;
    }
    text_add(&out, S("Server:\t\t10.96.0.10\nAddress:\t10.96.0.10:53\n\n"));
    struct str rest = str_from(r->body ? r->body : "");
    while (rest.size > 0) {
        struct str address = str_cut(rest, '\n', &rest);
        text_printf(&out, "Name:\t%.*s\nAddress: %.*s\n", STR_ARG(name), STR_ARG(address));
    }
    shell_write(s, text_str(&out));
    return 0;
}

int shell_finish_request(struct shell *s, char **words, size_t count,
                         const struct traffic_response *r)
{
    struct str name = str_from(words[0]);
    if (str_equal(name, S("nslookup")) || str_equal(name, S("host")))
        return finish_nslookup(s, words, count, r);
    if (str_equal(name, S("nc")) || str_equal(name, S("telnet")))
        return r->result == TRAFFIC_OK ? 0 : 1;
    return finish_wget(s, words, count, r);
}
