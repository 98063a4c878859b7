/* SPDX-License-Identifier: Apache-2.0
 *
 * Goal: the server's side of SPDY/3.1. Method: a client made of bytes. Its headers are compressed
 * without the dictionary, which a reader takes as well; that the dictionary is the right one shows
 * in the checksum of it that the server's own headers begin with.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/spdy.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>
#include <zlib.h>

static void on_opened(void *owner, uint32_t stream, const struct spdy_header *headers, size_t count)
{
    struct str type = spdy_find(headers, count, "streamtype");
    text_printf(owner, "open %u %.*s of %zu;", stream, STR_ARG(type), count);
}
static void on_data(void *owner, uint32_t stream, struct str bytes)
{
    text_printf(owner, "data %u %.*s;", stream, STR_ARG(bytes));
}
static void on_ended(void *owner, uint32_t stream)
{
    text_printf(owner, "end %u;", stream);
}
static const struct spdy_events events = {on_opened, on_data, on_ended};

static void number(struct text *out, uint32_t n, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        text_add_byte(out, (char)(unsigned char)(n >> (8 * i) & 255));
}

static void control(struct text *out, unsigned type, unsigned flags, struct str payload)
{
    number(out, 0x8003, 2);
    number(out, type, 2);
    number(out, flags, 1);
    number(out, (uint32_t)payload.size, 3);
    text_add(out, payload);
}

static void data(struct text *out, uint32_t stream, unsigned flags, struct str bytes)
{
    number(out, stream, 4);
    number(out, flags, 1);
    number(out, (uint32_t)bytes.size, 3);
    text_add(out, bytes);
}

/* The opening of a stream with one header. */
static void open_stream(struct text *out, z_stream *z, uint32_t stream, const char *type)
{
    struct text block = {0}, payload = {0};
    unsigned char buffer[512];
    number(&block, 1, 4);
    number(&block, 10, 4);
    text_add(&block, S("streamtype"));
    number(&block, (uint32_t)strlen(type), 4);
    text_add(&block, str_from(type));
    z->next_in = (Bytef *)block.bytes;
    z->avail_in = (uInt)block.size;
    z->next_out = buffer;
    z->avail_out = sizeof(buffer);
    CU_ASSERT_FATAL(deflate(z, Z_SYNC_FLUSH) == Z_OK);
    number(&payload, stream, 4);
    number(&payload, 0, 4);
    number(&payload, 0, 2);
    text_add(&payload, (struct str){(const char *)buffer, sizeof(buffer) - z->avail_out});
    control(out, 1, 0, text_str(&payload));
    text_release(&block);
    text_release(&payload);
}

static void test_streams(void)
{
    struct text log = {0}, sent = {0};
    z_stream z = {0};
    CU_ASSERT_FATAL(deflateInit(&z, Z_BEST_COMPRESSION) == Z_OK);
    struct spdy *s = spdy_new(&events, &log);
    open_stream(&sent, &z, 1, "error");
    open_stream(&sent, &z, 3, "stdin"); /* compressed on from the first */
    data(&sent, 3, 0, S("hello"));
    control(&sent, 4, 0, S("\0\0\0\0"));         /* SETTINGS: passed over */
    control(&sent, 77, 0, S("whatever"));        /* unknown: likewise */
    control(&sent, 9, 0, S("\0\0\0\3\0\1\0\0")); /* WINDOW_UPDATE */
    data(&sent, 3, 1, S("!"));
    control(&sent, 3, 0, S("\0\0\0\1\0\0\0\5")); /* RST_STREAM */

    bool is_good = true;
    for (size_t i = 0; i < sent.size; i++) /* however it is cut */
        is_good = is_good && spdy_receive(s, str_slice(text_str(&sent), i, i + 1));

    CU_ASSERT(is_good);
    CU_ASSERT_STRING_EQUAL(text_c(&log), "open 1 error of 1;open 3 stdin of 1;data 3 hello;"
                                         "data 3 !;end 3;end 1;");
    spdy_free(s);
    (void)deflateEnd(&z);
    text_release(&log);
    text_release(&sent);
}

static void test_output(void)
{
    static const struct {
        const char *why;
        struct str sent, answered;
    } rows[] = {
        {"a ping of the client's comes back",
         {"\x80\x03\0\6\0\0\0\4\0\0\0\1", 12},
         {"\x80\x03\0\6\0\0\0\4\0\0\0\1", 12}},
        {"an answer to our own does not", {"\x80\x03\0\6\0\0\0\4\0\0\0\2", 12}, {"", 0}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct text log = {0};
        struct spdy *s = spdy_new(&events, &log);
        CU_ASSERT(spdy_receive(s, rows[i].sent));
        CU_ASSERT(str_equal(text_str(spdy_output(s)), rows[i].answered));
        spdy_free(s);
        text_release(&log);
    }
    struct text log = {0};
    struct spdy *s = spdy_new(&events, &log);
    spdy_send(s, 5, S("hi"), false);
    spdy_send(s, 5, S(""), true);
    CU_ASSERT(str_equal(text_str(spdy_output(s)),
                        (struct str){"\0\0\0\5\0\0\0\2hi\0\0\0\5\1\0\0\0", 18}));
    text_clear(spdy_output(s));
    spdy_accept(s, 7); /* compressed with the dictionary whose checksum the drafts give */
    struct str out = text_str(spdy_output(s));
    CU_ASSERT(str_starts_with(out, (struct str){"\x80\x03\0\2\0", 5}));
    CU_ASSERT(out.size > 18 && memcmp(out.bytes + 12, "\x78\xf9\xe3\xc6\xa7\xc2", 6) == 0);
    spdy_free(s);
    text_release(&log);
}

static void test_refused(void)
{
    static const struct {
        const char *why;
        struct str sent;
    } rows[] = {
        {"another version", {"\x80\x02\0\6\0\0\0\4\0\0\0\1", 12}},
        {"headers that are no zlib", {"\x80\x03\0\1\0\0\0\x0e\0\0\0\1\0\0\0\0\0\0hurz", 22}},
        {"a frame beyond all measure", {"\0\0\0\1\0\xff\xff\xff", 8}},
        {"an opening without room", {"\x80\x03\0\1\0\0\0\4\0\0\0\1", 12}},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct text log = {0};
        struct spdy *s = spdy_new(&events, &log);
        bool is_good = spdy_receive(s, rows[i].sent);
        if (is_good)
            printf("\n%s\n", rows[i].why);
        CU_ASSERT_FALSE(is_good);
        CU_ASSERT_EQUAL(log.size, 0);
        spdy_free(s);
        text_release(&log);
    }
}

int main(void)
{
    static CU_TestInfo tests[] = {{"streams", test_streams},
                                  {"output", test_output},
                                  {"refused", test_refused},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"spdy", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_set_mode(CU_BRM_NORMAL);
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
