/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes from a client that has a WebSocket: the first one chooses the channel protocol, the
 * rest are frames. What comes out as a message is taken apart and typed into a terminal. No crash,
 * nothing leaks, the end is found.
 */
#include "tests/fuzz/driver.h"

#include "cluster/apiserver/http/channels.h"
#include "cluster/apiserver/http/websocket.h"
#include "runtime/simulated/console.h"

#include <sys/socket.h>
#include <unistd.h>

static const char *const seeds[] = {
    "\005\x82\x84mask\x6d\x6d\x6d\x6d",
    "\003\x81\x85mask0aGk=\x88\x82mask\x03\xe8",
    "\001\x02\x82maskab\x89\x81maskx\x80\x81maskc",
    "\002\x82\xfe\x00\x7emask0123456789",
};

struct listener {
    enum channel_protocol protocol;
    struct console console;
};

static void on_message(void *owner, struct str bytes, bool is_text)
{
    struct listener *l = owner;
    struct text content = {0}, echo = {0}, line = {0};
    uint8_t channel;
    (void)is_text;
    if (channels_decode(l->protocol, bytes, &channel, &content)) {
        if (channel == 4)
            console_resize(&l->console, text_str(&content));
        else
            console_feed(&l->console, text_str(&content), &echo);
        (void)console_take(&l->console, channel & 1, &line);
        CHECK(l->console.cursor <= l->console.line.size);
    }
    text_release(&content);
    text_release(&echo);
    text_release(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct websocket_events events = {on_message};
    int pair[2];
    if (size == 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
        return 0;
    struct listener l = {.protocol = (enum channel_protocol)(data[0] % (CHANNELS_EVENTS + 1)),
                         .console = {.has_terminal = true}};
    struct websocket *w = websocket_new(&events, &l);
    struct transport transport = {.fd = pair[0]};
    websocket_attach(w, &transport);
    (void)!send(pair[1], data + 1, size - 1, 0);
    close(pair[1]);
    bool goes_on = true;
    for (int i = 0; i < 100 && goes_on; i++)
        goes_on = websocket_step(w);
    CHECK(!goes_on);
    websocket_free(w);
    console_release(&l.console);
    close(pair[0]);
    return 0;
}

FUZZ_MAIN(seeds)
