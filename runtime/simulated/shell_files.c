/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that look at files and folders or change them: ls, find, stat, touch, mkdir, cp, mv,
 * rm. Options that are not looked at are ignored. Files have no owners and no modes: all are
 * root's, 0644 and 0755.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"
#include "sim/base/calendar.h"
#include "sim/base/sort.h"

#define DEPTH_MAX 32

static enum file_kind kind_of(struct shell_call *c, struct str path)
{
    return c->shell->host.kind(c->shell->host.owner, path);
}

static struct str last_part(struct str path)
{
    while (path.size > 1 && path.bytes[path.size - 1] == '/')
        path = str_slice(path, 0, path.size - 1);
    return shell_base_name(path);
}

static bool has_option(const struct shell_call *c, char letter)
{
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        if (w.size > 1 && w.bytes[0] == '-' && w.bytes[1] != '-' && str_find(w, letter) < w.size)
            return true;
    }
    return false;
}

/* Words that are no options. */
static size_t operands(const struct shell_call *c, size_t *at, size_t max)
{
    size_t count = 0;
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        if ((w.size < 2 || w.bytes[0] != '-') && count < max)
            at[count++] = i;
    }
    return count;
}
#define OPERANDS_MAX 64

static void join(struct str folder, struct str name, struct text *out)
{
    text_printf(out, "%.*s%s%.*s", STR_ARG(folder), str_ends_with(folder, S("/")) ? "" : "/",
                STR_ARG(name));
}

/* ---- listing ---- */

struct names {
    struct text text;
    VEC(struct str) items; /* into the text, sorted */
};

static void names_read(struct shell_call *c, struct str folder, struct names *n)
{
    c->shell->host.list(c->shell->host.owner, folder, &n->text);
    for (struct str rest = text_str(&n->text); rest.size > 0;)
        vec_push(&n->items, str_cut(rest, '\n', &rest));
    sort_stable(n->items.items, n->items.count, sizeof(n->items.items[0]), sort_by_bytes, NULL);
}

static void names_release(struct names *n)
{
    text_release(&n->text);
    vec_release(&n->items);
}

static void add_long(struct shell_call *c, struct str path, struct str name, struct text *out)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    AUTO(text) struct text content = {0};
    bool is_folder = kind_of(c, path) == FILE_DIRECTORY;
    if (!is_folder)
        (void)c->shell->host.read(c->shell->host.owner, path, &content);
    int64_t size = is_folder ? 4096 : (int64_t)content.size;
    struct civil_time t = civil_time_of(
        c->shell->host.modified ? c->shell->host.modified(c->shell->host.owner, path) : 0);
    text_printf(out, "%s    1 root     root     %9" PRId64 " %s %2d %02d:%02d %.*s\n",
                is_folder ? "drwxr-xr-x" : "-rw-r--r--", size, months[t.month - 1], t.day, t.hour,
                t.minute, STR_ARG(name));
}

static void list_folder(struct shell_call *c, struct str folder, struct text *out)
{
    struct names names = {0};
    bool is_long = has_option(c, 'l'), shows_hidden = has_option(c, 'a') || has_option(c, 'A');
    names_read(c, folder, &names);
    if (is_long)
        text_printf(out, "total %zu\n", names.items.count * 4);
    for (size_t i = 0; i < names.items.count; i++) {
        AUTO(text) struct text path = {0};
        struct str name = names.items.items[i];
        if (str_starts_with(name, S(".")) && !shows_hidden)
            continue;
        join(folder, name, &path);
        if (is_long)
            add_long(c, text_str(&path), name, out);
        else
            text_printf(out, "%.*s\n", STR_ARG(name));
    }
    names_release(&names);
}

int shell_run_ls(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    size_t at[OPERANDS_MAX], count = operands(c, at, OPERANDS_MAX);
    int status = 0;
    for (size_t i = 0; i < (count > 0 ? count : 1); i++) {
        AUTO(text) struct text path = {0};
        struct str word = count > 0 ? shell_call_word(c, at[i]) : S(".");
        (void)shell_path(c->shell, word, &path);
        enum file_kind kind = kind_of(c, text_str(&path));
        if (kind == FILE_NONE) {
            shell_write_error(c->shell, "ls: %.*s: No such file or directory\n", STR_ARG(word));
            status = c->shell->host.is_busybox ? 1 : 2;
            continue;
        }
        if (count > 1 && kind == FILE_DIRECTORY)
            text_printf(&out, "%s%.*s:\n", i > 0 ? "\n" : "", STR_ARG(word));
        if (kind == FILE_DIRECTORY && !has_option(c, 'd'))
            list_folder(c, text_str(&path), &out);
        else if (has_option(c, 'l'))
            add_long(c, text_str(&path), word, &out);
        else
            text_printf(&out, "%.*s\n", STR_ARG(word));
    }
    shell_write(c->shell, text_str(&out));
    return status;
}

