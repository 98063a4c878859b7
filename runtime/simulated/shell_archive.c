/* SPDX-License-Identifier: Apache-2.0
 *
 * tar, as `kubectl cp` and people call it: `tar cf - PATH`, `tar xmf - -C FOLDER`, `tar tf FILE`,
 * with z for gzip. The format is libarchive's business: what it reads may be ustar, pax or GNU's,
 * what it writes is pax where ustar does not do.
 *
 * Archives are made and read in memory; nothing of this touches the machine's own files.
 */
#include "sim/base/base.h"

#include <archive.h>
#include <archive_entry.h>

#include "runtime/simulated/shell_code.h"
#include "sim/base/sort.h"

#define DEPTH_MAX 64
#define ENTRIES_MAX 100000
#define READ_BLOCK 65536

struct tar {
    struct shell_call *call;
    char mode; /* 'c', 'x', 't'; 0: none given */
    bool is_verbose, is_gzip;
    struct str file, folder; /* empty: standard input or output, the current folder */
    size_t first;            /* of the words that are paths */
    struct text bytes;       /* the archive */
    struct text listing;
    int status;
};

static void folder_path(const struct tar *t, struct str name, struct text *out)
{
    AUTO(text) struct text joined = {0};
    if (!str_starts_with(name, S("/")) && t->folder.size > 0)
        text_printf(&joined, "%.*s/", STR_ARG(t->folder));
    text_add(&joined, name);
    (void)shell_path(t->call->shell, text_str(&joined), out);
    while (out->size > 1 && out->bytes[out->size - 1] == '/')
        out->size--;
}

/* ---- arguments ---- */

/* Letters such as "cf" or "-xmf"; those that take a value take the next word. False: unknown. */
static bool letters_read(struct tar *t, struct str letters, size_t *at)
{
    for (size_t i = 0; i < letters.size; i++) {
        char k = letters.bytes[i];
        if (k == 'c' || k == 'x' || k == 't')
            t->mode = k;
        else if (k == 'f')
            t->file = shell_call_word(t->call, ++*at);
        else if (k == 'C')
            t->folder = shell_call_word(t->call, ++*at);
        else if (k == 'v')
            t->is_verbose = true;
        else if (k == 'z')
            t->is_gzip = true;
        else if (k != 'm' && k != 'p' && k != 'o' && k != 'h' && k != 'k')
            return false;
    }
    return true;
}

static bool arguments_read(struct tar *t)
{
    size_t at = 1;
    for (; at < t->call->count; at++) {
        struct str w = shell_call_word(t->call, at);
        bool is_option = w.size > 1 && w.bytes[0] == '-';
        if (str_equal(w, S("--no-same-owner")) || str_equal(w, S("--no-same-permissions")))
            continue;
        if (!is_option && at > 1)
            break;
        if (!letters_read(t, is_option ? str_slice(w, 1, w.size) : w, &at))
            return false;
    }
    t->first = at;
    t->file = str_equal(t->file, S("-")) ? S("") : t->file;
    return t->mode != 0;
}

/* ---- writing ---- */

static la_ssize_t write_bytes(struct archive *a, void *owner, const void *bytes, size_t size)
{
    (void)a;
    struct tar *t = owner;
    text_add(&t->bytes, (struct str){bytes, size});
    return (la_ssize_t)size;
}

static void add_path(struct tar *t, struct archive *a, struct str path, struct str name, int depth);

static void add_below(struct tar *t, struct archive *a, struct str path, struct str name, int depth)
{
    const struct shell_host *h = &t->call->shell->host;
    AUTO(text) struct text list = {0};
    VEC(struct str) names = {0};
    h->list(h->owner, path, &list);
    for (struct str rest = text_str(&list); rest.size > 0;)
        vec_push(&names, str_cut(rest, '\n', &rest));
    sort_stable(names.items, names.count, sizeof(names.items[0]), sort_by_bytes, NULL);
    for (size_t i = 0; i < names.count && depth < DEPTH_MAX; i++) {
        AUTO(text) struct text below = {0};
        AUTO(text) struct text below_name = {0};
        text_printf(&below, "%.*s%s%.*s", STR_ARG(path), path.size > 1 ? "/" : "",
                    STR_ARG(names.items[i]));
        text_printf(&below_name, "%.*s%s%.*s", STR_ARG(name),
                    str_ends_with(name, S("/")) || name.size == 0 ? "" : "/",
                    STR_ARG(names.items[i]));
        add_path(t, a, text_str(&below), text_str(&below_name), depth + 1);
    }
    vec_release(&names);
}

