/* SPDX-License-Identifier: Apache-2.0
 *
 * Scripts: output, exit code and virtual time, by a table; then signals and network requests.
 * Method: a host with a handful of files in memory; the clock moves to whatever the shell asks for.
 */
#include "sim/base/base.h"

#include "runtime/simulated/shell.h"
#include "sim/base/mem.h"

#include <CUnit/Basic.h>

struct memory_host {
    struct cri_pairs files;
    struct text out;
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

static struct shell_host host_of(struct memory_host *m)
{
    return (struct shell_host){m,      kind,    read_file, write_file, remove_file,
                               list,   output,  wall,      variable,   environment,
                               memory, "web-1", "default"};
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
    static CU_TestInfo tests[] = {
        {"scripts", test_scripts},     {"syntax errors", test_syntax_errors},
        {"busy loop", test_busy_loop}, {"terminate", test_terminate},
        {"request", test_request},     CU_TEST_INFO_NULL};
    static CU_SuiteInfo suites[] = {{"shell", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    if (CU_initialize_registry() != CUE_SUCCESS || CU_register_suites(suites) != CUE_SUCCESS)
        return 1;
    CU_basic_run_tests();
    unsigned failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    return failures > 0;
}
