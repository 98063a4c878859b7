/* SPDX-License-Identifier: Apache-2.0
 *
 * The form of journals. Goal: whatever was written whole is read again; a file cut anywhere gives
 * the records that are whole and says that it is torn; one changed byte anywhere never gives a
 * record that was not written.
 */
#include "sim/base/base.h"

#include <CUnit/Basic.h>

#include "sim/base/mem.h"
#include "sim/base/pack.h"
#include "sim/recording.h"

static const struct {
    uint8_t kind;
    const char *content;
} written[] = {
    {1, "the head"}, {2, ""}, {255, "a longer record, with some text in it"}, {0, "x"}, {2, "last"},
};

/* The file, and where each record ends. */
static void make(struct text *out, size_t ends[ARRAY_COUNT(written) + 1])
{
    struct recording_writer w = {0};
    recording_begin(&w, out);
    ends[0] = out->size;
    for (size_t i = 0; i < ARRAY_COUNT(written); i++) {
        recording_add(&w, written[i].kind, str_from(written[i].content), out);
        ends[i + 1] = out->size;
    }
}

/* How many records are there; each must be one that was written, in its place. */
static size_t read_all(struct str bytes, struct recording_reader *ret_reader)
{
    struct record record;
    size_t count = 0;
    if (recording_open(ret_reader, bytes, NULL))
        return SIZE_MAX;
    while (recording_next(ret_reader, &record)) {
        CU_ASSERT_FATAL(count < ARRAY_COUNT(written));
        CU_ASSERT_EQUAL(record.kind, written[count].kind);
        CU_ASSERT(str_equal(record.content, str_from(written[count].content)));
        count++;
    }
    CU_ASSERT_EQUAL(ret_reader->records, count);
    return count;
}

static void test_whole(void)
{
    AUTO(text) struct text file = {0};
    size_t ends[ARRAY_COUNT(written) + 1];
    struct recording_reader r;
    make(&file, ends);

    CU_ASSERT_EQUAL(read_all(text_str(&file), &r), ARRAY_COUNT(written));
    CU_ASSERT_EQUAL(r.state, RECORDING_WHOLE);
    CU_ASSERT_EQUAL(r.good, file.size);
}

static void test_torn(void)
{
    AUTO(text) struct text file = {0};
    size_t ends[ARRAY_COUNT(written) + 1];
    make(&file, ends);
    for (size_t cut = ends[0]; cut < file.size; cut++) {
        struct recording_reader r;
        size_t whole = 0;
        while (ends[whole + 1] <= cut)
            whole++;
        CU_ASSERT_EQUAL(read_all(str_slice(text_str(&file), 0, cut), &r), whole);
        CU_ASSERT_EQUAL(r.state, cut == ends[whole] ? RECORDING_WHOLE : RECORDING_TORN);
        CU_ASSERT_EQUAL(r.good, ends[whole]);

        /* As a file system may leave it after a loss of power: zeros behind what was written. */
        AUTO(text) struct text zeros = {0};
        text_add(&zeros, str_slice(text_str(&file), 0, cut));
        while (zeros.size < file.size + 100)
            text_add_byte(&zeros, 0);
        size_t found = read_all(text_str(&zeros), &r);
        CU_ASSERT(found == whole || found == whole + 1); /* the missing bytes may have been zeros */
        CU_ASSERT_EQUAL(r.state, RECORDING_TORN);
    }
}

static void test_damaged(void)
{
    AUTO(text) struct text file = {0};
    size_t ends[ARRAY_COUNT(written) + 1];
    make(&file, ends);
    for (size_t i = 0; i < file.size; i++) {
        for (int bit = 0; bit < 8; bit++) {
            struct recording_reader r;
            file.bytes[i] = (char)(file.bytes[i] ^ (1 << bit));
            size_t found = read_all(text_str(&file), &r);
            if (i < ends[0]) {
                CU_ASSERT_EQUAL(found, SIZE_MAX);
            } else {
                CU_ASSERT(ends[found] <= i && i < ends[found + 1]);
                /* Of the last record nothing tells damage from a write that was cut off. */
                CU_ASSERT(r.state == RECORDING_DAMAGED || found + 1 == ARRAY_COUNT(written));
            }
            file.bytes[i] = (char)(file.bytes[i] ^ (1 << bit));
        }
    }
}

static void test_going_on(void)
{
    AUTO(text) struct text file = {0};
    size_t ends[ARRAY_COUNT(written) + 1];
    struct recording_reader r;
    make(&file, ends);

    (void)read_all(str_slice(text_str(&file), 0, ends[4] + 3), &r);
    struct recording_writer w = recording_continue(&r);
    file.size = r.good;
    recording_add(&w, written[4].kind, str_from(written[4].content), &file);

    CU_ASSERT_EQUAL(file.size, ends[5]);
    CU_ASSERT_EQUAL(read_all(text_str(&file), &r), ARRAY_COUNT(written));
    CU_ASSERT_EQUAL(r.state, RECORDING_WHOLE);
}

static void test_foreign(void)
{
    static const struct {
        const char *bytes;
        enum err expected;
    } rows[] = {{"", ERR_SYNTAX},
                {"wavetank journal 2\n", ERR_UNSUPPORTED},
                {"apiVersion: v1\n", ERR_SYNTAX},
                {"wavetank journal 1", ERR_UNSUPPORTED}};
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct recording_reader r;
        struct errmsg message;
        CU_ASSERT_EQUAL(recording_open(&r, str_from(rows[i].bytes), &message), rows[i].expected);
    }
}

/* Numbers at all borders of their size, both signs; a packing that is cut says so. */
static void test_pack(void)
{
    AUTO(text) struct text out = {0};
    uint64_t numbers[2 * 64];
    size_t count = 0;
    for (unsigned bit = 0; bit < 64; bit++) {
        numbers[count++] = UINT64_C(1) << bit;
        numbers[count++] = (UINT64_C(1) << bit) - 1;
    }
    for (size_t i = 0; i < count; i++) {
        pack_number(&out, numbers[i]);
        pack_signed(&out, (int64_t)numbers[i]);
        pack_signed(&out, (int64_t)~numbers[i]);
    }
    pack_text(&out, S("end"));

    struct unpack u = {text_str(&out), false};
    for (size_t i = 0; i < count; i++) {
        CU_ASSERT_EQUAL(unpack_number(&u), numbers[i]);
        CU_ASSERT_EQUAL(unpack_signed(&u), (int64_t)numbers[i]);
        CU_ASSERT_EQUAL(unpack_signed(&u), (int64_t)~numbers[i]);
    }
    CU_ASSERT(str_equal(unpack_text(&u), S("end")));
    CU_ASSERT(!u.is_bad && u.rest.size == 0);

    u = (struct unpack){str_slice(text_str(&out), out.size - 4, out.size - 1), false};
    CU_ASSERT_EQUAL(unpack_text(&u).size, 0);
    CU_ASSERT(u.is_bad);
    u = (struct unpack){{"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", 10}, false};
    CU_ASSERT_EQUAL(unpack_number(&u), 0);
    CU_ASSERT(u.is_bad);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"whole", test_whole},      {"torn at each byte", test_torn},
        {"each bit", test_damaged}, {"going on behind a torn tail", test_going_on},
        {"foreign", test_foreign},  {"packing", test_pack},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"recording", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures != 0;
}
