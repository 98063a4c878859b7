/* SPDX-License-Identifier: Apache-2.0
 *
 * The entry is put in twice: into the values of the file, and into its text. When both say the
 * same, the text is taken, which leaves every other line as it was; else (JSON, flow style,
 * anchors) the file is written anew from its values, without its comments.
 *
 * The file is written beside the old one and put in its place, so that a reader never sees half of
 * it. It keeps its mode and its owner; a new one is for its owner only, since it holds a key. A
 * link stays a link. While this goes on, FILE.lock keeps other writers away, as kubectl's does.
 *
 * The current context of an existing file stays what it is.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include "tui/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cluster/api/object.h"
#include "cluster/api/yaml.h"
#include "sim/base/base64.h"

#define FILE_BYTES_MAX (16 * 1024 * 1024)
#define LOCK_TRIES 40
#define LOCK_WAIT_NS 50000000

/* ---- the values ---- */

/* The list with our entry in place of the one of its name, or at the end. */
static struct value with_entry(struct value root, const char *list_name, struct value item)
{
    struct value list = value_get_key(root, str_from(list_name));
    struct value next = value_array();
    bool is_put = false;
    for (size_t i = 0; i < value_count(list); i++) {
        struct value old = value_at(list, i);
        if (!value_equal(VALUE_GET(old, name), VALUE_GET(item, name))) {
            next = value_append(next, value_keep(old));
        } else if (!is_put) {
            next = value_append(next, value_keep(item));
            is_put = true;
        }
    }
    if (!is_put)
        next = value_append(next, value_keep(item));
    return value_set_key(root, str_from(list_name), next);
}

static struct value base64(struct str s)
{
    AUTO(text) struct text t = {0};
    base64_add((const uint8_t *)s.bytes, s.size, &t);
    return value_string(text_str(&t));
}

static const char *const lists[] = {"clusters", "users", "contexts"};

static void items_make(const struct kubeconfig_entry *e, struct value ret[ARRAY_COUNT(lists)])
{
    ret[0] = value_pack("{name: %S, cluster: {server: %S, \"certificate-authority-data\": %v}}",
                        e->cluster, e->server, base64(e->authority));
    ret[1] = value_pack(
        "{name: %S, user: {\"client-certificate-data\": %v, \"client-key-data\": %v}}", e->name,
        base64(text_str(&e->identity->certificate)), base64(text_str(&e->identity->key)));
    ret[2] =
        value_pack("{name: %S, context: {cluster: %S, user: %S}}", e->name, e->cluster, e->name);
}

static bool lacks(struct value root, const char *key)
{
    return value_str(value_get_key(root, str_from(key))).size == 0;
}

/* A change of both the values and the text; the text is given up when it cannot follow. */
struct merge {
    struct value root;
    struct text text;
    bool has_text;
};

static void merge_item(struct merge *m, const char *list, struct value item)
{
    AUTO(text) struct text next = {0};
    m->root = with_entry(m->root, list, item);
    m->has_text = m->has_text && kubeconfig_splice(text_str(&m->text), list, item, &next);
    if (!m->has_text)
        return;
    text_clear(&m->text);
    text_add(&m->text, text_str(&next));
}

static void merge_key(struct merge *m, const char *key, struct str value)
{
    AUTO(text) struct text next = {0};
    m->root = value_set_key(m->root, str_from(key), value_string(value));
    m->has_text = m->has_text && kubeconfig_splice_key(text_str(&m->text), key, value, &next);
    if (!m->has_text)
        return;
    text_clear(&m->text);
    text_add(&m->text, text_str(&next));
}

static bool text_says(const struct text *text, struct value root)
{
    AUTO(value) struct value again = VALUE_ABSENT;
    struct errmsg message;
    return !yaml_parse_one(text_str(text), &again, &message) && value_equal(again, root);
}

