/* SPDX-License-Identifier: Apache-2.0
 *
 * Without a hint the one server of this user is meant, which the run folder shows; when there are
 * several, they are named. A socket of another user's program is not talked to: what comes from it
 * would be written into a kubeconfig.
 */
#include "sim/base/base.h"

#include "tui/ctl/connection.h"

#include <dirent.h>
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cluster/api/json.h"
#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"
#include "tui/commands/commands.h"
#include "tui/serve/control.h"
#include "tui/serve/folder.h"

#define ANSWER_MAX ((size_t)64 << 20)

static int by_bytes(const void *a, const void *b, void *context)
{
    (void)context;
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int no_server(struct errmsg *message)
{
    (void)errmsg_set(message, ERR_STATE,
                     "no wavetank serve of this user is running (start one: wavetank serve)");
    return EXIT_ENVIRONMENT;
}

/* A connection to what listens at a path; -1 with a message. */
static int connect_to(const char *path, struct errmsg *message)
{
    int fd = control_socket(path, false);
    if (fd < 0) {
        bool is_dead = errno == ECONNREFUSED || errno == ENOENT;
        (void)errmsg_set(message, ERR_STATE, is_dead ? "no wavetank serve listens at %s" : "%s: %s",
                         path, strerror(errno));
        return -1;
    }
    if (control_peer_is_ours(fd))
        return fd;
    close(fd);
    (void)errmsg_set(message, ERR_STATE, "the program at %s belongs to another user", path);
    return -1;
}

struct found {
    VEC(char *) names; /* of sockets that answer, sorted */
    int fd;            /* of the last one */
};

static void find_servers(const char *folder, struct found *found)
{
    DIR *d = opendir(folder);
    const struct dirent *entry;
    VEC(char *) names = {0};
    while (d && (entry = readdir(d))) {
        if (str_ends_with(str_from(entry->d_name), S(".sock")))
            vec_push(&names, mem_copy_string(str_from(entry->d_name)));
    }
    if (d)
        closedir(d);
    if (names.count)
        sort_stable(names.items, names.count, sizeof(names.items[0]), by_bytes, NULL);
    for (size_t i = 0; i < names.count; i++) {
        AUTO(text) struct text path = {0};
        struct errmsg message;
        text_printf(&path, "%s/%s", folder, names.items[i]);
        int fd = connect_to(text_c(&path), &message);
        if (fd < 0) {
            mem_free(names.items[i]);
            continue;
        }
        if (found->fd >= 0)
            close(found->fd);
        found->fd = fd;
        vec_push(&found->names, names.items[i]);
    }
    vec_release(&names);
}

static int connect_any(struct errmsg *message, int *ret_fd)
{
    AUTO(text) struct text folder = {0};
    struct found found = {.fd = -1};
    int status = EXIT_HELD;
    enum err e = run_folder(false, &folder, message);
    if (e)
        return e == ERR_MISSING ? no_server(message) : EXIT_ENVIRONMENT;
    find_servers(text_c(&folder), &found);
    if (found.names.count == 0) {
        status = no_server(message);
    } else if (found.names.count > 1) {
        AUTO(text) struct text list = {0};
        for (size_t i = 0; i < found.names.count; i++)
            text_printf(&list, "%s%.*s", i ? ", " : "",
                        STR_ARG(str_cut(str_from(found.names.items[i]), '.', &(struct str){0})));
        status = EXIT_BAD_INPUT;
        (void)errmsg_set(message, ERR_STATE, "several clusters are served; --port says which: %s",
                         text_c(&list));
        close(found.fd);
    }
    *ret_fd = found.fd;
    for (size_t i = 0; i < found.names.count; i++)
        mem_free(found.names.items[i]);
    vec_release(&found.names);
    return status;
}

static int connect_which(const struct which_server *which, int *ret_fd, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    if (which->socket) {
        text_add(&path, str_from(which->socket));
    } else if (which->data_folder) {
        text_printf(&path, "%s/ctl.sock", which->data_folder);
    } else if (which->port) {
        enum err e = run_folder(false, &path, message);
        if (e)
            return e == ERR_MISSING ? no_server(message) : EXIT_ENVIRONMENT;
        text_printf(&path, "/%s.sock", which->port);
    } else {
        return connect_any(message, ret_fd);
    }
    *ret_fd = connect_to(text_c(&path), message);
    return *ret_fd < 0 ? EXIT_ENVIRONMENT : EXIT_HELD;
}

/* ---- asking ---- */

static bool write_all(int fd, struct str s)
{
    while (s.size > 0) {
        ssize_t n = send(fd, s.bytes, s.size, MSG_NOSIGNAL);
        if (n < 0 && errno != EINTR)
            return false;
        s = str_slice(s, n > 0 ? (size_t)n : 0, s.size);
    }
    return true;
}

static void read_line(int fd, struct text *out)
{
    char block[65536];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) != 0 && out->size < ANSWER_MAX) {
        if (n < 0 && errno != EINTR)
            return;
        text_add(out, (struct str){block, n > 0 ? (size_t)n : 0});
    }
}

int connection_ask(const struct which_server *which, struct value request, struct value *ret_answer,
                   struct errmsg *message)
{
    int fd = -1;
    int status = connect_which(which, &fd, message);
    if (status != EXIT_HELD)
        return status;
    AUTO(text) struct text line = {0};
    AUTO(text) struct text answer = {0};
    json_write(request, &line);
    text_add_byte(&line, '\n');
    if (write_all(fd, text_str(&line)))
        read_line(fd, &answer);
    close(fd);
    struct errmsg why;
    if (answer.size == 0 || json_parse(text_str(&answer), NULL, ret_answer, &why)) {
        (void)errmsg_set(message, ERR_IO, "the server ended before it had answered");
        return EXIT_ENVIRONMENT;
    }
    status = (int)VALUE_INT(*ret_answer, EXIT_ENVIRONMENT, status);
    if (status == EXIT_HELD)
        return status;
    (void)errmsg_set(message, ERR_STATE, "%.*s",
                     STR_ARG(value_str(value_get_key(*ret_answer, S("error")))));
    return status;
}
