/* SPDX-License-Identifier: Apache-2.0
 *
 * An edge file: reads the files that a scenario names.
 */
#include "sim/base/base.h"

#include "scenarios/engine/document.h"

#include <errno.h>
#include <stdio.h>

#include "sim/base/mem.h"

enum err file_read(struct str file, char **ret_bytes, size_t *ret_size, struct errmsg *message)
{
    char *name = mem_copy_string(file);
    FILE *f = fopen(name, "r");
    size_t size = 0, capacity = 0;
    char *bytes = NULL;
    mem_free(name);
    if (!f)
        return errmsg_set(message, ERR_IO, "cannot read %.*s: %s", STR_ARG(file), strerror(errno));
    for (;;) {
        if (size + 65536 > capacity) {
            size_t grown = capacity ? capacity * 2 : 131072;
            bytes = mem_resize(bytes, char, capacity, grown);
            capacity = grown;
        }
        size_t n = fread(bytes + size, 1, 65536, f);
        size += n;
        if (n == 0 || size > DOCUMENT_BYTES_MAX)
            break;
    }
    bool failed = ferror(f) != 0;
    int why = errno;
    fclose(f);
    if (failed || size > DOCUMENT_BYTES_MAX) {
        mem_free(bytes);
        return errmsg_set(message, ERR_IO, "cannot read %.*s: %s", STR_ARG(file),
                          failed ? strerror(why) : "too big");
    }
    *ret_bytes = bytes;
    *ret_size = size;
    return ERR_OK;
}
