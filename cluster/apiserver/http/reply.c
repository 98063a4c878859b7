/* SPDX-License-Identifier: Apache-2.0
 *
 * Sending an answer: headers, gzip, entity tags; and the stream of a watch.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/exchange.h"

#include <microhttpd.h>
#include <stdio.h>
#include <sys/epoll.h>

#include "cluster/api/json.h"
#include "cluster/apiserver/http/gzip.h"
#include "sim/base/calendar.h"

#define READ_BLOCK 512 /* chunks are written where they are sent from, not here */

void exchange_unwatch(struct exchange *x)
{
    if (x->is_watched)
        (void)epoll_ctl(x->server->poll, EPOLL_CTL_DEL, x->fd, NULL);
    x->is_watched = false;
}

static ssize_t watch_read(void *cls, uint64_t position, char *buffer, size_t size)
{
    (void)position;
    struct exchange *x = cls;
    size_t left = x->answer.size - x->sent;
    if (x->state == BROKEN)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (left == 0) {
        if (x->has_ended)
            return MHD_CONTENT_READER_END_OF_STREAM;
        exchange_suspend(x);
        return 0;
    }
    size = size < left ? size : left;
    memcpy(buffer, x->answer.bytes + x->sent, size);
    x->sent += size;
    if (x->sent == x->answer.size) {
        text_clear(&x->answer);
        x->sent = 0;
    }
    return (ssize_t)size;
}

static struct MHD_Response *watch_response(struct exchange *x)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct epoll_event event = {.events = EPOLLRDHUP | EPOLLHUP | EPOLLERR, .data.ptr = x};
    x->fd = info->connect_fd;
    x->is_watched = epoll_ctl(x->server->poll, EPOLL_CTL_ADD, x->fd, &event) == 0;
    x->server->streaming++;
    x->is_streaming = true;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, READ_BLOCK, watch_read, x, NULL);
}

static void add(struct MHD_Response *r, const char *name, struct str value)
{
    AUTO(text) struct text t = {0};
    text_add(&t, value);
    (void)MHD_add_response_header(r, name, text_c(&t));
}

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* As HTTP writes an instant: "Mon, 23 Nov 2026 16:01:18 GMT". */
static void add_time(struct MHD_Response *r, const char *name, int64_t seconds, const char *zone)
{
    static const char days[] = "SunMonTueWedThuFriSat";
    AUTO(text) struct text t = {0};
    struct civil_time c = civil_time_of(seconds);
    text_printf(&t, "%.3s, %02d %.3s %04" PRId64 " %02d:%02d:%02d %s", days + 3 * c.weekday, c.day,
                months + 3 * (c.month - 1), c.year, c.hour, c.minute, c.second, zone);
    add(r, name, text_str(&t));
}

/* What a document says of keeping it. */
static void add_caching(const struct exchange *x, struct MHD_Response *r)
{
    const struct document *d = &x->document;
    add(r, "Cache-Control", d->cache_control.size > 0 ? d->cache_control : S("no-cache, private"));
    if (d->varies)
        add(r, "Vary", d->is_compressed ? S("Accept-Encoding, Accept") : S("Accept"));
    if (d->modified_s > 0)
        add_time(r, "Last-Modified", d->modified_s, "GMT");
    if (d->modified_s > 0 && !d->is_compressed && x->code != 304)
        add(r, "Accept-Ranges", S("bytes"));
    if (d->location.size > 0)
        add(r, "Location", text_str(&d->location));
    if (d->expires) {
        int64_t now = floor_divide(sim_wall(x->server->options.sim).unix_ns, 1000000000);
        add_time(r, "Expires", now + 365 * 86400, "UTC");
    }
    if (d->etag.size > 0) {
        AUTO(text) struct text etag = {0};
        text_printf(&etag, "\"%s\"", text_c(&d->etag));
        add(r, "Etag", text_str(&etag));
    }
}

