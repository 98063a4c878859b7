/* SPDX-License-Identifier: Apache-2.0
 *
 * For a fuzz target's end: with clang's libFuzzer (-DLIBFUZZER -fsanitize=fuzzer) nothing; else a
 * main that feeds the target its seeds and deterministic mutations of them.
 *
 *     fuzz_json [ROUNDS] [SEED-FILE...]       default: 20000 rounds on the built-in seeds
 *     fuzz_json --write FOLDER                the built-in seeds as files, for libFuzzer
 */
#ifndef TESTS_FUZZ_DRIVER_H
#define TESTS_FUZZ_DRIVER_H

#include "sim/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#ifndef LIBFUZZER

#include <stdio.h>
#include <stdlib.h>

#include "sim/base/hash.h"
#include "sim/base/mem.h"
#include "sim/base/text.h"
#include "sim/base/vec.h"

#define FUZZ_INPUT_MAX 4096

/* One to eight small changes: a byte, a stretch cut out, doubled, or taken from another seed. */
static void fuzz_mutate(struct random_stream *random, struct text *input, struct str other)
{
    static const char loved[] = "{}[]\":,\\'!&*<>=()-+.0123456789eEnmkKMGi/~\n\t #|?\x7f\x80\xff";
    for (uint64_t changes = 1 + random_below(random, 8); changes > 0; changes--) {
        size_t size = input->size, at = size ? (size_t)random_below(random, size) : 0;
        size_t length = (size_t)random_below(random, 16);
        length = length < size - at ? length : size - at;
        switch (random_below(random, 5)) {
        case 0:
            if (size)
                input->bytes[at] = (char)random_below(random, 256);
            break;
        case 1:
            if (size)
                input->bytes[at] = loved[random_below(random, sizeof(loved) - 1)];
            break;
        case 2: {
            AUTO(text) struct text rest = {0};
            text_add(&rest, str_slice(text_str(input), at + length, size));
            input->size = at;
            text_add(input, text_str(&rest));
            break;
        }
        case 3: {
            AUTO(text) struct text piece = {0};
            text_add(&piece, str_slice(text_str(input), at, at + length));
            if (size < FUZZ_INPUT_MAX)
                text_add(input, text_str(&piece));
            break;
        }
        default:
            if (other.size && size < FUZZ_INPUT_MAX) {
                size_t from = (size_t)random_below(random, other.size);
                size_t end = from + 16 < other.size ? from + 16 : other.size;
                text_add(input, str_slice(other, from, end));
            }
            break;
        }
    }
}

#ifdef FUZZ_MUTATE
/* Changes that know the form of an input; false: no place for one. */
static bool FUZZ_MUTATE(struct random_stream *random, struct text *input);
#endif

static void fuzz_feed(struct str s)
{
    /* A block of its exact size, so that the sanitizer sees a read beyond the end. */
    uint8_t *copy = mem_array(uint8_t, s.size ? s.size : 1);
    memcpy(copy, s.bytes, s.size);
    (void)LLVMFuzzerTestOneInput(copy, s.size);
    mem_free(copy);
}

static int fuzz_write(const char *folder, const char *const *seeds, size_t seed_count)
{
    for (size_t i = 0; i < seed_count; i++) {
        AUTO(text) struct text name = {0};
        text_printf(&name, "%s/seed-%zu", folder, i);
        FILE *file = fopen(text_c(&name), "wb");
        CHECK(file && fputs(seeds[i], file) >= 0);
        CHECK(fclose(file) == 0);
    }
    return 0;
}

static int fuzz_main(int count, char **arguments, const char *const *seeds, size_t seed_count)
{
    if (count == 3 && strcmp(arguments[1], "--write") == 0)
        return fuzz_write(arguments[2], seeds, seed_count);
    long rounds = count > 1 ? strtol(arguments[1], NULL, 10) : 20000;
    VEC(struct text) inputs = {0};
    for (size_t i = 0; i < seed_count; i++) {
        struct text t = {0};
        text_add(&t, str_from(seeds[i]));
        vec_push(&inputs, t);
    }
    for (int i = 2; i < count; i++) {
        struct text t = {0};
        char block[4096];
        FILE *file = fopen(arguments[i], "rb");
        CHECK(file);
        for (size_t size; (size = fread(block, 1, sizeof(block), file)) > 0;)
            text_add(&t, (struct str){block, size});
        fclose(file);
        vec_push(&inputs, t);
    }
    struct random_stream random = random_stream(1, 0, 0, 0);
    for (size_t i = 0; i < inputs.count; i++)
        fuzz_feed(text_str(&inputs.items[i]));
    for (long round = 0; round < rounds; round++) {
        AUTO(text) struct text input = {0};
        text_add(&input, text_str(&inputs.items[random_below(&random, inputs.count)]));
#ifdef FUZZ_MUTATE
        for (uint64_t changes = 1 + random_below(&random, 3); changes > 0; changes--)
            (void)FUZZ_MUTATE(&random, &input);
        if (random_below(&random, 2) == 0)
#endif
            fuzz_mutate(&random, &input,
                        text_str(&inputs.items[random_below(&random, inputs.count)]));
        fuzz_feed(text_str(&input));
    }
    printf("%ld rounds, %zu seeds: held\n", rounds, inputs.count);
    for (size_t i = 0; i < inputs.count; i++)
        text_release(&inputs.items[i]);
    vec_release(&inputs);
    return 0;
}

#define FUZZ_MAIN(seeds)                                                                           \
    int main(int count, char **arguments)                                                          \
    {                                                                                              \
        return fuzz_main(count, arguments, seeds, ARRAY_COUNT(seeds));                             \
    }

#else
#define FUZZ_MAIN(seeds) _Static_assert(ARRAY_COUNT(seeds) > 0, "seeds");
#endif
#endif
