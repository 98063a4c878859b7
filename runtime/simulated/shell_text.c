/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that read files or their input and write text: cat, head, tail, grep, wc, sort, tee.
 *
 * One that reads its input needs all of it: until the end has come it returns SHELL_READ and is run
 * again; cat alone passes on what there is.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"
#include "sim/base/sort.h"

bool shell_read_file(struct shell_call *c, struct str path, struct text *out)
{
    AUTO(text) struct text absolute = {0};
    (void)shell_path(c->shell, path, &absolute);
    return c->shell->host.read(c->shell->host.owner, text_str(&absolute), out);
}

/* Standard input up to its end; false: it has not come. */
static bool input_take(struct shell *s, struct text *out)
{
    if (s->has_input) {
        text_add(out, str_slice(text_str(&s->input), s->input_at, s->input.size));
        s->input_at = s->input.size;
        return true;
    }
    if (!s->host.take || s->is_child)
        return true;
    for (;;) {
        size_t had = s->live.size;
        if (s->host.take(s->host.owner, false, &s->live)) {
            text_add(out, text_str(&s->live));
            text_clear(&s->live);
            return true;
        }
        if (s->live.size == had)
            return false;
    }
}

int shell_gather(struct shell_call *c, size_t first, struct text *out)
{
    int status = 0;
    bool any = false;
    for (size_t i = first; i < c->count; i++) {
        if (str_starts_with(shell_call_word(c, i), S("-")) && shell_call_word(c, i).size > 1)
            continue;
        any = true;
        if (!shell_read_file(c, shell_call_word(c, i), out)) {
            shell_write_error(c->shell, "%s: can't open '%s': No such file or directory\n",
                              c->words[0], c->words[i]);
            status = 1;
        }
    }
    return any || input_take(c->shell, out) ? status : SHELL_READ;
}

/* What comes in goes out at once. */
int shell_run_cat(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    int status = shell_gather(c, 1, &out);
    if (status == SHELL_READ) {
        text_add(&out, text_str(&c->shell->live));
        text_clear(&c->shell->live);
    }
    shell_write(c->shell, text_str(&out));
    return status;
}

int shell_run_head_tail(struct shell_call *c)
{
    AUTO(text) struct text all = {0};
    int64_t lines = 10;
    size_t first = 1;
    bool follows = false, is_tail = str_equal(shell_call_word(c, 0), S("tail"));
    for (; first < c->count && str_starts_with(shell_call_word(c, first), S("-")); first++) {
        struct str w = shell_call_word(c, first);
        follows = follows || str_contains(w, S("f")) || str_contains(w, S("F"));
        if (str_equal(w, S("-n")) && first + 1 < c->count)
            (void)str_to_int64(shell_call_word(c, ++first), &lines);
        else if (w.size > 1)
            (void)str_to_int64(str_slice(w, 1, w.size), &lines);
    }
    bool is_nothing = str_equal(shell_call_word(c, first), S("/dev/null"));
    int status = is_nothing ? 0 : shell_gather(c, first, &all);
    if (status < 0)
        return status;
    struct str s = text_str(&all);
    size_t at = is_tail ? s.size : 0;
    int64_t seen = 0;
    if (is_tail) {
        for (; at > 0; at--) {
            if (s.bytes[at - 1] == '\n' && at < s.size && ++seen == lines)
                break;
        }
        shell_write(c->shell, str_slice(s, at, s.size));
    } else {
        for (; at < s.size && seen < lines; at++)
            seen += s.bytes[at] == '\n';
        shell_write(c->shell, str_slice(s, 0, at));
    }
    return follows && status == 0 ? SHELL_FOREVER : status;
}