static enum err check_kubeconfig(struct value root, struct errmsg *message)
{
    enum value_kind kind = value_kind(root);
    if (kind != VALUE_NONE && kind != VALUE_NULL && kind != VALUE_OBJECT)
        return errmsg_set(message, ERR_VALUE, "this is no kubeconfig");
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        enum value_kind list = value_kind(value_get_key(root, str_from(lists[i])));
        if (list != VALUE_NONE && list != VALUE_NULL && list != VALUE_ARRAY)
            return errmsg_set(message, ERR_VALUE, "this is no kubeconfig: %s is no list", lists[i]);
    }
    return ERR_OK;
}

enum err kubeconfig_merge(struct str old, const struct kubeconfig_entry *entry, struct text *out,
                          bool *ret_is_current, struct errmsg *message)
{
    struct merge m = {.has_text = true};
    struct value items[ARRAY_COUNT(lists)];
    if (str_trim(old).size > 0 && yaml_parse_one(old, &m.root, message))
        return ERR_SYNTAX;
    enum err e = check_kubeconfig(m.root, message);
    if (e) {
        value_drop(m.root);
        return e;
    }
    if (value_kind(m.root) != VALUE_OBJECT) {
        value_drop(m.root);
        m.root = value_object();
    }
    text_add(&m.text, old);
    if (lacks(m.root, "apiVersion"))
        merge_key(&m, "apiVersion", S("v1"));
    if (lacks(m.root, "kind"))
        merge_key(&m, "kind", S("Config"));
    items_make(entry, items);
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        merge_item(&m, lists[i], items[i]);
        value_drop(items[i]);
    }
    if (lacks(m.root, "current-context"))
        merge_key(&m, "current-context", entry->name);
    *ret_is_current =
        str_equal(value_str(value_get_key(m.root, S("current-context"))), entry->name);
    if (m.has_text && text_says(&m.text, m.root))
        text_add(out, text_str(&m.text));
    else
        yaml_write(m.root, out);
    value_drop(m.root);
    text_release(&m.text);
    return ERR_OK;
}

/* ---- files ---- */

static enum err read_file(const char *file, struct text *out, struct errmsg *message)
{
    char block[4096];
    FILE *f = fopen(file, "r");
    if (!f)
        return errno == ENOENT ? ERR_OK
                               : errmsg_set(message, ERR_IO, "%s: %s", file, strerror(errno));
    size_t size;
    while ((size = fread(block, 1, sizeof(block), f)) > 0 && out->size < FILE_BYTES_MAX)
        text_add(out, (struct str){block, size});
    bool is_bad = ferror(f) != 0 || out->size >= FILE_BYTES_MAX;
    fclose(f);
    return is_bad ? errmsg_set(message, ERR_IO, "cannot read %s", file) : ERR_OK;
}

static bool write_all(int fd, struct str s)
{
    while (s.size > 0) {
        ssize_t n = write(fd, s.bytes, s.size);
        if (n < 0 && errno != EINTR)
            return false;
        s = str_slice(s, n > 0 ? (size_t)n : 0, s.size);
    }
    return true;
}

