/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands a script may use: those of Kubernetes' own examples, as busybox has them. A table of
 * name and function.
 *
 * A command returns its exit status, or SHELL_PAUSE (it has set wake_at), SHELL_AGAIN (it waits for
 * the network; shell_finish_request says what came) or SHELL_FOREVER. Options that a table row does
 * not look at are ignored.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"
#include "sim/base/calendar.h"

#include <stdio.h>

typedef int (*command_fn)(struct shell_call *c);

/* ---- output ---- */

static void add_escaped(struct text *out, struct str s)
{
    for (size_t i = 0; i < s.size; i++) {
        char c = s.bytes[i];
        if (c == '\\' && i + 1 < s.size) {
            char d = s.bytes[++i];
            if (d == 'n' || d == 't' || d == '\\' || d == 'r')
                text_add_byte(out, d == 'n' ? '\n' : d == 't' ? '\t' : d == 'r' ? '\r' : '\\');
            else {
                text_add_byte(out, '\\');
                text_add_byte(out, d);
            }
        } else {
            text_add_byte(out, c);
        }
    }
}

static int run_echo(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    size_t i = 1;
    bool newline = true, escapes = false;
    for (; i < c->count && (str_equal(shell_call_word(c, i), S("-n")) ||
                            str_equal(shell_call_word(c, i), S("-e")) ||
                            str_equal(shell_call_word(c, i), S("-ne")));
         i++) {
        newline = newline && !str_contains(shell_call_word(c, i), S("n"));
        escapes = escapes || str_contains(shell_call_word(c, i), S("e"));
    }
    for (size_t first = i; i < c->count; i++) {
        if (i > first)
            text_add_byte(&out, ' ');
        if (escapes)
            add_escaped(&out, shell_call_word(c, i));
        else
            text_add(&out, shell_call_word(c, i));
    }
    if (newline)
        text_add_byte(&out, '\n');
    shell_write(c->shell, text_str(&out));
    return 0;
}

static int run_printf(struct shell_call *c)
{
    AUTO(text) struct text format = {0};
    AUTO(text) struct text out = {0};
    add_escaped(&format, shell_call_word(c, 1));
    size_t next = 2;
    do {
        for (size_t i = 0; i < format.size; i++) {
            if (format.bytes[i] != '%' || i + 1 == format.size) {
                text_add_byte(&out, format.bytes[i]);
            } else if (format.bytes[i + 1] == '%') {
                text_add_byte(&out, '%');
                i++;
            } else {
                while (i + 1 < format.size && str_find(S("sdiuxcb"), format.bytes[i + 1]) == 7)
                    i++;
                i++;
                text_add(&out, shell_call_word(c, next++));
            }
        }
    } while (next < c->count && next > 2);
    shell_write(c->shell, text_str(&out));
    return 0;
}

static int run_date(struct shell_call *c)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct wall_time wall = c->shell->host.wall(c->shell->host.owner);
    c->shell->read_clock = true;
    int64_t seconds = floor_divide(wall.unix_ns, 1000000000);
    struct civil_time t = civil_time_of(seconds);
    AUTO(text) struct text out = {0};
    size_t f = c->count > 1 && str_equal(shell_call_word(c, 1), S("-u")) ? 2 : 1;
    if (!str_starts_with(shell_call_word(c, f), S("+"))) {
        text_printf(&out, "%s %s %2d %02d:%02d:%02d UTC %" PRId64 "\n", days[t.weekday],
                    months[t.month - 1], t.day, t.hour, t.minute, t.second, t.year);
        shell_write(c->shell, text_str(&out));
        return 0;
    }
    struct str format = shell_call_word(c, f);
    for (size_t i = 1; i < format.size; i++) {
        char k = format.bytes[i] == '%' && i + 1 < format.size ? format.bytes[++i] : '\0';
        if (k == '\0')
            text_add_byte(&out, format.bytes[i]);
        else if (k == 's')
            text_add_int(&out, seconds);
        else if (k == 'T')
            text_printf(&out, "%02d:%02d:%02d", t.hour, t.minute, t.second);
        else if (k == 'F')
            text_printf(&out, "%04" PRId64 "-%02d-%02d", t.year, t.month, t.day);
        else if (k == 'Y')
            text_add_int(&out, t.year);
        else if (k == 'm' || k == 'd' || k == 'H' || k == 'M' || k == 'S')
            text_printf(&out, "%02d",
                        k == 'm'   ? t.month
                        : k == 'd' ? t.day
                        : k == 'H' ? t.hour
                        : k == 'M' ? t.minute
                                   : t.second);
        else if (k == 'N')
            text_printf(&out, "%09" PRId64, wall.unix_ns % 1000000000);
        else
            text_add_byte(&out, k);
    }
    text_add_byte(&out, '\n');
    shell_write(c->shell, text_str(&out));
    return 0;
}

