/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripts: output, exit code and virtual time, by a table; then signals and network requests.
 * Method: a host with a handful of files in memory; the clock moves to whatever the shell asks for.
 */
#include "sim/base/base.h"

#include "runtime/simulated/console.h"
#include "runtime/simulated/shell.h"
#include "sim/base/mem.h"

#include <CUnit/Basic.h>

struct memory_host {
    struct cri_pairs files;
    struct text out;
    struct console *console; /* NULL: no standard input */
};

static enum file_kind kind(void *owner, struct str path)
{
    struct memory_host *m = owner;
    return cri_pairs_get(&m->files, path) ? FILE_REGULAR
           : str_equal(path, S("/tmp"))   ? FILE_DIRECTORY
                                          : FILE_NONE;
}
static bool read_file(void *owner, struct str path, struct text *out)
{
    struct memory_host *m = owner;
    const char *content = cri_pairs_get(&m->files, path);
    if (content)
        text_add(out, str_from(content));
    return content != NULL;
}
static const char *write_file(void *owner, struct str path, struct str content, bool append)
{
    struct memory_host *m = owner;
    struct text whole = {0};
    if (str_starts_with(path, S("/ro/")))
        return "Read-only file system";
    if (append)
        (void)read_file(owner, path, &whole);
    text_add(&whole, content);
    cri_pairs_set(&m->files, path, text_str(&whole));
    text_release(&whole);
    return NULL;
}
static const char *remove_file(void *owner, struct str path)
{
    struct memory_host *m = owner;
    for (uint32_t i = 0; i < m->files.count; i++) {
        if (!str_equal(str_from(m->files.items[i].key), path))
            continue;
        mem_free(m->files.items[i].key);
        mem_free(m->files.items[i].value);
        m->files.items[i] = m->files.items[--m->files.count];
        return NULL;
    }
    return "No such file or directory";
}
static void list(void *owner, struct str path, struct text *out)
{
    (void)owner;
    (void)path;
    (void)out;
}
static void output(void *owner, struct str bytes, bool is_error)
{
    struct memory_host *m = owner;
    (void)is_error;
    text_add(&m->out, bytes);
}
static struct wall_time wall(void *owner)
{
    (void)owner;
    return (struct wall_time){INT64_C(1767225600000000000)}; /* 2026-01-01T00:00:00Z */
}
static const char *variable(void *owner, struct str name)
{
    (void)owner;
    return str_equal(name, S("GREETING")) ? "hello" : NULL;
}
static void environment(void *owner, struct text *out)
{
    (void)owner;
    text_add(out, S("GREETING=hello\n"));
}
static void memory(void *owner, int64_t bytes)
{
    (void)owner;
    (void)bytes;
}

static bool take(void *owner, bool one_line, struct text *out)
{
    struct memory_host *m = owner;
    return !m->console || console_take(m->console, one_line, out);
}

static struct shell_host host_of(struct memory_host *m)
{
    return (struct shell_host){.owner = m,
                               .kind = kind,
                               .read = read_file,
                               .write = write_file,
                               .remove = remove_file,
                               .list = list,
                               .output = output,
                               .wall = wall,
                               .variable = variable,
                               .environment = environment,
                               .memory = memory,
                               .take = take,
                               .hostname = "web-1",
                               .namespace = "default",
                               .is_busybox = true};
}

/* Runs until the end, or `limit` of virtual time. */
static enum shell_state run(struct shell *s, struct instant *now, struct duration limit)
{
    for (;;) {
        enum shell_state state = shell_run(s, *now);
        if (state != SHELL_SLEEPS || shell_wake_at(s).ns > limit.ns)
            return state;
        *now = shell_wake_at(s);
    }
}

