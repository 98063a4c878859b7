/* SPDX-License-Identifier: Apache-2.0
 *
 * Any bytes from a client that speaks SPDY, in one piece and then byte by byte: no crash, nothing
 * leaks, the same happens both times.
 */
#include "tests/fuzz/driver.h"

#include "cluster/apiserver/http/spdy.h"
#include "sim/base/text.h"

/* A string literal ends at its first NUL, so seeds write 0x01 for it and the target undoes that. */
static const char *const seeds[] = {
    "\x80\x03\x01\x06\x01\x01\x01\x04\x01\x01\x01\x03",
    "\x01\x01\x01\x05\x01\x01\x01\x02hi\x01\x01\x01\x05\x01\x01\x01\x01",
    "\x80\x03\x01\x09\x01\x01\x01\x08\x01\x01\x01\x03\x01\x02\x01\x01",
    "\x80\x03\x01\x03\x01\x01\x01\x08\x01\x01\x01\x03\x01\x01\x01\x05",
};

static void on_opened(void *owner, uint32_t stream, const struct spdy_header *headers, size_t count)
{
    text_printf(owner, "o%u,%zu,%zu;", stream, count, spdy_find(headers, count, "port").size);
}
static void on_data(void *owner, uint32_t stream, struct str bytes)
{
    text_printf(owner, "d%u,%zu;", stream, bytes.size);
}
static void on_ended(void *owner, uint32_t stream)
{
    text_printf(owner, "e%u;", stream);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct spdy_events events = {on_opened, on_data, on_ended};
    struct text whole = {0}, pieces = {0}, input = {0};
    for (size_t i = 0; i < size; i++)
        text_add_byte(&input, data[i] == 1 ? '\0' : (char)data[i]);
    struct spdy *a = spdy_new(&events, &whole), *b = spdy_new(&events, &pieces);
    (void)spdy_receive(a, text_str(&input));
    for (size_t i = 0; i < input.size; i++)
        (void)spdy_receive(b, str_slice(text_str(&input), i, i + 1));
    CHECK(str_equal(text_str(&whole), text_str(&pieces)));
    CHECK(str_equal(text_str(spdy_output(a)), text_str(spdy_output(b))));
    spdy_free(a);
    spdy_free(b);
    text_release(&whole);
    text_release(&pieces);
    text_release(&input);
    return 0;
}

FUZZ_MAIN(seeds)
