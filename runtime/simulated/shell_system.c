/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands that look at the machine and its processes: ps, kill, df, free, mount, ip, uname,
 * which; and sh, which runs another shell in the foreground.
 *
 * A process is what the runtime knows of: the container's own, and one for each exec. What a script
 * runs in the background has no number of its own.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell_code.h"

int shell_run_ps(struct shell_call *c)
{
    const struct shell_host *h = &c->shell->host;
    AUTO(text) struct text list = {0};
    AUTO(text) struct text out = {0};
    bool is_wide = !h->is_busybox && c->count > 1;
    if (h->processes)
        h->processes(h->owner, &list);
    if (h->is_busybox)
        text_add(&out, S("PID   USER     TIME  COMMAND\n"));
    else if (is_wide)
        text_add(&out, S("UID          PID    PPID  C STIME TTY          TIME CMD\n"));
    else
        text_add(&out, S("    PID TTY          TIME CMD\n"));
    int64_t last = h->pid;
    bool is_listed = false; /* it is the process of an exec itself */
    for (struct str rest = text_str(&list); rest.size > 0;) {
        struct str command, line = str_cut(rest, '\n', &rest);
        struct str pid = str_cut(line, ' ', &command);
        int64_t number = 0;
        if (str_to_int64(pid, &number) && number > last)
            last = number;
        is_listed |= number == h->pid && str_starts_with(command, S("ps"));
        if (h->is_busybox)
            text_printf(&out, "%5" PRId64 " root      0:00 %.*s\n", number, STR_ARG(command));
        else if (is_wide)
            text_printf(&out, "root     %7" PRId64 "       0  0 00:00 ?        00:00:00 %.*s\n",
                        number, STR_ARG(command));
        else
            text_printf(&out, "%7" PRId64 " ?        00:00:00 %.*s\n", number,
                        STR_ARG(str_slice(command, 0, str_find(command, ' '))));
    }
    if (h->is_busybox && !is_listed)
        text_printf(&out, "%5" PRId64 " root      0:00 ps\n", last + 1);
    shell_write(c->shell, text_str(&out));
    return 0;
}

/* A signal by number or name; 0: none such. */
static int signal_of(struct str s)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"HUP", 1},   {"INT", 2},   {"QUIT", 3}, {"KILL", 9},
                   {"USR1", 10}, {"USR2", 12}, {"TERM", 15}};
    int64_t number = 0;
    if (str_to_int64(s, &number))
        return number > 0 && number < 65 ? (int)number : 0;
    if (str_starts_with(s, S("SIG")))
        s = str_slice(s, 3, s.size);
    for (size_t i = 0; i < ARRAY_COUNT(signals); i++) {
        if (str_equal(s, str_from(signals[i].name)))
            return signals[i].number;
    }
    return 0;
}

int shell_run_kill(struct shell_call *c)
{
    const struct shell_host *h = &c->shell->host;
    int signal = 15, status = 0;
    size_t first = 1;
    if (str_equal(shell_call_word(c, 1), S("-s"))) {
        signal = signal_of(shell_call_word(c, 2));
        first = 3;
    } else if (str_starts_with(shell_call_word(c, 1), S("-"))) {
        signal = signal_of(str_slice(shell_call_word(c, 1), 1, shell_call_word(c, 1).size));
        first = 2;
    }
    if (signal == 0) {
        shell_write_error(c->shell, "kill: bad signal name '%s'\n", c->words[first - 1]);
        return 1;
    }
    for (size_t i = first; i < c->count; i++) {
        int64_t pid = 0;
        bool is_number = str_to_int64(shell_call_word(c, i), &pid);
        const char *error = !is_number ? "invalid number"
                            : h->kill  ? h->kill(h->owner, pid, signal)
                                       : NULL;
        if (error) {
            shell_write_error(
                c->shell, is_number ? "sh: can't kill pid %s: %s\n" : "sh: invalid number '%s'\n",
                c->words[i], error);
            status = 1;
        }
    }
    return status;
}

int shell_run_which(struct shell_call *c)
{
    int status = c->count > 1 ? 0 : 1;
    for (size_t i = 1; i < c->count; i++) {
        AUTO(text) struct text out = {0};
        struct str name = shell_call_word(c, i);
        if (shell_knows_command(name) &&
            !(c->shell->host.is_busybox && str_equal(name, S("bash")))) {
            text_printf(&out, "%s/%.*s\n", c->shell->host.is_busybox ? "/bin" : "/usr/bin",
                        STR_ARG(shell_base_name(name)));
            shell_write(c->shell, text_str(&out));
        } else {
            status = 1;
        }
    }
    return status;
}

int shell_run_df(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    bool is_human = str_contains(shell_call_word(c, 1), S("h"));
    text_printf(&out, "Filesystem           %s      Used Available Use%% Mounted on\n",
                is_human ? "     Size" : "1K-blocks");
    text_printf(&out, "overlay              %*s %9s %9s  10%% /\n", 9,
                is_human ? "49.1G" : "51474912", is_human ? "4.9G" : "5147492",
                is_human ? "44.2G" : "46327420");
    shell_write(c->shell, text_str(&out));
    return 0;
}