static void test_scripts(void)
{
    static const struct {
        const char *script, *output;
        int code;
        int64_t seconds; /* virtual, rounded down */
    } rows[] = {
        {"echo hello world", "hello world\n", 0, 0},
        {"echo -n a; echo b", "ab\n", 0, 0},
        {"exit 3", "", 3, 0},
        {"sleep 5; exit 1", "", 1, 5},
        {"echo $GREETING \"$GREETING  x\" '$GREETING'", "hello hello  x $GREETING\n", 0, 0},
        {"A=1; A=$((A + 2 * 3)); echo ${A} ${B:-none} ${#GREETING}", "7 none 5\n", 0, 0},
        {"for i in 1 2 3; do echo $i; sleep 1; done", "1\n2\n3\n", 0, 3},
        {"i=0; while [ $i -lt 3 ]; do i=$((i+1)); done; echo $i", "3\n", 0, 0},
        {"i=0; until [ $i -eq 2 ]; do i=`expr $i + 1`; sleep 2; done", "", 0, 4},
        {"false || echo no; true && echo yes; false && echo never", "no\nyes\n", 1, 0},
        {"if test -f /tmp/x; then echo there; else echo missing; fi", "missing\n", 0, 0},
        {"touch /tmp/x; if [ -f /tmp/x ]; then echo there; fi; rm /tmp/x; cat /tmp/x",
         "there\ncat: can't open '/tmp/x': No such file or directory\n", 1, 0},
        {"echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f", "a\nb\n", 0, 0},
        {"echo x > /ro/f", "sh: can't create /ro/f: Read-only file system\n", 1, 0},
        {"nosuchtool", "sh: nosuchtool: not found\n", 127, 0},
        {"date -u +%FT%TZ", "2026-01-01T00:00:00Z\n", 0, 0},
        {"date", "Thu Jan  1 00:00:00 UTC 2026\n", 0, 0},
        {"printf '%s is %d\\n' a 5", "a is 5\n", 0, 0},
        {"X=$(echo one; echo two); echo $X", "one two\n", 0, 0},
        {"printf 'b\\na\\n' | grep a | wc -l", "1\n", 0, 0},
        {"case abc in x|y) echo 1;; a*) echo 2;; *) echo 3;; esac", "2\n", 0, 0},
        {"f() { echo in $1; return 4; }; f x; echo $?", "in x\n4\n", 0, 0},
        {"while true; do sleep 1; break; done; echo out", "out\n", 0, 1},
        {"for i in a b c; do if [ $i = b ]; then continue; fi; echo $i; done", "a\nc\n", 0, 0},
        {"(echo sub; exit_code=1); echo after", "sub\nafter\n", 0, 0},
        {"{ echo a; echo b; } > /tmp/g; cat /tmp/g", "a\nb\n", 0, 0},
        {"echo err >&2; echo out 2>/dev/null; cat /none 2>/dev/null", "err\nout\n", 1, 0},
        {"! true; echo $?", "1\n", 0, 0},
        {"sleep 3 & sleep 1; wait; echo done", "done\n", 0, 3},
        {"env", "GREETING=hello\n", 0, 0},
        {"hostname; # a comment\necho end", "web-1\nend\n", 0, 0},
        {"printf 'a b\\nc d\\n' > /tmp/r; while read x y; do echo $y; done < /tmp/r", "b\nd\n", 0,
         0},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct memory_host m = {0};
        struct shell_host host = host_of(&m);
        struct text error = {0};
        struct instant now = {0};
        struct shell_code *code = shell_compile(str_from(rows[i].script), &error);
        CU_ASSERT_PTR_NOT_NULL_FATAL(code);
        struct shell *s = shell_new(code, &host);

        enum shell_state state = run(s, &now, duration_s(100));

        bool ok = state == SHELL_EXITED && strcmp(text_c(&m.out), rows[i].output) == 0 &&
                  shell_exit_code(s) == rows[i].code && now.ns / 1000000000 == rows[i].seconds;
        if (!ok)
            printf("\n%s: \"%s\", code %d, %" PRId64 " ns\n", rows[i].script, text_c(&m.out),
                   shell_exit_code(s), now.ns);
        CU_ASSERT(ok);
        shell_free(s);
        text_release(&m.out);
        text_release(&error);
        cri_pairs_release(&m.files);
    }
}

static void test_syntax_errors(void)
{
    static const char *const scripts[] = {
        "if true; then echo", "echo 'open", "while true; do", "echo $(",
        "case x in",          "fi",         "echo )",         "${a"};
    for (size_t i = 0; i < ARRAY_COUNT(scripts); i++) {
        struct text error = {0};
        struct shell_code *code = shell_compile(str_from(scripts[i]), &error);
        CU_ASSERT_PTR_NULL(code);
        CU_ASSERT(str_starts_with(text_str(&error), S("sh: syntax error")));
        shell_code_unref(code);
        text_release(&error);
    }
}

/* A busy loop takes virtual time instead of running for ever within one instant. */
static void test_busy_loop(void)
{
    struct memory_host m = {0};
    struct shell_host host = host_of(&m);
    struct instant now = {0};
    struct shell *s = shell_new(shell_compile(S("while true; do :; done"), NULL), &host);

    enum shell_state state = run(s, &now, duration_s(1));

    CU_ASSERT_EQUAL(state, SHELL_SLEEPS);
    CU_ASSERT(now.ns > 900000000);
    shell_free(s);
    text_release(&m.out);
}

/* SIGTERM: ignored without a trap; a trap runs when the command in the foreground ends, at once in
 * `wait`. */