static enum err replace_file(const char *file, struct str content, struct errmsg *message)
{
    AUTO(text) struct text beside = {0};
    struct stat old;
    bool is_new = stat(file, &old) != 0;
    text_printf(&beside, "%s.wavetank-new", file);
    (void)unlink(text_c(&beside));
    int fd = open(text_c(&beside), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write_all(fd, content);
    if (is_written && !is_new) {
        if (old.st_uid != geteuid() && fchown(fd, old.st_uid, old.st_gid) != 0)
            is_written = false;
        is_written = is_written && fchmod(fd, old.st_mode & 0777) == 0;
    }
    if (fd >= 0 && close(fd) != 0)
        is_written = false;
    if (is_written && rename(text_c(&beside), file) == 0)
        return ERR_OK;
    enum err e = errmsg_set(message, ERR_IO, "cannot write %s: %s", file, strerror(errno));
    if (fd >= 0)
        (void)unlink(text_c(&beside));
    return e;
}

/* The file behind links, whether or not it is there. */
static void resolve(const char *file, struct text *out)
{
    char target[PATH_MAX];
    char *real = realpath(file, NULL);
    ssize_t size = real ? -1 : readlink(file, target, sizeof(target) - 1);
    if (real) {
        text_add(out, str_from(real));
    } else if (size > 0) { /* to a file that is not there yet */
        struct str path = str_from(file), to = {target, (size_t)size};
        size_t slash = path.size;
        while (slash > 0 && path.bytes[slash - 1] != '/')
            slash--;
        if (!str_starts_with(to, S("/")))
            text_add(out, str_slice(path, 0, slash));
        text_add(out, to);
    } else {
        text_add(out, str_from(file));
    }
    free(real);
}

/* The folder of the file, for the default place. */
static void make_folder_of(const char *file)
{
    struct str path = str_from(file);
    size_t end = path.size;
    while (end > 0 && path.bytes[end - 1] != '/')
        end--;
    if (end < 2)
        return;
    AUTO(text) struct text folder = {0};
    text_add(&folder, str_slice(path, 0, end - 1));
    (void)mkdir(text_c(&folder), 0700); /* if it fails, writing says so */
}

static enum err lock_take(const char *lock, struct errmsg *message)
{
    int fd = -1;
    for (int i = 0; i < LOCK_TRIES && fd < 0; i++) {
        struct timespec wait = {0, LOCK_WAIT_NS};
        if (i > 0)
            (void)nanosleep(&wait, NULL);
        fd = open(lock, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (fd < 0 && errno != EEXIST)
            return errmsg_set(message, ERR_IO, "cannot write %s: %s", lock, strerror(errno));
    }
    if (fd < 0)
        return errmsg_set(message, ERR_STATE,
                          "%s is there: another program changes this kubeconfig, or was killed "
                          "while it did (then remove the file)",
                          lock);
    close(fd);
    return ERR_OK;
}

enum err kubeconfig_write(const char *file, const struct kubeconfig_entry *entry,
                          bool *ret_is_current, struct errmsg *message)
{
    AUTO(text) struct text path = {0};
    AUTO(text) struct text lock = {0};
    AUTO(text) struct text old = {0};
    AUTO(text) struct text new = {0};
    make_folder_of(file);
    resolve(file, &path);
    text_printf(&lock, "%s.lock", text_c(&path));
    enum err e = lock_take(text_c(&lock), message);
    if (e)
        return e;
    e = read_file(text_c(&path), &old, message);
    if (!e) {
        e = kubeconfig_merge(text_str(&old), entry, &new, ret_is_current, message);
        if (e)
            errmsg_prefix(message, "%s", file);
    }
    if (!e)
        e = replace_file(text_c(&path), text_str(&new), message);
    (void)unlink(text_c(&lock));
    return e;
}

/* ---- lists of files ---- */

static bool has_context(const char *file, const char *context)
{
    AUTO(text) struct text text = {0};
    AUTO(value) struct value root = VALUE_ABSENT;
    struct errmsg message;
    bool is_found = false;
    if (read_file(file, &text, &message) || yaml_parse_one(text_str(&text), &root, &message))
        return false;
    struct value contexts = value_get_key(root, S("contexts"));
    for (size_t i = 0; i < value_count(contexts); i++)
        is_found |= VALUE_IS(value_at(contexts, i), context, name);
    return is_found;
}

void kubeconfig_choose(const char *list, const char *context, struct text *ret_file)
{
    AUTO(text) struct text first = {0};
    struct str rest = str_from(list);
    while (rest.size > 0) {
        struct stat s;
        struct str file = str_cut(rest, ':', &rest);
        if (file.size == 0)
            continue;
        text_clear(ret_file);
        text_add(ret_file, file);
        if (has_context(text_c(ret_file), context))
            return;
        if (first.size == 0 && stat(text_c(ret_file), &s) == 0)
            text_add(&first, file);
    }
    if (first.size == 0)
        return;
    text_clear(ret_file);
    text_add(ret_file, text_str(&first));
}