int shell_run_grep(struct shell_call *c)
{
    AUTO(text) struct text all = {0};
    AUTO(text) struct text out = {0};
    size_t first = 1;
    bool quiet = false, invert = false, count_only = false;
    for (; first < c->count && str_starts_with(shell_call_word(c, first), S("-")); first++) {
        quiet = quiet || str_contains(shell_call_word(c, first), S("q"));
        invert = invert || str_contains(shell_call_word(c, first), S("v"));
        count_only = count_only || str_contains(shell_call_word(c, first), S("c"));
    }
    struct str pattern = shell_call_word(c, first);
    if (shell_gather(c, first + 1, &all) < 0)
        return SHELL_READ;
    struct str rest = text_str(&all);
    int64_t found = 0;
    bool anchored = str_starts_with(pattern, S("^"));
    pattern = anchored ? str_slice(pattern, 1, pattern.size) : pattern;
    while (rest.size > 0) {
        struct str line = str_cut(rest, '\n', &rest);
        if ((anchored ? str_starts_with(line, pattern) : str_contains(line, pattern)) == invert)
            continue;
        found++;
        text_printf(&out, "%.*s\n", STR_ARG(line));
    }
    if (count_only) {
        text_clear(&out);
        text_printf(&out, "%" PRId64 "\n", found);
    }
    if (!quiet)
        shell_write(c->shell, text_str(&out));
    return found > 0 ? 0 : 1;
}

int shell_run_wc(struct shell_call *c)
{
    AUTO(text) struct text all = {0};
    AUTO(text) struct text out = {0};
    int64_t counts[3] = {0}; /* lines, words, bytes */
    bool wanted[3] = {false, false, false}, in_word = false;
    if (shell_gather(c, 1, &all) < 0)
        return SHELL_READ;
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        wanted[0] |= str_equal(w, S("-l"));
        wanted[1] |= str_equal(w, S("-w"));
        wanted[2] |= str_equal(w, S("-c")) || str_equal(w, S("-m"));
    }
    bool all_wanted = !wanted[0] && !wanted[1] && !wanted[2];
    for (size_t i = 0; i < all.size; i++) {
        char b = all.bytes[i];
        bool is_blank = b == ' ' || b == '\n' || b == '\t' || b == '\r';
        counts[0] += b == '\n';
        counts[1] += !is_blank && !in_word;
        in_word = !is_blank;
    }
    counts[2] = (int64_t)all.size;
    for (int i = 0; i < 3; i++) {
        if (all_wanted)
            text_printf(&out, "%s%9" PRId64, i > 0 ? " " : "", counts[i]);
        else if (wanted[i])
            text_printf(&out, "%s%" PRId64, out.size > 0 ? " " : "", counts[i]);
    }
    struct str file = shell_call_word(c, c->count - 1);
    if (c->count > 1 && !str_starts_with(file, S("-")))
        text_printf(&out, " %.*s", STR_ARG(file));
    text_add_byte(&out, '\n');
    shell_write(c->shell, text_str(&out));
    return 0;
}

int shell_run_sort(struct shell_call *c)
{
    AUTO(text) struct text all = {0};
    AUTO(text) struct text out = {0};
    VEC(struct str) lines = {0};
    if (shell_gather(c, 1, &all) < 0)
        return SHELL_READ;
    bool is_reverse = str_contains(shell_call_word(c, 1), S("r"));
    bool is_unique = str_contains(shell_call_word(c, 1), S("u"));
    for (struct str rest = text_str(&all); rest.size > 0;)
        vec_push(&lines, str_cut(rest, '\n', &rest));
    sort_stable(lines.items, lines.count, sizeof(lines.items[0]), sort_by_bytes, NULL);
    for (size_t i = 0; i < lines.count; i++) {
        size_t at = is_reverse ? lines.count - 1 - i : i;
        size_t before = is_reverse ? at + 1 : at - 1;
        bool is_same = i > 0 && str_equal(lines.items[at], lines.items[before]);
        if (!is_unique || !is_same)
            text_printf(&out, "%.*s\n", STR_ARG(lines.items[at]));
    }
    vec_release(&lines);
    shell_write(c->shell, text_str(&out));
    return 0;
}

int shell_run_tee(struct shell_call *c)
{
    AUTO(text) struct text all = {0};
    int status = shell_gather(c, c->count, &all);
    bool append = str_equal(shell_call_word(c, 1), S("-a"));
    if (status < 0)
        return status;
    for (size_t i = append ? 2 : 1; i < c->count; i++) {
        AUTO(text) struct text path = {0};
        (void)shell_path(c->shell, shell_call_word(c, i), &path);
        const char *error =
            c->shell->host.write(c->shell->host.owner, text_str(&path), text_str(&all), append);
        if (error) {
            shell_write_error(c->shell, "tee: %s: %s\n", c->words[i], error);
            status = 1;
        }
    }
    shell_write(c->shell, text_str(&all));
    return status;
}
