/* SPDX-License-Identifier: Apache-2.0
 *
 * Merging a context into a kubeconfig. Goal: what others wrote stays, line by line, with comments
 * and order; ours is put in once however often; what is no kubeconfig is refused and not touched.
 */
#define _GNU_SOURCE
#include "sim/base/base.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cluster/api/object.h"
#include "cluster/api/yaml.h"
#include "tui/kubeconfig.h"

static struct identity identity;

static const struct kubeconfig_entry *entry(const char *name, const char *server)
{
    static struct kubeconfig_entry e;
    if (identity.key.size == 0) {
        text_add(&identity.certificate, S("certificate"));
        text_add(&identity.key, S("key"));
    }
    e = (struct kubeconfig_entry){.name = str_from(name),
                                  .cluster = S("wavetank"),
                                  .server = str_from(server),
                                  .authority = S("authority"),
                                  .identity = &identity};
    return &e;
}

static bool has_server(struct value item, const char *server)
{
    struct value cluster = value_get_key(item, S("cluster"));
    return value_is(value_get_key(cluster, S("server")), server);
}

/* Of our own names, in each list exactly one; the server is ours. */
static void expect_ours(struct str text, const char *name, const char *server)
{
    AUTO(value) struct value root = VALUE_ABSENT;
    struct errmsg message;
    static const char *const lists[] = {"clusters", "users", "contexts"};
    CU_ASSERT_EQUAL_FATAL(yaml_parse_one(text, &root, &message), ERR_OK);
    for (size_t i = 0; i < ARRAY_COUNT(lists); i++) {
        struct value list = value_get_key(root, str_from(lists[i]));
        size_t count = 0;
        for (size_t k = 0; k < value_count(list); k++) {
            struct value item = value_at(list, k);
            bool is_ours = VALUE_IS(item, i == 0 ? "wavetank" : name, name);
            count += is_ours;
            if (is_ours && i == 0)
                CU_ASSERT(has_server(item, server));
        }
        CU_ASSERT_EQUAL(count, 1);
    }
}

/* Each line of the old text is in the new one, in the same order. */
static void expect_kept(struct str old, struct str new)
{
    while (old.size > 0) {
        struct str line = str_cut(old, '\n', &old);
        bool is_found = false;
        while (!is_found && new.size > 0)
            is_found = str_equal(line, str_cut(new, '\n', &new));
        if (!is_found)
            printf("lost: %.*s\n", STR_ARG(line));
        CU_ASSERT(is_found);
    }
}

/* Texts in block style: not a line of theirs changes. */
static const char *const kept[] = {
    "",
    "# only a comment\n",
    "apiVersion: v1\nclusters:\n- cluster:\n    server: https://a:1\n  name: a\ncontexts:\n"
    "- context:\n    cluster: a\n    user: a\n  name: a\ncurrent-context: a\nkind: Config\n"
    "preferences: {}\nusers:\n- name: a\n  user:\n    token: secret\n",
    /* indented lists, comments everywhere, another order, an empty line at the end */
    "# mine\nkind: Config\napiVersion: v1\nusers:\n  # the first\n  - name: a   # a\n    user:\n"
    "      token: x # of a\n  # the second\n  - user: {token: y}\n    name: b\n\n# the clusters\n"
    "clusters:\n  - name: a\n    cluster:\n      server: https://a:1\n"
    "      # insecure-skip-tls-verify: true\n\ncurrent-context: b\ncontexts:\n"
    "  - name: b\n    context: {cluster: a, user: b}\n# the end\n",
    /* without an end of the last line; a block scalar that looks like a comment */
    "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster:\n    server: https://a:1\n"
    "    certificate-authority-data: >-\n      QUJD\n      REVG\nusers:\n- name: a\n  user:\n"
    "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      command: get\n"
    "      args:\n      - \"#x\"\n      - |\n        # no comment\n      env: null\n"
    "current-context: a\ncontexts:\n- context: {cluster: a, user: a}\n  name: a",
    /* unknown keys at the top, document marks */
    "---\napiVersion: v1\nkind: Config\nextensions:\n- name: x\n  extension: {a: 1}\n"
    "current-context: theirs\n",
};