struct search {
    struct str name; /* a pattern; empty: any */
    char type;       /* 'f', 'd' or 0 */
    struct text out;
};

static void find_below(struct shell_call *c, struct search *s, struct str path, struct str shown,
                       int depth)
{
    enum file_kind kind = kind_of(c, path);
    bool is_type = s->type == 0 || (s->type == 'd') == (kind == FILE_DIRECTORY);
    if (is_type && (s->name.size == 0 || shell_match(s->name, last_part(shown))))
        text_printf(&s->out, "%.*s\n", STR_ARG(shown));
    if (kind != FILE_DIRECTORY || depth > DEPTH_MAX)
        return;
    struct names names = {0};
    names_read(c, path, &names);
    for (size_t i = 0; i < names.items.count; i++) {
        AUTO(text) struct text below = {0};
        AUTO(text) struct text shown_below = {0};
        join(path, names.items.items[i], &below);
        join(shown, names.items.items[i], &shown_below);
        find_below(c, s, text_str(&below), text_str(&shown_below), depth + 1);
    }
    names_release(&names);
}

int shell_run_find(struct shell_call *c)
{
    struct search s = {.name = {"", 0}};
    struct str from = S(".");
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        if (str_equal(w, S("-name")))
            s.name = shell_call_word(c, ++i);
        else if (str_equal(w, S("-type")) && shell_call_word(c, i + 1).size > 0)
            s.type = shell_call_word(c, ++i).bytes[0];
        else if (!str_starts_with(w, S("-")))
            from = w;
    }
    AUTO(text) struct text path = {0};
    (void)shell_path(c->shell, from, &path);
    if (kind_of(c, text_str(&path)) == FILE_NONE) {
        shell_write_error(c->shell, "find: %.*s: No such file or directory\n", STR_ARG(from));
        return 1;
    }
    find_below(c, &s, text_str(&path), from, 0);
    shell_write(c->shell, text_str(&s.out));
    text_release(&s.out);
    return 0;
}

int shell_run_stat(struct shell_call *c)
{
    int status = 0;
    size_t at[OPERANDS_MAX], count = operands(c, at, OPERANDS_MAX);
    for (size_t i = 0; i < count; i++) {
        AUTO(text) struct text path = {0};
        AUTO(text) struct text content = {0};
        AUTO(text) struct text out = {0};
        struct str word = shell_call_word(c, at[i]);
        (void)shell_path(c->shell, word, &path);
        enum file_kind kind = kind_of(c, text_str(&path));
        if (kind == FILE_NONE) {
            shell_write_error(c->shell, "stat: can't stat '%.*s': No such file or directory\n",
                              STR_ARG(word));
            status = 1;
            continue;
        }
        (void)c->shell->host.read(c->shell->host.owner, text_str(&path), &content);
        text_printf(&out,
                    "  File: %.*s\n  Size: %-10zu\tBlocks: %-10zu IO Block: 4096   %s\nAccess: "
                    "(%s)  Uid: (    0/    root)   Gid: (    0/    root)\n",
                    STR_ARG(word), kind == FILE_DIRECTORY ? (size_t)4096 : content.size,
                    (content.size + 511) / 512,
                    kind == FILE_DIRECTORY ? "directory"
                    : content.size > 0     ? "regular file"
                                           : "regular empty file",
                    kind == FILE_DIRECTORY ? "0755/drwxr-xr-x" : "0644/-rw-r--r--");
        shell_write(c->shell, text_str(&out));
    }
    return status;
}

/* ---- changing ---- */

static int say(struct shell_call *c, const char *what, struct str word, const char *error)
{
    shell_write_error(c->shell, "%s: %s '%.*s': %s\n", c->words[0], what, STR_ARG(word), error);
    return 1;
}

/* Without the slash that may stand at the end of a folder's name. */
static void bare_path(struct shell_call *c, struct str word, struct text *path)
{
    (void)shell_path(c->shell, word, path);
    while (path->size > 1 && path->bytes[path->size - 1] == '/')
        path->size--;
}

static int make_folder(struct shell_call *c, struct str path, struct str word)
{
    const struct shell_host *h = &c->shell->host;
    AUTO(text) struct text above = {0};
    bool with_parents = has_option(c, 'p');
    if (h->kind(h->owner, path) != FILE_NONE)
        return with_parents ? 0 : say(c, "can't create directory", word, "File exists");
    text_add(&above, path);
    while (above.size > 1 && above.bytes[above.size - 1] != '/')
        above.size--;
    if (!with_parents && h->kind(h->owner, text_str(&above)) != FILE_DIRECTORY)
        return say(c, "can't create directory", word, "No such file or directory");
    const char *error = h->make_folder ? h->make_folder(h->owner, path) : "Permission denied";
    return error ? say(c, "can't create directory", word, error) : 0;
}

