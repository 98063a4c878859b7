/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the channel protocols and the WebSockets below them. Method: tables for the pure part; a
 * pair of sockets with a client that is made of bytes for the other.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "cluster/apiserver/http/channels.h"
#include "cluster/apiserver/http/websocket.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void test_negotiate(void)
{
    static const struct {
        const char *offered;
        enum channels_use use;
        enum channel_protocol protocol;
        const char *name;
    } rows[] = {
        {"v5.channel.k8s.io", CHANNELS_COMMAND, CHANNELS_V5, "v5.channel.k8s.io"},
        {"v4.channel.k8s.io, v5.channel.k8s.io", CHANNELS_COMMAND, CHANNELS_V4,
         "v4.channel.k8s.io"},
        {"nonsense,base64.channel.k8s.io", CHANNELS_COMMAND, CHANNELS_V1_BASE64,
         "base64.channel.k8s.io"},
        {"v4.base64.channel.k8s.io", CHANNELS_FORWARD, CHANNELS_V4_BASE64,
         "v4.base64.channel.k8s.io"},
        {"", CHANNELS_COMMAND, CHANNELS_V1, ""},
        {"v5.channel.k8s.io", CHANNELS_FORWARD, CHANNELS_NONE, ""},
        {"SPDY/3.1+portforward.k8s.io", CHANNELS_FORWARD, CHANNELS_TUNNEL,
         "SPDY/3.1+portforward.k8s.io"},
        {"SPDY/3.1+portforward.k8s.io", CHANNELS_COMMAND, CHANNELS_NONE, ""},
        {"V5.CHANNEL.K8S.IO", CHANNELS_COMMAND, CHANNELS_NONE, ""},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct str name;
        enum channel_protocol p = channels_negotiate(str_from(rows[i].offered), rows[i].use, &name);
        CU_ASSERT_EQUAL(p, rows[i].protocol);
        CU_ASSERT(str_equal(name, str_from(rows[i].name)));
    }
}