static void test_kept(void)
{
    for (size_t i = 0; i < ARRAY_COUNT(kept); i++) {
        AUTO(text) struct text once = {0};
        AUTO(text) struct text twice = {0};
        AUTO(text) struct text other = {0};
        AUTO(text) struct text third = {0};
        struct errmsg message;
        bool is_current;
        struct str old = str_from(kept[i]);
        CU_ASSERT_EQUAL_FATAL(
            kubeconfig_merge(old, entry("wavetank", "https://w:1"), &once, &is_current, &message),
            ERR_OK);
        expect_ours(text_str(&once), "wavetank", "https://w:1");
        expect_kept(old, text_str(&once));
        CU_ASSERT_EQUAL(is_current, !str_contains(old, S("current-context:")));

        CU_ASSERT_EQUAL(kubeconfig_merge(text_str(&once), entry("wavetank", "https://w:1"), &twice,
                                         &is_current, &message),
                        ERR_OK);
        CU_ASSERT(str_equal(text_str(&once), text_str(&twice)));

        CU_ASSERT_EQUAL(kubeconfig_merge(text_str(&once), entry("alice", "https://w:2"), &other,
                                         &is_current, &message),
                        ERR_OK);
        expect_ours(text_str(&other), "wavetank", "https://w:2");
        expect_ours(text_str(&other), "alice", "https://w:2");
        expect_kept(old, text_str(&other));

        CU_ASSERT_EQUAL(kubeconfig_merge(text_str(&other), entry("wavetank", "https://w:1"),
                                         &third, &is_current, &message),
                        ERR_OK);
        expect_ours(text_str(&third), "alice", "https://w:1");
        expect_kept(old, text_str(&third));
    }
}

/* Other styles: the content stays, if not the layout. */
static void test_rewritten(void)
{
    static const char *const texts[] = {
        "{\"apiVersion\":\"v1\",\"kind\":\"Config\",\"clusters\":[{\"name\":\"a\",\"cluster\":"
        "{\"server\":\"https://a:1\"}}],\"users\":[],\"contexts\":null,\"current-context\":\"\"}",
        "apiVersion: v1\nkind: Config\ncurrent-context: theirs\n"
        "clusters: [{name: a, cluster: {server: \"https://a:1\"}}]\n"
        "contexts: [{name: a, context: {cluster: a, user: a}}]\nusers: [{name: a, user: {}}]\n",
        "apiVersion: v1\nkind: Config\nclusters: &c\n- name: a\n  cluster: {server: https://a:1}\n"
        "users: []\ncontexts: null\ncurrent-context: \"\"\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(text) struct text new = {0};
        AUTO(value) struct value root = VALUE_ABSENT;
        struct errmsg message;
        bool is_current;
        CU_ASSERT_EQUAL_FATAL(kubeconfig_merge(str_from(texts[i]), entry("wavetank", "https://w:1"),
                                               &new, &is_current, &message),
                              ERR_OK);
        expect_ours(text_str(&new), "wavetank", "https://w:1");
        CU_ASSERT_EQUAL_FATAL(yaml_parse_one(text_str(&new), &root, &message), ERR_OK);
        struct value first = value_at(value_get_key(root, S("clusters")), 0);
        CU_ASSERT(has_server(first, "https://a:1"));
        CU_ASSERT_EQUAL(is_current, !str_contains(str_from(texts[i]), S("theirs")));
    }
}

static void test_refused(void)
{
    static const char *const texts[] = {
        "clusters: {a: 1}\n",
        "- a\n",
        "just words",
        "apiVersion: v1\nkind: [\n",
        "apiVersion: v1\n---\napiVersion: v1\n",
        "users: 7\n",
    };
    for (size_t i = 0; i < ARRAY_COUNT(texts); i++) {
        AUTO(text) struct text new = {0};
        struct errmsg message = {{0}};
        bool is_current;
        CU_ASSERT_NOT_EQUAL(kubeconfig_merge(str_from(texts[i]), entry("wavetank", "https://w:1"),
                                             &new, &is_current, &message),
                            ERR_OK);
        CU_ASSERT_EQUAL(new.size, 0);
        CU_ASSERT(message.text[0] != 0);
    }
}

