/* SPDX-License-Identifier: Apache-2.0
 *
 * Heap memory, zeroed; running out of it aborts with a message (a simulator gains nothing from
 * limping). Sizes are overflow-checked.
 *
 *     struct node *n = mem_new(struct node);
 *     uint32_t *ids = mem_array(uint32_t, count);
 *     ids = mem_resize(ids, uint32_t, old_count, new_count);   the new part is zeroed
 *     mem_free(ids);
 */
#ifndef SIM_BASE_MEM_H
#define SIM_BASE_MEM_H

#include "sim/base/base.h"

#define mem_new(type) ((type *)mem_allocate(1, sizeof(type)))
#define mem_array(type, count) ((type *)mem_allocate((count), sizeof(type)))
#define mem_resize(pointer, type, old_count, new_count)                                            \
    ((type *)mem_reallocate((pointer), (old_count), (new_count), sizeof(type)))

void *mem_allocate(size_t count, size_t size);
void *mem_reallocate(void *pointer, size_t old_count, size_t new_count, size_t size);
void mem_free(void *pointer);        /* NULL is fine */
char *mem_copy_string(struct str s); /* a NUL-terminated copy */

#endif