static int run_env(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    if (c->count > 1) { /* printenv NAME */
        const char *value = shell_get(c->shell, shell_call_word(c, 1));
        if (value)
            text_printf(&out, "%s\n", value);
        shell_write(c->shell, text_str(&out));
        return value ? 0 : 1;
    }
    c->shell->host.environment(c->shell->host.owner, &out);
    for (uint32_t i = 0; i < c->shell->variables.count; i++)
        text_printf(&out, "%s=%s\n", c->shell->variables.items[i].key,
                    c->shell->variables.items[i].value);
    shell_write(c->shell, text_str(&out));
    return 0;
}

/* Digits of pi, as the Job of the documentation prints them. */
static int run_perl(struct shell_call *c)
{
    c->shell->cost_ns += INT64_C(4000000000);
    shell_write(c->shell, S("3."
                            "1415926535897932384626433832795028841971693993751058209749445923078164"
                            "0628620899862803482534211706"
                            "7982148086513282306647093844609550582231725359408128481117450284102701"
                            "9385211055596446229489549303819\n"));
    return 0;
}

static int run_hostname(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    text_printf(&out, "%s\n", c->shell->host.hostname);
    shell_write(c->shell, text_str(&out));
    return 0;
}

static int run_whoami(struct shell_call *c)
{
    shell_write(c->shell, str_equal(shell_call_word(c, 0), S("id")) ? S("uid=0(root) gid=0(root)\n")
                                                                    : S("root\n"));
    return 0;
}

static int run_seq(struct shell_call *c)
{
    int64_t from = 1, to = 0;
    AUTO(text) struct text out = {0};
    if (!str_to_int64(shell_call_word(c, c->count - 1), &to) ||
        (c->count > 2 && !str_to_int64(shell_call_word(c, 1), &from)))
        return 1;
    for (int64_t i = from; i <= to && i < from + 100000; i++)
        text_printf(&out, "%" PRId64 "\n", i);
    shell_write(c->shell, text_str(&out));
    return 0;
}

/* ---- where it stands ---- */

static int run_cd(struct shell_call *c)
{
    AUTO(text) struct text path = {0};
    (void)shell_path(c->shell, c->count > 1 ? shell_call_word(c, 1) : S("/root"), &path);
    enum file_kind kind = c->shell->host.kind(c->shell->host.owner, text_str(&path));
    if (kind != FILE_DIRECTORY) {
        shell_write_error(c->shell, "sh: cd: can't cd to %s: %s\n", c->words[1],
                          kind == FILE_NONE ? "No such file or directory" : "Not a directory");
        return c->shell->host.is_busybox ? 1 : 2;
    }
    bool has_slash = path.size > 1 && path.bytes[path.size - 1] == '/';
    text_clear(&c->shell->directory);
    text_add(&c->shell->directory, str_slice(text_str(&path), 0, path.size - has_slash));
    return 0;
}

static int run_pwd(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    text_printf(&out, "%s\n", text_c(&c->shell->directory));
    shell_write(c->shell, text_str(&out));
    return 0;
}

/* ---- tests ---- */

static bool test_one(struct shell_call *c, struct str flag, struct str operand)
{
    AUTO(text) struct text path = {0};
    AUTO(text) struct text content = {0};
    if (str_equal(flag, S("-z")) || str_equal(flag, S("-n")))
        return (operand.size == 0) == str_equal(flag, S("-z"));
    (void)shell_path(c->shell, operand, &path);
    enum file_kind kind = c->shell->host.kind(c->shell->host.owner, text_str(&path));
    if (str_equal(flag, S("-f")))
        return kind == FILE_REGULAR;
    if (str_equal(flag, S("-d")))
        return kind == FILE_DIRECTORY;
    if (str_equal(flag, S("-s")))
        return c->shell->host.read(c->shell->host.owner, text_str(&path), &content) &&
               content.size > 0;
    return kind != FILE_NONE;
}