/* "Mon, 23 Nov 2026 16:01:18 GMT", in Unix time; -1 for anything else. */
static int64_t read_time(const char *text)
{
    int day, hour, minute, second, year;
    char month[4];
    if (sscanf(text, "%*3s, %2d %3s %4d %2d:%2d:%2d", &day, month, &year, &hour, &minute,
               &second) != 6)
        return -1;
    const char *at = strlen(month) == 3 ? strstr(months, month) : NULL;
    if (!at || (at - months) % 3 != 0)
        return -1;
    return civil_days(year, (int)(at - months) / 3 + 1, day) * 86400 + hour * 3600 + minute * 60 +
           second;
}

/* Does the client have this document already? */
static bool is_known(const struct exchange *x)
{
    const struct document *d = &x->document;
    struct str rest = str_from(x->if_none_match);
    if (d->modified_s > 0 && rest.size == 0)
        return d->modified_s <= read_time(x->if_modified_since);
    while (d->etag.size > 0 && rest.size > 0) {
        struct str tag = str_trim(str_cut(rest, ',', &rest));
        if (str_starts_with(tag, S("W/")))
            tag = str_slice(tag, 2, tag.size);
        if (tag.size > 2 && str_equal(str_slice(tag, 1, tag.size - 1), text_str(&d->etag)))
            return true;
    }
    return false;
}

static void add_warnings(const struct exchange *x, struct MHD_Response *r)
{
    for (size_t i = 0; i < value_count(x->warnings); i++) {
        AUTO(text) struct text line = {0};
        text_add(&line, S("299 - "));
        json_write_string(value_str(value_at(x->warnings, i)), &line);
        add(r, "Warning", text_str(&line));
    }
}

static void add_headers(struct exchange *x, struct MHD_Response *r)
{
    if (x->is_last) {
        add(r, "Content-Type", x->content_type);
        add(r, "Connection", S("close"));
        return;
    }
    AUTO(text) struct text audit = {0};
    struct http_flow flow = x->server->options.flow(x->server->options.owner, x->credential);
    random_uuid(&audit);
    add(r, "Audit-Id", text_str(&audit));
    add_caching(x, r);
    if (x->code != 304)
        add(r, "Content-Type", x->content_type);
    if (!x->is_sniffable)
        add(r, "X-Content-Type-Options", S("nosniff"));
    if (flow.schema_uid.size > 0)
        add(r, "X-Kubernetes-Pf-Flowschema-Uid", flow.schema_uid);
    if (flow.level_uid.size > 0)
        add(r, "X-Kubernetes-Pf-Prioritylevel-Uid", flow.level_uid);
    if (x->retry_after_s > 0) {
        AUTO(text) struct text seconds = {0};
        text_add_int(&seconds, x->retry_after_s);
        add(r, "Retry-After", text_str(&seconds));
    }
    add_warnings(x, r);
}

bool exchange_reply(struct exchange *x)
{
    if (!x->server->options.sim)
        return false;
    bool is_gzip = false;
    struct MHD_Response *r;
    if (x->state == STREAMING) {
        r = watch_response(x);
    } else {
        if (x->code == 200 && is_known(x)) {
            x->code = 304;
            text_clear(&x->answer);
        }
        is_gzip = x->accepts_gzip && x->answer.size > GZIP_FROM_BYTES && gzip(&x->answer);
        r = MHD_create_response_from_buffer(x->answer.size, x->answer.bytes,
                                            MHD_RESPMEM_PERSISTENT);
    }
    if (!r)
        return false;
    add_headers(x, r);
    if (is_gzip) {
        add(r, "Content-Encoding", S("gzip"));
        if (!x->document.varies)
            add(r, "Vary", S("Accept-Encoding"));
    }
    enum MHD_Result result = MHD_queue_response(x->mhd, (unsigned)x->code, r);
    MHD_destroy_response(r);
    return result == MHD_YES;
}
