/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes as a body in protobuf: the first says of which kind, the rest is the message within the
 * envelope; or all of it is the body itself. No crash, no leak of nodes; what was read as an object
 * is written as bytes that read back as the same object and are written as the same bytes.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/decode.h"
#include "cluster/api/protobuf.h"
#include "cluster/api/value_heap.h"

static const char *const seeds[] = {
    "k8s",
    ("\x02\x0a\x09\x0a\x03"
     "cfg\x1a\x02ns\x12\x06\x0a\x01"
     "a\x12\x01"
     "b"),
    ("\x0f\x0a\x05\x0a\x03web\x12\x22\x12\x14\x0a\x03web\x12\x05nginx\x32\x06\x18\x50\x22\x02tc\x1a"
     "\x06"
     "Always\x52\x02nd"),
    "\x0f\x12\x0e\x0a\x07\x0a\x01v\x12\x02\x12\x01\x12\x03\x0a\x01"
    "c",
    ("\x20\x12\x40\x1a\x3e\x1a\x3c\xca\x01\x08\x08\x01\x12\x04\x2a\x02ok\xc2\x01\x06\x12\x04\x2a"
     "\x02no\x42\x05\x0a\x03[1]"),
    "\x10\x0a\x11\x42\x06\x08\xce\xc4\x91\xd8\x06\x8a\x01\x06\x3a\x04\x0a\x02{}",
};

static const struct type_schema *type_given(void *owner, struct str api_version, struct str kind)
{
    (void)api_version;
    (void)kind;
    const struct resource *r = owner;
    return r->type;
}

/* The typed object; absent: refused. */
static struct value object_read(struct str bytes, struct resource *r)
{
    AUTO(text) struct text error = {0};
    struct errmsg message;
    struct value v = VALUE_ABSENT;
    struct decode_options options = {.validation = FIELD_VALIDATION_STRICT};
    if (!protobuf_parse(bytes, type_given, r, &v, &message))
        return VALUE_ABSENT;
    return decode_bare(r->type, v, &options, &error, NULL);
}

static void check_object(struct str bytes, struct resource *r, struct protobuf_writer *w)
{
    AUTO(text) struct text first = {0};
    AUTO(text) struct text second = {0};
    struct protobuf_head head = {r->type, r->group_version, r->kind};
    struct value v = object_read(bytes, r);
    if (!value_is_present(v))
        return;
    protobuf_write(w, &head, v, &first);
    struct value again = object_read(text_str(&first), r);
    CHECK(value_is_present(again));
    protobuf_write(w, &head, again, &second);
    CHECK(str_equal(text_str(&first), text_str(&second)));
    value_drop(v);
    value_drop(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    uint64_t nodes = value_heap_stats().nodes;
    struct resource r = *resource_at(data[0] % resource_count());
    struct protobuf_writer *w = protobuf_writer_new();
    AUTO(text) struct text body = {0};
    uint64_t length = size - 1;
    text_add(&body, (struct str){"k8s\0\x12", 5});
    for (; length >= 0x80; length >>= 7)
        text_add_byte(&body, (char)(uint8_t)(length | 0x80));
    text_add_byte(&body, (char)length);
    text_add(&body, (struct str){(const char *)data + 1, size - 1});
    check_object(text_str(&body), &r, w);
    check_object((struct str){(const char *)data, size}, &r, w);
    protobuf_writer_free(w);
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