static void add_path(struct tar *t, struct archive *a, struct str path, struct str name, int depth)
{
    const struct shell_host *h = &t->call->shell->host;
    AUTO(text) struct text content = {0};
    AUTO(text) struct text shown = {0};
    bool is_folder = h->kind(h->owner, path) == FILE_DIRECTORY;
    if (!is_folder)
        (void)h->read(h->owner, path, &content);
    text_printf(&shown, "%.*s%s", STR_ARG(name),
                is_folder && !str_ends_with(name, S("/")) ? "/" : "");
    struct archive_entry *e = archive_entry_new();
    CHECK(e != NULL);
    archive_entry_set_pathname(e, text_c(&shown));
    archive_entry_set_filetype(e, is_folder ? AE_IFDIR : AE_IFREG);
    archive_entry_set_perm(e, is_folder ? 0755 : 0644);
    archive_entry_set_size(e, (la_int64_t)content.size);
    archive_entry_set_mtime(e, h->modified ? (time_t)h->modified(h->owner, path) : 0, 0);
    archive_entry_set_uname(e, "root");
    archive_entry_set_gname(e, "root");
    if (archive_write_header(a, e) != ARCHIVE_OK ||
        archive_write_data(a, text_c(&content), content.size) < 0)
        t->status = 1;
    archive_entry_free(e);
    if (t->is_verbose)
        text_printf(&t->listing, "%s\n", text_c(&shown));
    if (is_folder)
        add_below(t, a, path, name, depth);
}

static void create(struct tar *t)
{
    const struct shell_host *h = &t->call->shell->host;
    struct archive *a = archive_write_new();
    CHECK(a != NULL);
    (void)archive_write_set_format_pax_restricted(a);
    if (t->is_gzip)
        (void)archive_write_add_filter_gzip(a);
    (void)archive_write_open(a, t, NULL, write_bytes, NULL);
    for (size_t i = t->first; i < t->call->count; i++) {
        struct str word = shell_call_word(t->call, i), name = word;
        AUTO(text) struct text path = {0};
        folder_path(t, word, &path);
        if (h->kind(h->owner, text_str(&path)) == FILE_NONE) {
            shell_write_error(t->call->shell,
                              h->is_busybox ? "tar: %.*s: No such file or directory\n"
                                            : "tar: %.*s: Cannot stat: No such file or directory\n",
                              STR_ARG(word));
            t->status = h->is_busybox ? 1 : 2;
            continue;
        }
        if (str_starts_with(word, S("/"))) {
            shell_write_error(t->call->shell,
                              h->is_busybox ? "tar: removing leading '/' from member names\n"
                                            : "tar: Removing leading `/' from member names\n");
            while (name.size > 0 && name.bytes[0] == '/')
                name = str_slice(name, 1, name.size);
        }
        add_path(t, a, text_str(&path), name, 0);
    }
    if (t->status == 2)
        shell_write_error(t->call->shell,
                          "tar: Exiting with failure status due to previous errors\n");
    (void)archive_write_close(a);
    (void)archive_write_free(a);
}

/* ---- reading ---- */

static void extract_file(struct tar *t, struct archive *a, struct str path)
{
    const struct shell_host *h = &t->call->shell->host;
    AUTO(text) struct text content = {0};
    char *block = mem_array(char, READ_BLOCK);
    la_ssize_t size;
    while ((size = archive_read_data(a, block, READ_BLOCK)) > 0)
        text_add(&content, (struct str){block, (size_t)size});
    mem_free(block);
    const char *error = h->write(h->owner, path, text_str(&content), false);
    if (error) {
        shell_write_error(t->call->shell,
                          h->is_busybox ? "tar: can't open '%.*s': %s\n"
                                        : "tar: %.*s: Cannot open: %s\n",
                          STR_ARG(path), error);
        t->status = h->is_busybox ? 1 : 2;
    }
}