static void test_terminate(void)
{
    static const struct {
        const char *script;
        bool is_handled;
        int64_t ends_at_s; /* after SIGTERM at 2 s; -1: does not end */
    } rows[] = {
        {"sleep 1000", false, -1},
        {"trap 'exit 0' TERM; sleep 10; sleep 1000", true, 10},
        {"trap 'echo bye; exit 7' TERM; sleep 1000 & wait", true, 2},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct memory_host m = {0};
        struct shell_host host = host_of(&m);
        struct instant now = {0};
        struct shell *s = shell_new(shell_compile(str_from(rows[i].script), NULL), &host);
        (void)run(s, &now, duration_s(2));
        now = (struct instant){INT64_C(2000000000)};

        bool is_handled = shell_terminate(s);
        enum shell_state state = run(s, &now, duration_s(100));

        CU_ASSERT_EQUAL(is_handled, rows[i].is_handled);
        CU_ASSERT_EQUAL(state == SHELL_EXITED, rows[i].ends_at_s >= 0);
        if (rows[i].ends_at_s >= 0)
            CU_ASSERT_EQUAL(now.ns / 1000000000, rows[i].ends_at_s);
        shell_free(s);
        text_release(&m.out);
    }
}

/* Goal: commands that read get what was sent, when it comes. Method: input in pieces, the last one
 * ends it. */
static void test_input(void)
{
    static const struct {
        const char *script;
        const char *pieces[3];
        const char *output;
        int code;
    } rows[] = {
        {"cat", {"one\n", "two", NULL}, "one\ntwo", 0},
        {"cat > /tmp/x; cat /tmp/x", {"a\n", "b\n", NULL}, "a\nb\n", 0},
        {"cat | grep b", {"ab\nc\n", "bd\n", NULL}, "ab\nbd\n", 0},
        {"grep -c x", {"x\n", "y\nx\n", NULL}, "2\n", 0},
        {"read a; read b; echo $b$a", {"1\n", "2\n", NULL}, "21\n", 0},
        {"read a b; echo $b", {"x y z\nrest\n", NULL}, "y z\n", 0},
        {"wc -l; echo end", {"1\n2\n", NULL}, "2\nend\n", 0},
        {"read a || exit 4", {NULL}, "", 4},
        {"sort", {"b\na\n", "c\n", NULL}, "a\nb\nc\n", 0},
        {"sh", {"echo a\n", "if true\nthen echo b\n", "fi\nexit 6\n"}, "a\nb\n", 6},
        {"sh -c 'cat; exit 3'", {"z", NULL}, "z", 3},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct console console = {0};
        struct memory_host m = {.console = &console};
        struct shell_host host = host_of(&m);
        struct instant now = {0};
        struct shell *s = shell_new(shell_compile(str_from(rows[i].script), NULL), &host);
        struct text echo = {0};

        enum shell_state state = run(s, &now, duration_s(5));
        for (size_t k = 0; k < 3 && rows[i].pieces[k]; k++) {
            CU_ASSERT_EQUAL(state, k == 0 || state == SHELL_READS ? SHELL_READS : SHELL_EXITED);
            console_feed(&console, str_from(rows[i].pieces[k]), &echo);
            state = run(s, &now, duration_s(5));
        }
        console_end(&console);
        state = run(s, &now, duration_s(5));

        bool ok = state == SHELL_EXITED && strcmp(text_c(&m.out), rows[i].output) == 0 &&
                  shell_exit_code(s) == rows[i].code;
        if (!ok)
            printf("\n%s: \"%s\", code %d, state %d\n", rows[i].script, text_c(&m.out),
                   shell_exit_code(s), (int)state);
        CU_ASSERT(ok);
        CU_ASSERT_EQUAL(echo.size, 0);
        shell_free(s);
        console_release(&console);
        text_release(&m.out);
        cri_pairs_release(&m.files);
    }
}

/* Goal: what comes in many pieces at one instant all gets through. Method: more pieces than the
 * shell pays for in one go. */
static void test_much_input(void)
{
    struct console console = {0};
    struct memory_host m = {.console = &console};
    struct shell_host host = host_of(&m);
    struct instant now = {0};
    char word[] = "cat", *words[] = {word};
    struct shell *s = shell_new_command(words, 1, &host);
    struct text echo = {0};

    (void)run(s, &now, duration_s(5));
    for (int i = 0; i < 100; i++) {
        console_feed(&console, S("0123456789"), &echo);
        (void)shell_run(s, now); /* as many events of one instant do */
    }
    console_end(&console);
    enum shell_state state = run(s, &now, duration_s(5));

    CU_ASSERT_EQUAL(state, SHELL_EXITED);
    CU_ASSERT_EQUAL(m.out.size, 1000);
    shell_free(s);
    console_release(&console);
    text_release(&m.out);
}

/* Goal: a person at a terminal sees what a terminal shows. Method: keys in, the screen's bytes out,
 * echo and output in the order in which they come. */