int shell_run_free(struct shell_call *c)
{
    const struct shell_host *h = &c->shell->host;
    AUTO(text) struct text out = {0};
    int64_t used = 0, total = h->memory_total ? h->memory_total(h->owner, &used) : 0;
    int shift = str_contains(shell_call_word(c, 1), S("m"))   ? 20
                : str_contains(shell_call_word(c, 1), S("g")) ? 30
                                                              : 10;
    text_add(&out, S("              total        used        free      shared  buff/cache   "
                     "available\n"));
    text_printf(&out,
                "Mem:    %11" PRId64 " %11" PRId64 " %11" PRId64
                "           0           0 %11" PRId64
                "\nSwap:             0           0           0\n",
                total >> shift, used >> shift, (total - used) >> shift, (total - used) >> shift);
    shell_write(c->shell, text_str(&out));
    return 0;
}

int shell_run_mount(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    text_add(&out, S("overlay on / type overlay (rw,relatime)\nproc on /proc type proc "
                     "(rw,nosuid,nodev,noexec,relatime)\ntmpfs on /dev type tmpfs "
                     "(rw,nosuid,size=65536k,mode=755)\n"));
    if (c->shell->host.mounts)
        c->shell->host.mounts(c->shell->host.owner, &out);
    shell_write(c->shell, text_str(&out));
    return 0;
}

int shell_run_ip(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    const char *ip = c->shell->host.ip;
    struct str what = shell_call_word(c, 1);
    if (!str_starts_with(S("address"), what) || what.size == 0) {
        shell_write_error(c->shell, "ip: only \"ip addr\" is modelled\n");
        return 1;
    }
    text_add(&out, S("1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue qlen 1000\n"
                     "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
                     "    inet 127.0.0.1/8 scope host lo\n"));
    if (ip && *ip)
        text_printf(&out,
                    "2: eth0@if2: <BROADCAST,MULTICAST,UP,LOWER_UP,M-DOWN> mtu 1450 qdisc noqueue\n"
                    "    inet %s/24 scope global eth0\n",
                    ip);
    shell_write(c->shell, text_str(&out));
    return 0;
}

int shell_run_uname(struct shell_call *c)
{
    AUTO(text) struct text out = {0};
    struct str w = shell_call_word(c, 1);
    bool is_all = str_contains(w, S("a"));
    const struct {
        char letter;
        const char *value;
    } parts[] = {
        {'s', "Linux"},          {'n', c->shell->host.hostname},
        {'r', "6.1.0-18-amd64"}, {'v', "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)"},
        {'m', "x86_64"},         {'o', "GNU/Linux"}};
    for (size_t i = 0; i < ARRAY_COUNT(parts); i++) {
        bool is_wanted = is_all || (c->count < 2 && i == 0) ||
                         (c->count > 1 && str_find(w, parts[i].letter) < w.size);
        if (is_wanted)
            text_printf(&out, "%s%s", out.size > 0 ? " " : "", parts[i].value);
    }
    text_add_byte(&out, '\n');
    shell_write(c->shell, text_str(&out));
    return 0;
}

/* ---- a shell in the foreground ---- */

int shell_run_sh(struct shell_call *c)
{
    struct shell *s = c->shell;
    AUTO(text) struct text error = {0};
    AUTO(text) struct text script = {0};
    size_t first = 1;
    while (str_starts_with(shell_call_word(c, first), S("-")) &&
           !str_contains(shell_call_word(c, first), S("c")))
        first++;
    struct str name = shell_call_word(c, 0);
    if (s->host.is_busybox && str_equal(shell_base_name(name), S("bash"))) {
        shell_write_error(s, "sh: %s: not found\n", c->words[0]);
        return 127;
    }
    bool has_command = str_starts_with(shell_call_word(c, first), S("-"));
    bool is_reader = first >= c->count && !s->has_input;
    if (has_command)
        text_add(&script, shell_call_word(c, ++first));
    else if (first < c->count && !shell_read_file(c, shell_call_word(c, first), &script)) {
        shell_write_error(s, "sh: can't open '%s': No such file or directory\n", c->words[first]);
        return 2;
    } else if (first >= c->count && s->has_input) {
        text_add(&script, str_slice(text_str(&s->input), s->input_at, s->input.size));
        s->input_at = s->input.size;
    }
    struct shell_code *code = is_reader ? NULL : shell_compile(text_str(&script), &error);
    if (!is_reader && !code) {
        shell_write_error(s, "%s", text_c(&error));
        return 2;
    }
    if (s->sub)
        return 2; /* one at a time is in the foreground */
    s->sub = shell_new_inner(s, code);
    for (size_t i = has_command ? first + 1 : first; i < c->count; i++)
        shell_add_parameter(s->sub, shell_call_word(c, i));
    return SHELL_SUB;
}
