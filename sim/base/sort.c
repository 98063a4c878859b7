/* SPDX-License-Identifier: Apache-2.0
 *
 * Stable merge sort: short runs by insertion, then merged bottom-up between the array and one
 * scratch copy. The C library's qsort is not used since its order of equal items differs between
 * libraries.
 */
#include "sim/base/sort.h"

#include "sim/base/mem.h"

#define RUN_SIZE 8
#define SMALL_SCRATCH_BYTES 512

/* Sorts items[from, to); `spare` has room for one item. */
static void insertion_sort(char *items, size_t from, size_t to, size_t size, char *spare,
                           sort_compare_fn compare, void *context)
{
    for (size_t i = from + 1; i < to; i++) {
        size_t at = i;
        while (at > from && compare(items + (at - 1) * size, items + i * size, context) > 0)
            at--;
        if (at == i)
            continue;
        memcpy(spare, items + i * size, size);
        memmove(items + (at + 1) * size, items + at * size, (i - at) * size);
        memcpy(items + at * size, spare, size);
    }
}

/* Merges the sorted from[low, middle) and from[middle, high) into to[low, high). */
static void merge(const char *from, char *to, size_t low, size_t middle, size_t high, size_t size,
                  sort_compare_fn compare, void *context)
{
    size_t left = low, right = middle;
    for (size_t at = low; at < high; at++) {
        bool take_left =
            right == high ||
            (left < middle && compare(from + left * size, from + right * size, context) <= 0);
        size_t taken = take_left ? left++ : right++;
        memcpy(to + at * size, from + taken * size, size);
    }
}

void sort_stable(void *items, size_t count, size_t size, sort_compare_fn compare, void *context)
{
    CHECK(size > 0);
    if (count < 2)
        return;
    _Alignas(16) char small[SMALL_SCRATCH_BYTES];
    size_t needed = count <= RUN_SIZE ? 1 : count;
    char *heap = needed > sizeof(small) / size ? mem_allocate(needed, size) : NULL;
    char *source = items, *target = heap ? heap : small;
    for (size_t from = 0; from < count; from += RUN_SIZE) {
        size_t to = from + RUN_SIZE < count ? from + RUN_SIZE : count;
        insertion_sort(source, from, to, size, target, compare, context);
    }
    for (size_t width = RUN_SIZE; width < count; width *= 2) {
        for (size_t low = 0; low < count; low += 2 * width) {
            size_t middle = low + width < count ? low + width : count;
            size_t high = middle + width < count ? middle + width : count;
            merge(source, target, low, middle, high, size, compare, context);
        }
        char *swap = source;
        source = target;
        target = swap;
    }
    if (source != (char *)items)
        memcpy(items, source, count * size);
    mem_free(heap);
}

int sort_by_bytes(const void *a, const void *b, void *unused)
{
    (void)unused;
    return str_compare(*(const struct str *)a, *(const struct str *)b);
}