static int test_two(struct shell_call *c, struct str a, struct str o, struct str b)
{
    int64_t x = 0, y = 0;
    if (str_equal(o, S("=")) || str_equal(o, S("==")))
        return str_equal(a, b) ? 0 : 1;
    if (str_equal(o, S("!=")))
        return str_equal(a, b) ? 1 : 0;
    if (!str_to_int64(a, &x) || !str_to_int64(b, &y)) {
        shell_write_error(c->shell, "sh: %.*s: bad number\n", STR_ARG(str_to_int64(a, &x) ? b : a));
        return 2;
    }
    bool result = str_equal(o, S("-eq"))   ? x == y
                  : str_equal(o, S("-ne")) ? x != y
                  : str_equal(o, S("-lt")) ? x < y
                  : str_equal(o, S("-le")) ? x <= y
                  : str_equal(o, S("-gt")) ? x > y
                                           : x >= y;
    return result ? 0 : 1;
}

static int test_words(struct shell_call *c, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        if (str_equal(shell_call_word(c, i), S("-o")) && i > from && to - from > 3)
            return test_words(c, from, i) == 0 || test_words(c, i + 1, to) == 0 ? 0 : 1;
    }
    for (size_t i = from; i < to; i++) {
        if (str_equal(shell_call_word(c, i), S("-a")) && i > from && to - from > 3)
            return test_words(c, from, i) == 0 && test_words(c, i + 1, to) == 0 ? 0 : 1;
    }
    if (to > from && str_equal(shell_call_word(c, from), S("!")))
        return test_words(c, from + 1, to) == 0 ? 1 : 0;
    size_t count = to > from ? to - from : 0;
    if (count == 0)
        return 1;
    if (count == 1)
        return shell_call_word(c, from).size > 0 ? 0 : 1;
    if (count == 2)
        return test_one(c, shell_call_word(c, from), shell_call_word(c, from + 1)) ? 0 : 1;
    return test_two(c, shell_call_word(c, from), shell_call_word(c, from + 1),
                    shell_call_word(c, from + 2));
}

static int run_test(struct shell_call *c)
{
    size_t to = c->count;
    if (str_equal(shell_call_word(c, 0), S("["))) {
        if (!str_equal(shell_call_word(c, to - 1), S("]"))) {
            shell_write_error(c->shell, "sh: missing ]\n");
            return 2;
        }
        to--;
    }
    return test_words(c, 1, to);
}

/* ---- control ---- */

static int run_true(struct shell_call *c)
{
    (void)c;
    return 0;
}
static int run_false(struct shell_call *c)
{
    (void)c;
    return 1;
}

static int run_exit(struct shell_call *c)
{
    int64_t code = c->shell->status;
    if (c->count > 1 && !str_to_int64(shell_call_word(c, 1), &code))
        code = 2;
    c->shell->has_exited = true;
    return (int)(code & 255);
}

static int run_return(struct shell_call *c)
{
    int64_t code = c->shell->status;
    if (c->count > 1 && !str_to_int64(shell_call_word(c, 1), &code))
        code = 2;
    shell_return(c->shell);
    return (int)(code & 255);
}

/* Seconds, with a fraction or s, m, h, d; "infinity". */
static int run_sleep(struct shell_call *c)
{
    int64_t total = 0;
    for (size_t i = 1; i < c->count; i++) {
        struct str w = shell_call_word(c, i);
        struct duration d;
        AUTO(text) struct text unit = {0};
        if (str_equal(w, S("infinity")) || str_equal(w, S("inf")))
            return SHELL_FOREVER;
        int64_t days = 0;
        if (str_ends_with(w, S("d")) && str_to_int64(str_slice(w, 0, w.size - 1), &days) &&
            days >= 0 && days < 100000) {
            total += days * INT64_C(86400000000000);
            continue;
        }
        text_add(&unit, w);
        if (w.size > 0 && w.bytes[w.size - 1] >= '0' && w.bytes[w.size - 1] <= '9')
            text_add_byte(&unit, 's');
        if (!duration_parse(text_str(&unit), &d) || d.ns < 0) {
            shell_write_error(c->shell, "sleep: invalid number '%s'\n", c->words[i]);
            return 1;
        }
        total += d.ns;
    }
    c->shell->wake_at = instant_add(c->now, duration_ns(total));
    return SHELL_PAUSE;
}