int shell_run_touch(struct shell_call *c)
{
    const struct shell_host *h = &c->shell->host;
    int status = 0;
    bool is_folder = str_equal(shell_call_word(c, 0), S("mkdir"));
    size_t at[OPERANDS_MAX], count = operands(c, at, OPERANDS_MAX);
    for (size_t i = 0; i < count; i++) {
        AUTO(text) struct text path = {0};
        struct str word = shell_call_word(c, at[i]);
        bare_path(c, word, &path);
        if (is_folder) {
            status |= make_folder(c, text_str(&path), word);
            continue;
        }
        if (h->kind(h->owner, text_str(&path)) == FILE_DIRECTORY)
            continue;
        const char *error = h->write(h->owner, text_str(&path), S(""), true);
        if (error) {
            shell_write_error(c->shell, "touch: %.*s: %s\n", STR_ARG(word), error);
            status = 1;
        }
    }
    return status;
}

int shell_run_rm(struct shell_call *c)
{
    const struct shell_host *h = &c->shell->host;
    int status = 0;
    bool is_rmdir = str_equal(shell_call_word(c, 0), S("rmdir"));
    bool force = has_option(c, 'f'), is_deep = has_option(c, 'r') || has_option(c, 'R') || is_rmdir;
    size_t at[OPERANDS_MAX], count = operands(c, at, OPERANDS_MAX);
    for (size_t i = 0; i < count; i++) {
        AUTO(text) struct text path = {0};
        struct str word = shell_call_word(c, at[i]);
        bare_path(c, word, &path);
        bool is_folder = h->kind(h->owner, text_str(&path)) == FILE_DIRECTORY;
        const char *error =
            is_folder && !is_deep ? "Is a directory" : h->remove(h->owner, text_str(&path));
        if (error && (!force || (is_folder && !is_deep))) {
            shell_write_error(
                c->shell,
                is_folder && !is_deep ? "%s: '%.*s' %s\n" : "%s: can't remove '%.*s': %s\n",
                c->words[0], STR_ARG(word), is_folder && !is_deep ? "is a directory" : error);
            status = 1;
        }
    }
    return status;
}

static int copy(struct shell_call *c, struct str from, struct str to, int depth)
{
    const struct shell_host *h = &c->shell->host;
    AUTO(text) struct text content = {0};
    if (h->kind(h->owner, from) != FILE_DIRECTORY) {
        (void)h->read(h->owner, from, &content);
        const char *error = h->write(h->owner, to, text_str(&content), false);
        return error ? say(c, "can't create", to, error) : 0;
    }
    int status = 0;
    struct names names = {0};
    if (h->kind(h->owner, to) == FILE_NONE && h->make_folder)
        (void)h->make_folder(h->owner, to);
    names_read(c, from, &names);
    for (size_t i = 0; i < names.items.count && depth < DEPTH_MAX; i++) {
        AUTO(text) struct text below = {0};
        AUTO(text) struct text target = {0};
        join(from, names.items.items[i], &below);
        join(to, names.items.items[i], &target);
        status |= copy(c, text_str(&below), text_str(&target), depth + 1);
    }
    names_release(&names);
    return status;
}

int shell_run_cp(struct shell_call *c)
{
    bool is_move = str_equal(shell_call_word(c, 0), S("mv")), is_deep;
    size_t at[OPERANDS_MAX], count = operands(c, at, OPERANDS_MAX);
    AUTO(text) struct text target = {0};
    int status = 0;
    is_deep = is_move || has_option(c, 'r') || has_option(c, 'R') || has_option(c, 'a');
    if (count < 2) {
        shell_write_error(c->shell, "%s: missing file operand\n", c->words[0]);
        return 1;
    }
    (void)shell_path(c->shell, shell_call_word(c, at[count - 1]), &target);
    bool into_folder = kind_of(c, text_str(&target)) == FILE_DIRECTORY;
    for (size_t i = 0; i + 1 < count; i++) {
        AUTO(text) struct text from = {0};
        AUTO(text) struct text to = {0};
        struct str word = shell_call_word(c, at[i]);
        (void)shell_path(c->shell, word, &from);
        enum file_kind kind = kind_of(c, text_str(&from));
        if (kind == FILE_NONE) {
            status =
                say(c, is_move ? "can't rename" : "can't stat", word, "No such file or directory");
            continue;
        }
        if (kind == FILE_DIRECTORY && !is_deep) {
            shell_write_error(c->shell, "cp: omitting directory '%.*s'\n", STR_ARG(word));
            status = 1;
            continue;
        }
        if (into_folder)
            join(text_str(&target), last_part(text_str(&from)), &to);
        else
            text_add(&to, text_str(&target));
        int failed = copy(c, text_str(&from), text_str(&to), 0);
        if (is_move && !failed)
            (void)c->shell->host.remove(c->shell->host.owner, text_str(&from));
        status |= failed;
    }
    return status;
}
