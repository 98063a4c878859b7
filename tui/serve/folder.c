/* SPDX-License-Identifier: Apache-2.0
 *
 * Files of a session. Everything in them may be used to act as anybody in the cluster, so they are
 * readable for their owner only, and a folder that others could have put there is not used: in /tmp
 * anybody may make a folder of any name.
 *
 * The journal is written with one write for all that came in during a turn, before any of it acts:
 * what the program did before it was killed is in the file. Against a loss of power it is synced
 * when the session ends, and by the system now and then.
 */
#include "sim/base/base.h"

#include "tui/serve/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/mem.h"

void folder_init(struct folder *f)
{
    *f = (struct folder){.lock = -1, .journal = -1};
}

void folder_release(struct folder *f)
{
    if (f->journal >= 0)
        close(f->journal);
    if (f->lock >= 0)
        close(f->lock);
    mem_free(f->loaded);
    text_release(&f->path);
    text_release(&f->journal_path);
    folder_init(f);
}

/* Only its owner may look into it; whoever made it is who we are. */
static enum err check_private(const char *path, struct errmsg *message)
{
    struct stat s;
    if (lstat(path, &s) != 0)
        return errmsg_set(message, ERR_IO, "%s: %s", path, strerror(errno));
    if (!S_ISDIR(s.st_mode))
        return errmsg_set(message, ERR_IO, "%s is no folder", path);
    if (s.st_uid != geteuid())
        return errmsg_set(message, ERR_IO, "%s belongs to another user", path);
    if ((s.st_mode & 077) != 0)
        return errmsg_set(message, ERR_IO,
                          "%s is open to others (mode %03o); keys are kept there: chmod 700", path,
                          (unsigned)(s.st_mode & 0777));
    return ERR_OK;
}

/* ---- the lock ---- */

/* "wavetank (process 123)". */
static void process_text(long pid, struct text *out)
{
    char path[64], name[64];
    snprintf(path, sizeof(path), "/proc/%ld/comm", pid);
    FILE *f = fopen(path, "r");
    if (f && fgets(name, sizeof(name), f))
        text_printf(out, "%.*s (process %ld)", STR_ARG(str_trim(str_from(name))), pid);
    else
        text_printf(out, "process %ld", pid);
    if (f)
        fclose(f);
}

static enum err take_lock(struct folder *f, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    text_printf(&path, "%s/lock", text_c(&f->path));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    f->lock = open(text_c(&path), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (f->lock < 0)
        return errmsg_set(message, ERR_IO, "%s: %s", text_c(&path), strerror(errno));
    if (fcntl(f->lock, F_SETLK, &lock) == 0)
        return ERR_OK;
    int why = errno;
    if (fcntl(f->lock, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK) {
        AUTO(text) struct text holder = {0};
        process_text((long)lock.l_pid, &holder);
        return errmsg_set(message, ERR_STATE, "%s is in use by %s", text_c(&f->path),
                          text_c(&holder));
    }
    return errmsg_set(message, ERR_STATE, "%s: %s", text_c(&path), strerror(why));
}

enum err folder_open(struct folder *f, const char *path, struct errmsg *message)
{
    text_add(&f->path, str_from(path));
    while (f->path.size > 1 && text_c(&f->path)[f->path.size - 1] == '/')
        f->path.bytes[--f->path.size] = 0;
    if (mkdir(text_c(&f->path), 0700) != 0 && errno != EEXIST)
        return errmsg_set(message, ERR_IO, "%s: %s", text_c(&f->path), strerror(errno));
    enum err e = check_private(text_c(&f->path), message);
    return e ? e : take_lock(f, message);
}

/* ---- the journal ---- */

enum err file_load(const char *path, char **ret_bytes, size_t *ret_size, struct errmsg *message)
{
    struct stat s;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &s) != 0 || S_ISDIR(s.st_mode)) {
        int why = fd >= 0 && errno == 0 ? EISDIR : errno;
        if (fd >= 0)
            close(fd);
        return errmsg_set(message, why == ENOENT ? ERR_MISSING : ERR_IO, "%s: %s", path,
                          strerror(why));
    }
    AUTO(text) struct text bytes = {0};
    char block[65536];
    ssize_t n;
    while ((n = read(fd, block, sizeof(block))) > 0)
        text_add(&bytes, (struct str){block, (size_t)n});
    int why = errno;
    close(fd);
    if (n < 0)
        return errmsg_set(message, ERR_IO, "%s: %s", path, strerror(why));
    *ret_bytes = mem_allocate(1, bytes.size + 1);
    memcpy(*ret_bytes, text_c(&bytes), bytes.size);
    *ret_size = bytes.size;
    return ERR_OK;
}

