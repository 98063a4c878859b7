/* SPDX-License-Identifier: Apache-2.0
 *
 * An edge file: everything here may differ from one run to the next and must never reach the
 * simulation.
 */
#include "sim/base/base.h"

#include "tui/edge.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "sim/base/mem.h"
#include "sim/base/sort.h"
#include "sim/base/vec.h"

int64_t edge_wall_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

int64_t edge_wall_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* ---- who holds a port: /proc/net/tcp has the inode of its socket, /proc/PID/fd its owner ---- */

static bool listening_inode(uint16_t port, char *ret_link, size_t size)
{
    char line[512];
    FILE *f = fopen("/proc/net/tcp", "r");
    bool is_found = false;
    while (f && !is_found && fgets(line, sizeof(line), f)) {
        unsigned local_port, state;
        unsigned long inode;
        is_found = sscanf(line, " %*d: %*8x:%4x %*8x:%*4x %2x %*x:%*x %*x:%*x %*x %*d %*d %lu",
                          &local_port, &state, &inode) == 3 &&
                   local_port == port && state == 10;
        if (is_found)
            snprintf(ret_link, size, "socket:[%lu]", inode);
    }
    if (f)
        fclose(f);
    return is_found;
}

static bool process_has(const char *pid, const char *link)
{
    char path[600], target[128];
    snprintf(path, sizeof(path), "/proc/%.200s/fd", pid);
    DIR *files = opendir(path);
    const struct dirent *entry;
    bool is_found = false;
    while (files && !is_found && (entry = readdir(files))) {
        snprintf(path, sizeof(path), "/proc/%.200s/fd/%.200s", pid, entry->d_name);
        ssize_t size = readlink(path, target, sizeof(target) - 1);
        if (size > 0)
            target[size] = 0;
        is_found = size > 0 && strcmp(target, link) == 0;
    }
    if (files)
        closedir(files);
    return is_found;
}

bool edge_port_holder(uint16_t port, struct text *out)
{
    char link[64], path[300], name[64];
    DIR *processes = listening_inode(port, link, sizeof(link)) ? opendir("/proc") : NULL;
    const struct dirent *entry;
    bool is_found = false;
    while (processes && !is_found && (entry = readdir(processes))) {
        if (entry->d_name[0] < '0' || entry->d_name[0] > '9' || !process_has(entry->d_name, link))
            continue;
        snprintf(path, sizeof(path), "/proc/%.200s/comm", entry->d_name);
        FILE *f = fopen(path, "r");
        is_found = f && fgets(name, sizeof(name), f);
        if (is_found)
            text_printf(out, "%.*s (process %s)", STR_ARG(str_trim(str_from(name))), entry->d_name);
        if (f)
            fclose(f);
    }
    if (processes)
        closedir(processes);
    return is_found;
}

int64_t edge_cpu_us(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return ((int64_t)u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1000000 + u.ru_utime.tv_usec +
           u.ru_stime.tv_usec;
}

int64_t edge_peak_rss_bytes(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (int64_t)u.ru_maxrss * 1024;
}

bool edge_is_terminal(void)
{
    return isatty(STDOUT_FILENO) == 1;
}

bool edge_wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");
    return edge_is_terminal() && !(no_colour && *no_colour);
}

enum err edge_write_file(const char *file, struct str text, struct errmsg *message)
{
    FILE *f = fopen(file, "w");
    if (!f)
        return errmsg_set(message, ERR_IO, "cannot write %s: %s", file, strerror(errno));
    bool written = fwrite(text.bytes, 1, text.size, f) == text.size;
    bool closed = fclose(f) == 0;
    return written && closed
               ? ERR_OK
               : errmsg_set(message, ERR_IO, "cannot write %s: %s", file, strerror(errno));
}

static int by_bytes(const void *a, const void *b, void *context)
{
    (void)context;
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_scenario_name(struct str name)
{
    return (str_ends_with(name, S(".yaml")) || str_ends_with(name, S(".yml"))) &&
           name.bytes[0] != '.';
}

/* Folders hold manifests as well. */
bool edge_is_scenario(const char *file)
{
    char head[4096];
    FILE *f = fopen(file, "r");
    if (!f)
        return false;
    size_t size = fread(head, 1, sizeof(head), f);
    fclose(f);
    return str_contains((struct str){head, size}, S("kind: Scenario"));
}

#define FOLDERS_DEEP_MAX 16
struct file_list {
    char **items; /* owned */
    size_t count, capacity;
};

/* Folders in it as well; links to folders are left alone, for they may lead back. */
static void list_folder(const char *path, int depth, struct file_list *files)
{
    DIR *folder = depth < FOLDERS_DEEP_MAX ? opendir(path) : NULL;
    const struct dirent *entry;
    struct stat s;
    while (folder && (entry = readdir(folder))) {
        AUTO(text) struct text file = {0};
        text_printf(&file, "%s%s%s", path, str_ends_with(str_from(path), S("/")) ? "" : "/",
                    entry->d_name);
        if (entry->d_name[0] == '.' || lstat(text_c(&file), &s) != 0)
            continue;
        if (S_ISDIR(s.st_mode))
            list_folder(text_c(&file), depth + 1, files);
        else if (is_scenario_name(str_from(entry->d_name)) && edge_is_scenario(text_c(&file)))
            vec_push(files, mem_copy_string(text_str(&file)));
    }
    if (folder)
        closedir(folder);
}

enum err edge_list_manifests(const char *path, void (*found)(void *owner, const char *file),
                             void *owner, struct errmsg *message)
{
    struct stat s;
    struct file_list files = {0};
    const struct dirent *entry;
    DIR *folder = stat(path, &s) == 0 && S_ISDIR(s.st_mode) ? opendir(path) : NULL;
    if (!folder) {
        found(owner, path); /* reading it says what is wrong with it */
        return ERR_OK;
    }
    while ((entry = readdir(folder))) {
        AUTO(text) struct text file = {0};
        struct str name = str_from(entry->d_name);
        text_printf(&file, "%s%s%s", path, str_ends_with(str_from(path), S("/")) ? "" : "/",
                    entry->d_name);
        if (str_ends_with(name, S(".yaml")) || str_ends_with(name, S(".yml")) ||
            str_ends_with(name, S(".json")))
            vec_push(&files, mem_copy_string(text_str(&file)));
    }
    closedir(folder);
    if (files.count)
        sort_stable(files.items, files.count, sizeof(files.items[0]), by_bytes, NULL);
    size_t count = files.count;
    for (size_t i = 0; i < count; i++) {
        found(owner, files.items[i]);
        mem_free(files.items[i]);
    }
    vec_release(&files);
    return count ? ERR_OK
                 : errmsg_set(message, ERR_MISSING, "%s: no manifests in this folder", path);
}

enum err edge_list_scenarios(const char *path, void (*found)(void *owner, const char *file),
                             void *owner, struct errmsg *message)
{
    struct stat s;
    if (stat(path, &s) != 0)
        return errmsg_set(message, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(s.st_mode)) {
        found(owner, path);
        return ERR_OK;
    }
    struct file_list files = {0};
    list_folder(path, 0, &files);
    if (files.count)
        sort_stable(files.items, files.count, sizeof(files.items[0]), by_bytes, NULL);
    for (size_t i = 0; i < files.count; i++) {
        found(owner, files.items[i]);
        mem_free(files.items[i]);
    }
    size_t count = files.count;
    vec_release(&files);
    return count ? ERR_OK
                 : errmsg_set(message, ERR_MISSING, "%s: no scenario files in this folder", path);
}
