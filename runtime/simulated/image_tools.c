/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs of an image's own that people and probes run beside its server: `nginx -t`, `redis-cli
 * ping`, `pg_isready`. A row of the table says which image has which; a function says what it does,
 * as far as that is asked often. They look at the container's server, as the real ones do by its
 * socket: what does not listen yet does not answer.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"

struct tool_call {
    struct runtime_node *node;
    struct container *container;
    char **words;
    size_t count;
    struct text *out, *error;
};
typedef int (*tool_fn)(struct tool_call *t);

static bool has_word(const struct tool_call *t, const char *word)
{
    for (size_t i = 1; i < t->count; i++) {
        if (strcmp(t->words[i], word) == 0)
            return true;
    }
    return false;
}

static bool answers(const struct tool_call *t, uint16_t port)
{
    return program_listens(t->node, t->container, port) && program_is_ready(t->node, t->container);
}

static int not_modelled(struct tool_call *t)
{
    text_printf(t->error, "%s: this is not modelled\n", t->words[0]);
    return 1;
}

/* The image's tag when it is a number, else what was the newest. */
static void version_text(const struct container *c, const char *newest, struct text *out)
{
    struct str tag = str_from(c->config->image);
    while (str_find(tag, ':') < tag.size)
        tag = str_slice(tag, str_find(tag, ':') + 1, tag.size);
    tag = str_slice(tag, 0, str_find(tag, '-'));
    text_add(out, tag.size > 0 && is_digit(tag.bytes[0]) ? tag : str_from(newest));
}

static int run_nginx(struct tool_call *t)
{
    if (has_word(t, "-v") || has_word(t, "-V")) {
        text_add(t->error, S("nginx version: nginx/"));
        version_text(t->container, "1.29.1", t->error);
        text_add_byte(t->error, '\n');
        return 0;
    }
    if (has_word(t, "-t")) {
        text_add(t->error,
                 S("nginx: the configuration file /etc/nginx/nginx.conf syntax is ok\n"
                   "nginx: configuration file /etc/nginx/nginx.conf test is successful\n"));
        return 0;
    }
    if (has_word(t, "-s") && has_word(t, "reload"))
        return 0;
    if (has_word(t, "-s") && (has_word(t, "quit") || has_word(t, "stop"))) {
        (void)container_kill(t->node, t->container, 1, 15);
        return 0;
    }
    text_add(t->error,
             S("nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n"));
    return 1;
}

static int run_redis(struct tool_call *t)
{
    if (!answers(t, 6379)) {
        text_add(t->error, S("Could not connect to Redis at 127.0.0.1:6379: Connection refused\n"));
        return 1;
    }
    if (!has_word(t, "ping") && !has_word(t, "PING"))
        return not_modelled(t);
    text_add(t->out, S("PONG\n"));
    return 0;
}

static int run_pg_isready(struct tool_call *t)
{
    bool is_up = answers(t, 5432);
    text_printf(t->out, "/var/run/postgresql:5432 - %s\n",
                is_up ? "accepting connections" : "no response");
    return is_up ? 0 : 2;
}

static int run_mysqladmin(struct tool_call *t)
{
    if (!answers(t, 3306)) {
        text_add(t->error, S("mysqladmin: connect to server at 'localhost' failed\n"
                             "error: 'Can't connect to local MySQL server through socket "
                             "'/var/run/mysqld/mysqld.sock' (2)'\n"));
        return 1;
    }
    if (!has_word(t, "ping") && !has_word(t, "status"))
        return not_modelled(t);
    text_add(t->out, S("mysqld is alive\n"));
    return 0;
}

/* Order: as in the table of images. */
static const struct {
    const char *image; /* within the repository's name */
    const char *name;
    tool_fn run;
} tools[] = {
    {"nginx", "nginx", run_nginx},
    {"library/redis", "redis-cli", run_redis},
    {"library/mysql", "mysqladmin", run_mysqladmin},
    {"library/mysql", "mysql", not_modelled},
    {"library/mariadb", "mariadb-admin", run_mysqladmin},
    {"library/postgres", "pg_isready", run_pg_isready},
    {"library/postgres", "psql", not_modelled},
};

static tool_fn find(const struct container *c, struct str name)
{
    for (size_t i = 0; i < ARRAY_COUNT(tools); i++) {
        if (str_equal(shell_base_name(name), str_from(tools[i].name)) &&
            str_contains(str_from(c->model->repository), str_from(tools[i].image)))
            return tools[i].run;
    }
    return NULL;
}

bool image_tool_is_there(const struct container *c, struct str name)
{
    return find(c, name) != NULL;
}

bool image_tool_run(struct runtime_node *n, struct container *c, char **words, size_t count,
                    struct text *out, struct text *error, int *ret_status)
{
    tool_fn run = find(c, str_from(words[0]));
    if (!run)
        return false;
    struct tool_call t = {n, c, words, count, out, error};
    *ret_status = run(&t);
    return true;
}