static int run_export(struct shell_call *c)
{
    for (size_t i = 1; i < c->count; i++) {
        struct str value = {0};
        struct str name = str_cut(shell_call_word(c, i), '=', &value);
        if (name.size < shell_call_word(c, i).size)
            shell_set(c->shell, name, value);
    }
    return 0;
}

/* The next line of the input; false: *ret_wait, it is on its way, or there is none. */
static bool line_take(struct shell *s, struct text *out, bool *ret_wait)
{
    *ret_wait = false;
    if (s->has_input) {
        struct str after, rest = str_slice(text_str(&s->input), s->input_at, s->input.size);
        struct str line = str_cut(rest, '\n', &after);
        text_add(out, line);
        s->input_at += line.size < rest.size ? line.size + 1 : line.size;
        return rest.size > 0;
    }
    if (!s->host.take || s->is_child)
        return false;
    bool has_ended = s->host.take(s->host.owner, true, out);
    *ret_wait = !has_ended && out->size == 0;
    return out->size > 0;
}

static int run_read(struct shell_call *c)
{
    struct shell *s = c->shell;
    AUTO(text) struct text taken = {0};
    bool waits = false;
    if (!line_take(s, &taken, &waits))
        return waits ? SHELL_READ : 1;
    struct str line = text_str(&taken);
    line = str_ends_with(line, S("\n")) ? str_slice(line, 0, line.size - 1) : line;
    size_t first = 1;
    for (; str_starts_with(shell_call_word(c, first), S("-")); first++)
        first += str_equal(shell_call_word(c, first), S("-p"));
    for (size_t i = first; i < c->count; i++) {
        struct str tail = {0};
        struct str head = i + 1 < c->count ? str_cut(line, ' ', &tail) : line;
        shell_set(s, shell_call_word(c, i), head);
        line = tail;
    }
    return 0;
}

static int run_trap(struct shell_call *c)
{
    for (size_t i = 2; i < c->count; i++) {
        struct str signal = shell_call_word(c, i);
        if (str_equal(signal, S("TERM")) || str_equal(signal, S("SIGTERM")) ||
            str_equal(signal, S("15")) || str_equal(signal, S("EXIT"))) {
            text_clear(&c->shell->trap);
            text_add(&c->shell->trap, shell_call_word(c, 1));
            c->shell->has_trap = c->shell->has_trap || !str_equal(signal, S("EXIT"));
        }
    }
    return 0;
}

static int run_wait(struct shell_call *c)
{
    c->shell->waits_for_children = c->shell->children.count > 0;
    return 0;
}

static int run_shift(struct shell_call *c)
{
    if (c->shell->parameters.count < 2)
        return 1;
    mem_free(c->shell->parameters.items[1]);
    vec_remove(&c->shell->parameters, 1);
    return 0;
}

static int run_exec(struct shell_call *c)
{
    int status = 0;
    if (c->count < 2)
        return 0;
    if (!shell_run_command(c->shell, c->now, c->words + 1, c->count - 1, &status))
        return 127;
    if (status >= 0)
        c->shell->has_exited = true;
    return status;
}

/* expr A op B */
static int run_expr(struct shell_call *c)
{
    AUTO(text) struct text expression = {0};
    AUTO(text) struct text out = {0};
    bool ok = false;
    for (size_t i = 1; i < c->count; i++)
        text_printf(&expression, " %s", c->words[i]);
    int64_t n = shell_arithmetic(c->shell, text_str(&expression), &ok);
    text_printf(&out, "%" PRId64 "\n", n);
    shell_write(c->shell, text_str(&out));
    return !ok ? 2 : n == 0;
}

/* stress --vm-bytes 150M: holds memory for ever. */
static int run_stress(struct shell_call *c)
{
    for (size_t i = 1; i + 1 < c->count; i++) {
        int64_t n = 0;
        struct str w = shell_call_word(c, i + 1);
        if (!str_equal(shell_call_word(c, i), S("--vm-bytes")))
            continue;
        int shift = str_ends_with(w, S("G"))   ? 30
                    : str_ends_with(w, S("M")) ? 20
                    : str_ends_with(w, S("K")) ? 10
                                               : 0;
        if (str_to_int64(shift ? str_slice(w, 0, w.size - 1) : w, &n) && n >= 0 &&
            n < INT64_C(1) << 32)
            c->shell->host.memory(c->shell->host.owner, n << shift);
    }
    return SHELL_FOREVER;
}

/* ---- the table ---- */

