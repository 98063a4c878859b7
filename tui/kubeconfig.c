/* SPDX-License-Identifier: Apache-2.0
 *
 * The file is written beside the old one and put in its place, so that a reader never sees half of
 * it; nobody else may read it, since it holds a key.
 *
 * The current context of an existing file stays what it is.
 */
#include "sim/base/base.h"

#include "tui/kubeconfig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/api/value.h"
#include "cluster/api/yaml.h"

#define FILE_BYTES_MAX (16 * 1024 * 1024)

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
    bool is_bad = ferror(f) != 0;
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
    text_printf(&beside, "%s.wavetank-new", file);
    int fd = open(text_c(&beside), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool is_written = fd >= 0 && write_all(fd, content);
    if (fd >= 0 && close(fd) != 0)
        is_written = false;
    if (is_written && rename(text_c(&beside), file) == 0)
        return ERR_OK;
    enum err e = errmsg_set(message, ERR_IO, "cannot write %s: %s", file, strerror(errno));
    if (fd >= 0)
        (void)unlink(text_c(&beside));
    return e;
}

/* Folders on the way, for the default place. */
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

/* The list with our entry in place of the one of its name, or at the end. */
static struct value with_entry(struct value root, const char *list_name, struct value own_entry)
{
    struct value list = value_get_key(root, str_from(list_name));
    struct value next = value_array();
    bool is_put = false;
    for (size_t i = 0; i < value_count(list); i++) {
        struct value item = value_at(list, i);
        if (!VALUE_IS(item, KUBECONFIG_NAME, name)) {
            next = value_append(next, value_keep(item));
        } else if (!is_put) {
            next = value_append(next, value_keep(own_entry));
            is_put = true;
        }
    }
    if (!is_put)
        next = value_append(next, value_keep(own_entry));
    value_drop(own_entry);
    return value_set_key(root, str_from(list_name), next);
}

static struct value base64(struct str s)
{
    AUTO(text) struct text t = {0};
    base64_write((const uint8_t *)s.bytes, s.size, &t);
    return value_string(text_str(&t));
}

static struct value merge(struct value own_root, const struct kubeconfig_entry *entry)
{
    struct value root = own_root;
    if (!value_is_present(value_get_key(root, S("apiVersion"))))
        root = value_set_key(root, S("apiVersion"), value_string(S("v1")));
    if (!value_is_present(value_get_key(root, S("kind"))))
        root = value_set_key(root, S("kind"), value_string(S("Config")));
    if (!value_is_present(value_get_key(root, S("preferences"))))
        root = value_set_key(root, S("preferences"), value_object());
    root = with_entry(root, "clusters",
                      value_pack("{name: %s, cluster: {server: %S, "
                                 "\"certificate-authority-data\": %v}}",
                                 KUBECONFIG_NAME, entry->server, base64(entry->authority)));
    root = with_entry(
        root, "users",
        value_pack("{name: %s, user: {\"client-certificate-data\": %v, \"client-key-data\": %v}}",
                   KUBECONFIG_NAME, base64(text_str(&entry->identity->certificate)),
                   base64(text_str(&entry->identity->key))));
    root = with_entry(root, "contexts",
                      value_pack("{name: %s, context: {cluster: %s, user: %s}}", KUBECONFIG_NAME,
                                 KUBECONFIG_NAME, KUBECONFIG_NAME));
    if (value_str(value_get_key(root, S("current-context"))).size == 0)
        root = value_set_key(root, S("current-context"), value_string(S(KUBECONFIG_NAME)));
    return root;
}

enum err kubeconfig_write(const char *file, const struct kubeconfig_entry *entry,
                          bool *ret_is_current, struct errmsg *message)
{
    AUTO(text) struct text old = {0};
    AUTO(text) struct text new = {0};
    enum err e = read_file(file, &old, message);
    struct value root = VALUE_ABSENT;
    if (!e && old.size > 0) {
        e = yaml_parse_one(text_str(&old), &root, message);
        if (e)
            errmsg_prefix(message, "%s", file);
    }
    if (e)
        return e;
    if (value_kind(root) != VALUE_OBJECT) {
        if (value_kind(root) != VALUE_NONE && value_kind(root) != VALUE_NULL) {
            value_drop(root);
            return errmsg_set(message, ERR_VALUE, "%s: this is no kubeconfig", file);
        }
        root = value_object();
    }
    root = merge(root, entry);
    *ret_is_current = value_is(value_get_key(root, S("current-context")), KUBECONFIG_NAME);
    yaml_write(root, &new);
    value_drop(root);
    make_folder_of(file);
    return replace_file(file, text_str(&new), message);
}