static void test_terminal(void)
{
    static const struct {
        const char *keys, *screen;
        int code; /* -1: it has not ended */
    } rows[] = {
        {"echo hi\r", "/ # echo hi\r\nhi\r\n/ # ", -1},
        {"false\recho $?\r", "/ # false\r\n/ # echo $?\r\n1\r\n/ # ", -1},
        {"ecx\177ho a\r", "/ # ecx\b\033[Kho a\r\na\r\n/ # ", -1},
        {"abc\025echo b\r", "/ # abc\b\b\b\033[Kecho b\r\nb\r\n/ # ", -1},
        {"sleep 100\r\003echo $?\r", "/ # sleep 100\r\n^C\r\n/ # echo $?\r\n130\r\n/ # ", -1},
        {"half\003", "/ # half^C\r\n/ # ", -1},
        {"\004", "/ # ", 0},
        {"exit 5\r", "/ # exit 5\r\n", 5},
        {"cat\rab\r\004echo x\r", "/ # cat\r\nab\r\nab\r\n/ # echo x\r\nx\r\n/ # ", -1},
        {"echo '1\r2'\r", "/ # echo '1\r\n> 2'\r\n1\r\n2\r\n/ # ", -1},
        {"echo 1\r\033[A\r", "/ # echo 1\r\n1\r\n/ # echo 1\r\n1\r\n/ # ", -1},
        {"echo ac\033[Db\r", "/ # echo ac\bbc\b\r\nabc\r\n/ # ", -1},
        {"nosuch\r", "/ # nosuch\r\nsh: nosuch: not found\r\n/ # ", -1},
    };
    for (size_t i = 0; i < ARRAY_COUNT(rows); i++) {
        struct console console = {.has_terminal = true};
        struct memory_host m = {.console = &console};
        struct shell_host host = host_of(&m);
        struct instant now = {0};
        struct shell *s = shell_new_reader(&host, PROMPT_ASH);
        struct text screen = {0};

        enum shell_state state = run(s, &now, duration_s(5));
        for (const char *key = rows[i].keys;; key++) {
            console_show(&console, text_str(&m.out), &screen);
            text_clear(&m.out);
            if (*key == '\0')
                break;
            console_feed(&console, (struct str){key, 1}, &screen);
            if (console.interrupts > 0) {
                console.interrupts = 0;
                shell_interrupt(s);
            }
            state = run(s, &now, duration_s(5));
        }

        bool ok = strcmp(text_c(&screen), rows[i].screen) == 0 &&
                  (rows[i].code < 0 ? state == SHELL_READS
                                    : state == SHELL_EXITED && shell_exit_code(s) == rows[i].code);
        if (!ok)
            printf("\n%zu: \"%s\"\n  is \"%s\", state %d\n", i, rows[i].screen, text_c(&screen),
                   (int)state);
        CU_ASSERT(ok);
        shell_free(s);
        console_release(&console);
        text_release(&screen);
        text_release(&m.out);
    }
}

static void test_request(void)
{
    struct memory_host m = {0};
    struct shell_host host = host_of(&m);
    struct instant now = {0};
    struct shell *s = shell_new(
        shell_compile(S("until wget -q -O- http://web:8080/x; do sleep 2; done"), NULL), &host);

    CU_ASSERT_EQUAL_FATAL(run(s, &now, duration_s(1)), SHELL_REQUESTS);
    struct traffic_request *r = shell_request(s);
    CU_ASSERT_STRING_EQUAL(r->host, "web");
    CU_ASSERT_STRING_EQUAL(r->path, "/x");
    CU_ASSERT_EQUAL(r->port, 8080);
    struct traffic_response *refused = traffic_response_new(0, TRAFFIC_REFUSED);
    shell_answer(s, refused);
    CU_ASSERT_EQUAL_FATAL(run(s, &now, duration_s(5)), SHELL_REQUESTS);
    CU_ASSERT_EQUAL(now.ns / 1000000000, 2);
    struct traffic_request *again = shell_request(s);
    struct traffic_response *ok = traffic_response_new(0, TRAFFIC_OK);
    ok->status = 200;
    ok->body = mem_copy_string(S("page\n"));
    shell_answer(s, ok);
    CU_ASSERT_EQUAL(run(s, &now, duration_s(5)), SHELL_EXITED);

    CU_ASSERT_STRING_EQUAL(text_c(&m.out),
                           "wget: can't connect to remote host: Connection refused\npage\n");
    message_unref(&r->message);
    message_unref(&again->message);
    message_unref(&refused->message);
    message_unref(&ok->message);
    shell_free(s);
    text_release(&m.out);
}

int main(void)
{
    static CU_TestInfo tests[] = {{"scripts", test_scripts},
                                  {"syntax errors", test_syntax_errors},
                                  {"busy loop", test_busy_loop},
                                  {"terminate", test_terminate},
                                  {"request", test_request},
                                  {"input", test_input},
                                  {"much input", test_much_input},
                                  {"terminal", test_terminal},
                                  CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"shell", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