static const struct {
    const char *name;
    command_fn run;
    int32_t cost_us; /* of starting a tool; 0: built into the shell */
} commands[] = {
    {":", run_true, 0},
    {"[", run_test, 0},
    {"ash", shell_run_sh, 900},
    {"bash", shell_run_sh, 900},
    {"cat", shell_run_cat, 800},
    {"cd", run_cd, 0},
    {"chmod", run_true, 800},
    {"chown", run_true, 800},
    {"cp", shell_run_cp, 900},
    {"curl", shell_run_http, 5000},
    {"dash", shell_run_sh, 900},
    {"date", run_date, 800},
    {"df", shell_run_df, 800},
    {"echo", run_echo, 0},
    {"env", run_env, 800},
    {"exec", run_exec, 0},
    {"exit", run_exit, 0},
    {"export", run_export, 0},
    {"expr", run_expr, 800},
    {"false", run_false, 0},
    {"find", shell_run_find, 1200},
    {"free", shell_run_free, 800},
    {"grep", shell_run_grep, 900},
    {"head", shell_run_head_tail, 800},
    {"hostname", run_hostname, 800},
    {"id", run_whoami, 800},
    {"ip", shell_run_ip, 800},
    {"kill", shell_run_kill, 0},
    {"ls", shell_run_ls, 900},
    {"mkdir", shell_run_touch, 800},
    {"mount", shell_run_mount, 800},
    {"mv", shell_run_cp, 900},
    {"nc", shell_run_nc, 1000},
    {"nslookup", shell_run_nslookup, 1000},
    {"perl", run_perl, 3000},
    {"printenv", run_env, 800},
    {"printf", run_printf, 0},
    {"ps", shell_run_ps, 900},
    {"pwd", run_pwd, 0},
    {"read", run_read, 0},
    {"return", run_return, 0},
    {"rm", shell_run_rm, 800},
    {"rmdir", shell_run_rm, 800},
    {"seq", run_seq, 800},
    {"set", run_true, 0},
    {"sh", shell_run_sh, 900},
    {"shift", run_shift, 0},
    {"sleep", run_sleep, 800},
    {"sort", shell_run_sort, 900},
    {"stat", shell_run_stat, 800},
    {"stress", run_stress, 5000},
    {"sync", run_true, 800},
    {"tail", shell_run_head_tail, 800},
    {"tar", shell_run_tar, 1500},
    {"tee", shell_run_tee, 800},
    {"test", run_test, 0},
    {"touch", shell_run_touch, 800},
    {"trap", run_trap, 0},
    {"true", run_true, 0},
    {"uname", shell_run_uname, 800},
    {"wait", run_wait, 0},
    {"wc", shell_run_wc, 800},
    {"wget", shell_run_http, 2000},
    {"which", shell_run_which, 800},
    {"whoami", run_whoami, 800},
};

struct str shell_base_name(struct str path)
{
    for (size_t i = path.size; i > 0; i--) {
        if (path.bytes[i - 1] == '/')
            return str_slice(path, i, path.size);
    }
    return path;
}

static size_t find_command(struct str name)
{
    name = shell_base_name(name);
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (str_equal(name, str_from(commands[i].name)))
            return i;
    }
    return ARRAY_COUNT(commands);
}

const char *shell_command_name(size_t i)
{
    return i < ARRAY_COUNT(commands) ? commands[i].name : NULL;
}

bool shell_command_is_tool(size_t i)
{
    return commands[i].cost_us > 0;
}

bool shell_knows_command(struct str name)
{
    return find_command(name) < ARRAY_COUNT(commands);
}

bool shell_knows_tool(struct str name)
{
    size_t i = find_command(name);
    /* busybox and coreutils have these as files too */
    static const char *const both[] = {"[",    "echo", "false",  "kill",
                                       "test", "true", "printf", "pwd"};
    for (size_t k = 0; k < ARRAY_COUNT(both); k++) {
        if (str_equal(shell_base_name(name), str_from(both[k])))
            return true;
    }
    return i < ARRAY_COUNT(commands) && shell_command_is_tool(i);
}

bool shell_run_command(struct shell *s, struct instant now, char **words, size_t count,
                       int *ret_status)
{
    size_t i = find_command(str_from(words[0]));
    if (i == ARRAY_COUNT(commands))
        return false;
    struct shell_call c = {s, now, words, count};
    *ret_status = commands[i].run(&c);
    s->cost_ns += (int64_t)commands[i].cost_us * 1000;
    return true;
}