static void journal_path(const struct folder *f, const char *suffix, struct text *out)
{
    text_printf(out, "%s/journal%s", text_c(&f->path), suffix);
}

enum err folder_load_journal(struct folder *f, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    journal_path(f, "", &path);
    enum err e = file_load(text_c(&path), &f->loaded, &f->loaded_size, message);
    if (!e && f->loaded_size == 0)
        (void)unlink(text_c(&path)); /* of a program that was killed before it wrote anything */
    return e == ERR_MISSING ? ERR_OK : e;
}

enum err folder_reset(struct folder *f, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    AUTO(text) struct text old = {0};
    journal_path(f, "", &path);
    journal_path(f, ".old", &old);
    if (rename(text_c(&path), text_c(&old)) == 0 || errno == ENOENT)
        return ERR_OK;
    return errmsg_set(message, ERR_IO, "%s: %s", text_c(&path), strerror(errno));
}

enum err folder_open_journal(struct folder *f, const char *path, size_t good,
                             struct errmsg *message)
{
    if (path)
        text_add(&f->journal_path, str_from(path));
    else
        journal_path(f, "", &f->journal_path);
    int flags = O_WRONLY | O_APPEND | O_CLOEXEC | O_CREAT | (good ? 0 : O_EXCL);
    f->journal = open(text_c(&f->journal_path), flags, 0600);
    if (f->journal >= 0 && ftruncate(f->journal, (off_t)good) == 0) {
        f->journal_bytes = good;
        return ERR_OK;
    }
    if (errno == EEXIST)
        return errmsg_set(message, ERR_STATE,
                          "%s is there already; a journal is not written over another one",
                          text_c(&f->journal_path));
    return errmsg_set(message, ERR_IO, "%s: %s", text_c(&f->journal_path), strerror(errno));
}

void folder_append(struct folder *f, struct str bytes)
{
    while (bytes.size > 0 && !f->has_failed) {
        ssize_t n = write(f->journal, bytes.bytes, bytes.size);
        if (n < 0 && errno != EINTR) {
            fprintf(stderr, "wavetank serve: cannot write %s: %s; ending\n",
                    text_c(&f->journal_path), strerror(errno));
            f->has_failed = true;
        }
        size_t written = n > 0 ? (size_t)n : 0;
        f->journal_bytes += written;
        bytes = str_slice(bytes, written, bytes.size);
    }
}

void folder_sync(struct folder *f)
{
    if (f->journal >= 0)
        (void)fdatasync(f->journal); /* not every file can be synced */
}

/* ---- sockets ---- */

enum err run_folder(bool make, struct text *ret_path, struct errmsg *message)
{
    const char *given = getenv("XDG_RUNTIME_DIR");
    if (given && *given)
        text_printf(ret_path, "%s/wavetank", given);
    else
        text_printf(ret_path, "/tmp/wavetank-%lu", (unsigned long)geteuid());
    if (make && mkdir(text_c(ret_path), 0700) != 0 && errno != EEXIST)
        return errmsg_set(message, ERR_IO, "%s: %s", text_c(ret_path), strerror(errno));
    struct stat s;
    if (!make && lstat(text_c(ret_path), &s) != 0 && errno == ENOENT)
        return ERR_MISSING;
    return check_private(text_c(ret_path), message);
}