static void extract_entry(struct tar *t, struct archive *a, struct archive_entry *e)
{
    const struct shell_host *h = &t->call->shell->host;
    const char *name = archive_entry_pathname_utf8(e);
    AUTO(text) struct text path = {0};
    struct str s = str_from(name ? name : "");
    while (s.size > 0 && s.bytes[0] == '/')
        s = str_slice(s, 1, s.size);
    bool climbs = str_equal(s, S("..")) || str_starts_with(s, S("../")) ||
                  str_contains(s, S("/../")) || str_ends_with(s, S("/.."));
    if (s.size == 0 || climbs)
        return;
    if (t->is_verbose || t->mode == 't')
        text_printf(&t->listing, "%.*s\n", STR_ARG(s));
    if (t->mode == 't')
        return;
    folder_path(t, s, &path);
    if (archive_entry_filetype(e) == AE_IFDIR) {
        if (h->kind(h->owner, text_str(&path)) == FILE_NONE)
            (void)h->make_folder(h->owner, text_str(&path));
    } else if (archive_entry_filetype(e) == AE_IFREG) {
        extract_file(t, a, text_str(&path));
    }
}

static void extract(struct tar *t)
{
    struct archive *a = archive_read_new();
    struct archive_entry *e;
    CHECK(a != NULL);
    int result = ARCHIVE_OK;
    (void)archive_read_support_format_tar(a);
    (void)archive_read_support_format_empty(a);
    (void)archive_read_support_filter_gzip(a);
    if (archive_read_open_memory(a, text_c(&t->bytes), t->bytes.size) == ARCHIVE_OK) {
        for (int i = 0; i < ENTRIES_MAX; i++) {
            result = archive_read_next_header(a, &e);
            if (result != ARCHIVE_OK && result != ARCHIVE_WARN)
                break;
            extract_entry(t, a, e);
        }
    }
    if (result < ARCHIVE_WARN) {
        shell_write_error(t->call->shell, t->call->shell->host.is_busybox
                                              ? "tar: invalid tar magic\n"
                                              : "tar: This does not look like a tar archive\n");
        t->status = t->call->shell->host.is_busybox ? 1 : 2;
    }
    (void)archive_read_free(a);
}

/* ---- the command ---- */

static int read_archive(struct tar *t)
{
    if (t->file.size == 0)
        return shell_gather(t->call, t->call->count, &t->bytes);
    if (shell_read_file(t->call, t->file, &t->bytes))
        return 0;
    shell_write_error(t->call->shell, "tar: can't open '%.*s': No such file or directory\n",
                      STR_ARG(t->file));
    return 1;
}

static void write_archive(struct tar *t)
{
    const struct shell_host *h = &t->call->shell->host;
    if (t->file.size == 0) {
        shell_write(t->call->shell, text_str(&t->bytes));
        return;
    }
    AUTO(text) struct text path = {0};
    (void)shell_path(t->call->shell, t->file, &path);
    const char *error = h->write(h->owner, text_str(&path), text_str(&t->bytes), false);
    if (error) {
        shell_write_error(t->call->shell, "tar: %.*s: %s\n", STR_ARG(t->file), error);
        t->status = 1;
    }
}

int shell_run_tar(struct shell_call *c)
{
    struct tar t = {.call = c, .file = {"", 0}, .folder = {"", 0}};
    if (!arguments_read(&t)) {
        shell_write_error(c->shell, "tar: must specify one of -c, -x, -t\n");
        return 1;
    }
    if (t.mode == 'c') {
        create(&t);
        write_archive(&t);
    } else {
        t.status = read_archive(&t);
        if (t.status == 0)
            extract(&t);
    }
    if (t.listing.size > 0 && t.mode == 'c' && t.file.size == 0)
        shell_write_error(c->shell, "%s", text_c(&t.listing));
    else if (t.status >= 0)
        shell_write(c->shell, text_str(&t.listing));
    text_release(&t.bytes);
    text_release(&t.listing);
    return t.status;
}