/* ---- files ---- */

static void put(const char *path, const char *content, mode_t mode)
{
    FILE *f = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    fputs(content, f);
    fclose(f);
    CU_ASSERT_EQUAL(chmod(path, mode), 0);
}

static unsigned mode_of(const char *path)
{
    struct stat s;
    return lstat(path, &s) == 0 ? (unsigned)s.st_mode : 0;
}

static void test_files(void)
{
    char folder[] = "/tmp/wavetank-test-XXXXXX";
    struct errmsg message = {{0}};
    bool is_current;
    CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
    CU_ASSERT_EQUAL_FATAL(chdir(folder), 0);

    /* a new one is private, in a folder that is made */
    CU_ASSERT_EQUAL(kubeconfig_write("new/config", entry("wavetank", "https://w:1"), &is_current,
                                     &message),
                    ERR_OK);
    CU_ASSERT_EQUAL(mode_of("new/config") & 0777, 0600);
    CU_ASSERT_EQUAL(mode_of("new") & 0777, 0700);

    /* an old one keeps its mode; a link stays a link */
    put("old", "apiVersion: v1 # mine\nkind: Config\n", 0640);
    CU_ASSERT_EQUAL(symlink("old", "link"), 0);
    CU_ASSERT_EQUAL(symlink("nothing-yet", "dangling"), 0);
    CU_ASSERT_EQUAL(
        kubeconfig_write("link", entry("wavetank", "https://w:1"), &is_current, &message), ERR_OK);
    CU_ASSERT_EQUAL(mode_of("old") & 0777, 0640);
    CU_ASSERT(S_ISLNK(mode_of("link")));
    CU_ASSERT_EQUAL(
        kubeconfig_write("dangling", entry("wavetank", "https://w:1"), &is_current, &message),
        ERR_OK);
    CU_ASSERT(S_ISLNK(mode_of("dangling")));
    CU_ASSERT_EQUAL(mode_of("nothing-yet") & 0777, 0600);

    /* nothing is left over; a lock of another program is respected */
    CU_ASSERT_EQUAL(mode_of("old.lock"), 0);
    CU_ASSERT_EQUAL(mode_of("old.wavetank-new"), 0);
    put("old.lock", "", 0600);
    CU_ASSERT_EQUAL(
        kubeconfig_write("old", entry("wavetank", "https://w:2"), &is_current, &message),
        ERR_STATE);
    CU_ASSERT_EQUAL(unlink("old.lock"), 0);

    /* lists, as kubectl chooses */
    AUTO(text) struct text chosen = {0};
    put("theirs", "apiVersion: v1\nkind: Config\n", 0600);
    kubeconfig_choose("missing:theirs:old", "wavetank", &chosen);
    CU_ASSERT_STRING_EQUAL(text_c(&chosen), "old");
    kubeconfig_choose("missing:theirs:old", "another", &chosen);
    CU_ASSERT_STRING_EQUAL(text_c(&chosen), "theirs");
    kubeconfig_choose("missing:gone", "another", &chosen);
    CU_ASSERT_STRING_EQUAL(text_c(&chosen), "gone");

    static const char *const left[] = {"new/config", "old", "link", "dangling", "nothing-yet",
                                       "theirs"};
    for (size_t i = 0; i < ARRAY_COUNT(left); i++)
        CU_ASSERT_EQUAL(unlink(left[i]), 0);
    CU_ASSERT(rmdir("new") == 0 && chdir("/") == 0 && rmdir(folder) == 0);
}

int main(void)
{
    static CU_TestInfo tests[] = {
        {"lines of others stay", test_kept}, {"other styles", test_rewritten},
        {"no kubeconfig", test_refused},     {"files, links, modes, locks", test_files},
        CU_TEST_INFO_NULL,
    };
    CU_SuiteInfo suites[] = {{"kubeconfig", NULL, NULL, NULL, NULL, tests}, CU_SUITE_INFO_NULL};
    CU_initialize_registry();
    CU_register_suites(suites);
    CU_basic_run_tests();
    unsigned int failures = CU_get_number_of_failures();
    CU_cleanup_registry();
    text_release(&identity.certificate);
    text_release(&identity.key);
    return failures != 0;
}