static void test_messages(void)
{
    static const struct {
        enum channel_protocol protocol;
        uint8_t channel;
        struct str bytes, message;
    } rows[] = {
        {CHANNELS_V5, 1, {"hi", 2}, {"\001hi", 3}},
        {CHANNELS_V5, 255, {"\000", 1}, {"\377\000", 2}},
        {CHANNELS_V4, 0, {"", 0}, {"\000", 1}},
        {CHANNELS_V4_BASE64, 1, {"hi", 2}, {"1aGk=", 5}},
        {CHANNELS_V1_BASE64, 2, {"a", 1}, {"2YQ==", 5}},
        {CHANNELS_V1_BASE64, 0, {"abc", 3}, {"0YWJj", 5}},
        {CHANNELS_V4_BASE64, 3, {"\377\000\376", 3}, {"3/wD+", 5}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct text message = {0}, bytes = {0};
        uint8_t channel = 77;

        channels_encode(rows[i].protocol, rows[i].channel, rows[i].bytes, &message);
        bool is_read = channels_decode(rows[i].protocol, text_str(&message), &channel, &bytes);

        CU_ASSERT(str_equal(text_str(&message), rows[i].message));
        CU_ASSERT(is_read);
        CU_ASSERT_EQUAL(channel, rows[i].channel);
        CU_ASSERT(str_equal(text_str(&bytes), rows[i].bytes));
        text_release(&message);
        text_release(&bytes);
    }
}

static void test_bad_messages(void)
{
    static const struct {
        enum channel_protocol protocol;
        const char *message;
    } rows[] = {{CHANNELS_V5, ""},          {CHANNELS_V4_BASE64, "xYQ=="},
                {CHANNELS_V4_BASE64, "1Y"}, {CHANNELS_V1_BASE64, "1Y!=="},
                {CHANNELS_EVENTS, "a"},     {CHANNELS_NONE, "a"}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct text bytes = {0};
        uint8_t channel;
        CU_ASSERT_FALSE(
            channels_decode(rows[i].protocol, str_from(rows[i].message), &channel, &bytes));
        text_release(&bytes);
    }
}

/* ---- WebSockets ---- */

static void test_accept(void)
{
    struct text accept = {0};
    CU_ASSERT(websocket_accept(S("dGhlIHNhbXBsZSBub25jZQ=="), &accept)); /* RFC 6455, 1.3 */
    CU_ASSERT_STRING_EQUAL(text_c(&accept), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    CU_ASSERT_FALSE(websocket_accept(S("short"), &accept));
    text_release(&accept);
}

static void note(void *owner, struct str bytes, bool is_text)
{
    text_printf(owner, "%c%zu:%.*s;", is_text ? 't' : 'b', bytes.size, STR_ARG(bytes));
}
static const struct websocket_events events = {note};

/* A frame of a client, masked. */
static void frame(struct text *out, unsigned first, struct str payload)
{
    static const unsigned char mask[4] = {1, 2, 3, 4};
    text_add_byte(out, (char)first);
    if (payload.size < 126) {
        text_add_byte(out, (char)(128 | payload.size));
    } else {
        text_add_byte(out, (char)(128 | 126));
        text_add_byte(out, (char)(payload.size >> 8));
        text_add_byte(out, (char)payload.size);
    }
    text_add(out, (struct str){(const char *)mask, 4});
    for (size_t i = 0; i < payload.size; i++)
        text_add_byte(out, (char)(payload.bytes[i] ^ (char)mask[i % 4]));
}

/* What a client sends, what the server makes of it, what the server answers first. */
static void run(struct str sent, const char *seen, struct str answered, bool is_over)
{
    int pair[2];
    char buffer[1000];
    struct text log = {0};
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    struct websocket *w = websocket_new(&events, &log);
    struct transport transport = {.fd = pair[0]};
    websocket_attach(w, &transport);
    CU_ASSERT(send(pair[1], sent.bytes, sent.size, 0) == (ssize_t)sent.size);

    bool goes_on = true;
    for (int i = 0; i < 5 && goes_on; i++)
        goes_on = websocket_step(w);
    ssize_t size = recv(pair[1], buffer, sizeof(buffer), MSG_DONTWAIT);

    CU_ASSERT_STRING_EQUAL(text_c(&log), seen);
    CU_ASSERT_EQUAL(goes_on, !is_over);
    CU_ASSERT(size >= (ssize_t)answered.size || answered.size == 0);
    if (answered.size > 0 && size > 0)
        CU_ASSERT(memcmp(buffer, answered.bytes, answered.size) == 0);
    websocket_free(w);
    text_release(&log);
    close(pair[0]);
    close(pair[1]);
}

static void test_frames(void)
{
    struct text t = {0};
    frame(&t, 0x82, S("\001one"));
    frame(&t, 0x81, S("two"));
    run(text_str(&t), "b4:\001one;t3:two;", S(""), false);

    text_clear(&t); /* in three fragments with a ping in between, which is answered */
    frame(&t, 0x02, S("a"));
    frame(&t, 0x00, S("b"));
    frame(&t, 0x89, S("!"));
    frame(&t, 0x80, S("c"));
    run(text_str(&t), "b3:abc;", S("\x8a\x01!"), false);

    text_clear(&t); /* good-bye is answered in kind, and that is the end */
    frame(&t, 0x88, S("\x03\xe8"));
    run(text_str(&t), "", S("\x88\x02\x03\xe8"), true);

    text_clear(&t); /* a frame without a mask: protocol error 1002 */
    text_add(&t, S("\x82\x01"
                   "a"));
    run(text_str(&t), "", S("\x88\x02\x03\xea"), true);

    text_clear(&t); /* a message beyond the limit: 1009 */
    text_add(&t, S("\x82\xff\x00\x00\x00\x00\x7f\x00\x00\x00"
                   "mask!"));
    run(text_str(&t), "", S("\x88\x02\x03\xf1"), true);
    text_release(&t);
}

/* All that was said arrives before good-bye, however much it is. */
static void test_close(void)
{
    int pair[2];
    char buffer[4096];
    struct text log = {0}, all = {0};
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    struct websocket *w = websocket_new(&events, &log);
    for (int i = 0; i < 400; i++)
        websocket_send(w, (struct str){buffer, sizeof(buffer)}, false);
    websocket_close(w, 1000, S(""));
    struct transport transport = {.fd = pair[0]};
    websocket_attach(w, &transport);

    for (int i = 0; i < 5000 && all.size < 400 * (sizeof(buffer) + 4) + 4; i++) {
        (void)websocket_step(w);
        ssize_t size = recv(pair[1], buffer, sizeof(buffer), MSG_DONTWAIT);
        if (size > 0)
            text_add(&all, (struct str){buffer, (size_t)size});
    }

    CU_ASSERT_EQUAL(all.size, 400 * (sizeof(buffer) + 4) + 4);
    CU_ASSERT(str_ends_with(text_str(&all), S("\x88\x02\x03\xe8")));
    websocket_free(w);
    text_release(&log);
    text_release(&all);
    close(pair[0]);
    close(pair[1]);
}

/* A reader that does not read costs memory up to the limit, then its connection. */
static void test_backlog(void)
{
    int pair[2];
    static char block[1 << 20];
    struct text log = {0};
    CU_ASSERT_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0);
    struct websocket *w = websocket_new(&events, &log);
    struct transport transport = {.fd = pair[0]};
    websocket_attach(w, &transport);
    for (size_t i = 0; i < WEBSOCKET_BACKLOG_MAX / sizeof(block) + 2; i++)
        websocket_send(w, (struct str){block, sizeof(block)}, false);
    CU_ASSERT_FALSE(websocket_step(w));
    websocket_free(w);
    text_release(&log);
    close(pair[0]);
    close(pair[1]);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"negotiate", test_negotiate},
                                  {"messages", test_messages},
                                  {"bad messages", test_bad_messages},
                                  {"accept", test_accept},
                                  {"frames", test_frames},
                                  {"close", test_close},
                                  {"backlog", test_backlog},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"channels", NULL, NULL, NULL, NULL, tests},
                                    CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
