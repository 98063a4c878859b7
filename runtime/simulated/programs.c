/* SPDX-License-Identifier: Apache-2.0
 *
 * Program models: what runs in a container, as pure steps in virtual time.
 *
 * A model is data (runtime/image.c) plus a few rules here: a server listens `start_ms` after its
 * start and answers HTTP; nginx serves the files it sees, with `listen`, `root`, `index` and
 * `autoindex` of its configuration; a script runs in the shell; the default model listens on the
 * ports the container declares and stays up.
 *
 * Signals. A process with a handler ends `stop_ms` after SIGTERM with `stop_code`; PID 1 without a
 * handler ignores SIGTERM (the kernel drops signals without handler for it), so scripts and plain
 * tools run on until SIGKILL (exit code 137).
 *
 * The profile is annotations of the pod, for one container (key.<container>) or all;
 * docs/program-models.md.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"

#include <stdio.h>

#define PROFILE_PREFIX "wavetank.dev/"

/* ---- the profile ---- */

const char *program_profile(const struct container *c, const char *key)
{
    const struct cri_pairs *annotations = &c->sandbox->config->annotations;
    if (annotations->count == 0)
        return NULL;
    char name[200];
    int size = snprintf(name, sizeof(name), PROFILE_PREFIX "%s.%s", key, c->config->name);
    if (size > 0 && (size_t)size < sizeof(name)) {
        const char *own = cri_pairs_get(annotations, str_from(name));
        if (own)
            return own;
    }
    size = snprintf(name, sizeof(name), PROFILE_PREFIX "%s", key);
    return size > 0 && (size_t)size < sizeof(name) ? cri_pairs_get(annotations, str_from(name))
                                                   : NULL;
}

static bool profile_duration(const struct container *c, const char *key, struct duration *ret)
{
    const char *text = program_profile(c, key);
    return text && duration_parse(str_from(text), ret);
}

static bool profile_number(const struct container *c, const char *key, int64_t *ret)
{
    const char *text = program_profile(c, key);
    return text && str_to_int64(str_from(text), ret);
}

/* Bytes with Ki, Mi, Gi or none. */
static bool profile_bytes(const struct container *c, const char *key, int64_t *ret)
{
    const char *text = program_profile(c, key);
    if (!text)
        return false;
    struct str s = str_from(text);
    int shift = str_ends_with(s, S("Ki"))   ? 10
                : str_ends_with(s, S("Mi")) ? 20
                : str_ends_with(s, S("Gi")) ? 30
                                            : 0;
    if (!str_to_int64(shift ? str_slice(s, 0, s.size - 2) : s, ret) || *ret < 0 ||
        *ret > INT64_MAX >> 31)
        return false;
    *ret <<= shift;
    return true;
}

/* ---- the shell's view ---- */

static enum file_kind host_kind(void *owner, struct str path)
{
    struct container_view *v = owner;
    return container_file_kind(v->node, v->container, path);
}
static bool host_read(void *owner, struct str path, struct text *out)
{
    struct container_view *v = owner;
    return container_file_read(v->node, v->container, path, out);
}
static const char *host_write(void *owner, struct str path, struct str content, bool append)
{
    struct container_view *v = owner;
    return container_file_write(v->node, v->container, path, content, append);
}
static const char *host_remove(void *owner, struct str path)
{
    struct container_view *v = owner;
    return container_file_remove(v->node, v->container, path);
}
static void host_list(void *owner, struct str path, struct text *out)
{
    struct container_view *v = owner;
    container_file_list(v->node, v->container, path, out);
}
static void host_output(void *owner, struct str bytes, bool is_error)
{
    struct container_view *v = owner;
    AUTO(text) struct text shown = {0};
    if (v->capture) {
        text_add(v->capture, bytes);
    } else if (v->session) {
        session_output(v->session, v->node, bytes, is_error);
    } else if (v->container->console) {
        console_show(v->container->console, bytes, &shown);
        container_log_add(v->node, v->container, text_str(&shown), is_error);
        sessions_output(v->node, v->container, text_str(&shown), is_error);
    } else {
        container_log_add(v->node, v->container, bytes, is_error);
        sessions_output(v->node, v->container, bytes, is_error);
    }
}
static bool host_take(void *owner, bool one_line, struct text *out)
{
    struct container_view *v = owner;
    struct console *c = v->session ? &v->session->console : v->container->console;
    return !c || v->capture || console_take(c, one_line, out);
}
static const char *host_make_folder(void *owner, struct str path)
{
    struct container_view *v = owner;
    return container_folder_make(v->node, v->container, path);
}
static int64_t host_modified(void *owner, struct str path)
{
    struct container_view *v = owner;
    return container_file_modified(v->node, v->container, path);
}
static void host_processes(void *owner, struct text *out)
{
    struct container_view *v = owner;
    container_processes(v->node, v->container, out);
}
static const char *host_kill(void *owner, int64_t pid, int signal)
{
    struct container_view *v = owner;
    return container_kill(v->node, v->container, pid, signal);
}
static bool host_tool(void *owner, char **words, size_t count, struct text *out, struct text *error,
                      int *ret_status)
{
    struct container_view *v = owner;
    return image_tool_run(v->node, v->container, words, count, out, error, ret_status);
}
static int64_t host_memory_total(void *owner, int64_t *ret_used)
{
    struct container_view *v = owner;
    *ret_used = v->node->memory_used;
    return v->node->config->memory_bytes;
}
static void host_mounts(void *owner, struct text *out)
{
    struct container_view *v = owner;
    const struct cri_container_config *config = v->container->config;
    for (uint16_t i = 0; i < config->mount_count; i++) {
        const struct cri_mount *m = &config->mounts[i];
        bool is_memory = str_contains(str_from(m->host_path), S("/kubernetes.io~secret/")) ||
                         str_contains(str_from(m->host_path), S("/kubernetes.io~projected/"));
        text_printf(out, "%s on %s type %s (%s,relatime)\n", is_memory ? "tmpfs" : "/dev/vda1",
                    m->container_path, is_memory ? "tmpfs" : "ext4", m->is_read_only ? "ro" : "rw");
    }
}
static struct wall_time host_wall(void *owner)
{
    struct container_view *v = owner;
    return v->node->step->wall;
}
static const char *host_variable(void *owner, struct str name)
{
    struct container_view *v = owner;
    const struct cri_container_config *config = v->container->config;
    const char *value = cri_pairs_get(&config->variables, name);
    if (!value && config->environment)
        value = cri_pairs_get(&config->environment->variables, name);
    if (value)
        return value;
    if (str_equal(name, S("HOSTNAME")))
        return v->container->sandbox->config->hostname ? v->container->sandbox->config->hostname
                                                       : v->container->sandbox->config->name;
    if (str_equal(name, S("PATH")))
        return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    return str_equal(name, S("HOME")) ? "/root" : NULL;
}
static void host_environment(void *owner, struct text *out)
{
    struct container_view *v = owner;
    const struct cri_container_config *config = v->container->config;
    text_add(out, S("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\n"));
    text_printf(out, "HOSTNAME=%s\n", host_variable(owner, S("HOSTNAME")));
    for (uint32_t i = 0; i < config->variables.count; i++)
        text_printf(out, "%s=%s\n", config->variables.items[i].key,
                    config->variables.items[i].value);
    for (uint32_t i = 0; config->environment && i < config->environment->variables.count; i++) {
        const struct cri_pair *pair = &config->environment->variables.items[i];
        if (!cri_pairs_get(&config->variables, str_from(pair->key)))
            text_printf(out, "%s=%s\n", pair->key, pair->value);
    }
    text_add(out, S("HOME=/root\n"));
}
static void host_memory(void *owner, int64_t bytes)
{
    struct container_view *v = owner;
    container_memory_set(v->node, v->container, bytes);
}

void container_shell_host(struct container_view *view, struct shell_host *out)
{
    const struct cri_sandbox_config *s = view->container->sandbox->config;
    const struct cri_container_config *config = view->container->config;
    AUTO(text) struct text ip = {0};
    traffic_ip_text(view->container->sandbox->ip, &ip);
    if (ip.size < sizeof(view->ip) && view->container->sandbox->ip)
        memcpy(view->ip, text_c(&ip), ip.size + 1);
    *out = (struct shell_host){.owner = view,
                               .kind = host_kind,
                               .read = host_read,
                               .write = host_write,
                               .remove = host_remove,
                               .list = host_list,
                               .output = host_output,
                               .wall = host_wall,
                               .variable = host_variable,
                               .environment = host_environment,
                               .memory = host_memory,
                               .take = host_take,
                               .make_folder = host_make_folder,
                               .modified = host_modified,
                               .processes = host_processes,
                               .kill = host_kill,
                               .tool = host_tool,
                               .memory_total = host_memory_total,
                               .mounts = host_mounts,
                               .ip = view->ip,
                               .directory = config->working_directory,
                               .pid = view->session ? view->session->pid : 1,
                               .is_busybox = image_is_busybox(str_from(config->image)),
                               .hostname = s->hostname ? s->hostname : s->name,
                               .namespace = s->namespace};
}

/* ---- start ---- */

/* The words that are run: command, then arguments; for images with an entry point that takes a
 * command, the arguments. */
static size_t command_line(const struct container *c, char **words, size_t max)
{
    size_t count = 0;
    const struct cri_container_config *config = c->config;
    for (uint16_t i = 0; i < config->command_count && count < max; i++)
        words[count++] = config->command[i];
    if (count == 0 && config->argument_count > 0 && !c->model->has_shell)
        return 0; /* flags of the image's own program */
    if (count == 0 && config->argument_count > 0 && c->model->program != PROGRAM_SHELL &&
        !shell_knows_command(shell_base_name(str_from(config->arguments[0]))))
        return 0;
    for (uint16_t i = 0; i < config->argument_count && count < max; i++)
        words[count++] = config->arguments[i];
    return count;
}

bool program_is_shell(struct str name)
{
    return str_equal(name, S("sh")) || str_equal(name, S("bash")) || str_equal(name, S("ash")) ||
           str_equal(name, S("dash"));
}

enum shell_prompt container_prompt(const struct container *c, struct str shell)
{
    struct str repository = str_from(c->model->repository);
    bool is_bash = str_equal(shell_base_name(shell), S("bash")) ||
                   (shell.size == 0 && (str_equal(repository, S("library/debian")) ||
                                        str_equal(repository, S("library/ubuntu")) ||
                                        str_equal(repository, S("library/bash"))));
    return image_is_busybox(str_from(c->config->image)) ? PROMPT_ASH
           : is_bash                                    ? PROMPT_BASH
                                                        : PROMPT_DASH;
}

/* A shell that reads from whoever is attached; without standard input it finds its end at once. */
static void start_reader(struct runtime_node *n, struct container *c, struct str name)
{
    struct shell_host host;
    c->view = mem_new(struct container_view);
    *c->view = (struct container_view){.node = n, .container = c};
    container_shell_host(c->view, &host);
    c->shell =
        shell_new_reader(&host, c->config->has_terminal ? container_prompt(c, name) : PROMPT_NONE);
    c->program = PROGRAM_SCRIPT;
}

static void start_code(struct runtime_node *n, struct container *c, struct str script,
                       const struct shell_host *host)
{
    AUTO(text) struct text error = {0};
    struct shell_code *code = shell_compile(script, &error);
    if (!code) {
        container_log_add(n, c, text_str(&error), true);
        c->ends_at = n->step->now;
        c->end_code = 2;
        c->program = PROGRAM_SLEEP;
        return;
    }
    c->shell = shell_new(code, host);
}

static void start_script(struct runtime_node *n, struct container *c, char **words, size_t count)
{
    struct shell_host host;
    struct str name = shell_base_name(str_from(words[0]));
    size_t flag = 1;
    while (flag < count && words[flag][0] == '-' && !str_contains(str_from(words[flag]), S("c")))
        flag++;
    if (program_is_shell(name) && flag >= count) {
        start_reader(n, c, name);
        return;
    }
    c->view = mem_new(struct container_view); /* lives as long as the shell */
    *c->view = (struct container_view){.node = n, .container = c};
    container_shell_host(c->view, &host);
    c->program = PROGRAM_SCRIPT;
    AUTO(text) struct text script = {0};
    bool is_command = words[flag < count ? flag : 0][0] == '-' && flag + 1 < count;
    if (program_is_shell(name) && is_command)
        start_code(n, c, str_from(words[++flag]), &host);
    else if (program_is_shell(name) && container_file_read(n, c, str_from(words[flag]), &script))
        start_code(n, c, text_str(&script), &host);
    else
        c->shell = shell_new_command(words, count, &host);
    for (size_t i = is_command ? flag + 1 : flag; c->shell && program_is_shell(name) && i < count;
         i++)
        shell_add_parameter(c->shell, str_from(words[i]));
}

static void start_server(struct runtime_node *n, struct container *c)
{
    struct duration start = duration_ms((int64_t)c->model->start_ms);
    (void)profile_duration(c, "start-time", &start);
    c->listens_at = instant_add(n->step->now, start);
}

static void apply_profile(struct runtime_node *n, struct container *c)
{
    struct duration d = {0};
    int64_t number = 0;
    if (profile_duration(c, "run-for", &d)) {
        c->ends_at = instant_add(n->step->now, d);
        c->end_code = 0;
    }
    if (profile_number(c, "exit-code", &number)) {
        c->end_code = (int)(number & 255);
        if (c->ends_at.ns == INT64_MAX && c->program != PROGRAM_SCRIPT)
            c->ends_at = n->step->now;
    }
    c->ready_at =
        profile_duration(c, "ready-after", &d) ? instant_add(n->step->now, d) : n->step->now;
    if (profile_bytes(c, "memory", &number))
        container_memory_set(n, c, number);
    if (profile_number(c, "cpu-milli", &number) && number >= 0)
        c->cpu_milli = number;
}

char *program_start(struct runtime_node *n, struct container *c)
{
    char *words[64];
    size_t count = command_line(c, words, ARRAY_COUNT(words));
    container_files_bind(n, c);
    c->ends_at = INSTANT_NEVER;
    c->listens_at = INSTANT_NEVER;
    c->program = c->model->program;
    if (c->config->has_stdin || c->config->has_terminal) {
        c->console = mem_new(struct console);
        c->console->has_terminal = c->config->has_terminal;
    }
    container_memory_set(n, c, (int64_t)c->model->memory_mib << 20);
    c->cpu_milli = c->model->cpu_milli;
    if (count > 0) {
        struct str name = shell_base_name(str_from(words[0]));
        if (c->model->has_shell && (program_is_shell(name) || shell_knows_command(name))) {
            start_script(n, c, words, count);
        } else if (c->model->program == PROGRAM_SHELL ||
                   (program_is_shell(name) && !c->model->has_shell)) {
            AUTO(text) struct text error = {0};
            bool has_path = str_find(str_from(words[0]), '/') < strlen(words[0]);
            text_printf(&error,
                        "failed to create containerd task: failed to create shim task: OCI runtime "
                        "create failed: runc create "
                        "failed: unable to start container process: error during container init: "
                        "exec: \"%s\": %s",
                        words[0],
                        has_path ? "stat " : "executable file not found in $PATH: unknown");
            if (has_path)
                text_printf(&error, "%s: no such file or directory: unknown", words[0]);
            return mem_copy_string(text_str(&error));
        }
    }
    if (c->program == PROGRAM_SHELL) {
        start_reader(n, c, S(""));
    } else if (c->program != PROGRAM_SCRIPT && c->program != PROGRAM_SLEEP) {
        start_server(n, c);
    }
    apply_profile(n, c);
    return NULL;
}

/* ---- steps ---- */

/* The pod's own address stands in for the loopback interface's. */
static void use_own_address(const struct container *c, struct traffic_request *r)
{
    bool is_own = r->ip >> 24 == 127 || (r->host && r->kind != TRAFFIC_DNS &&
                                         str_equal(str_from(r->host), S("localhost")));
    if (is_own)
        r->ip = c->sandbox->ip;
}

uint64_t program_request(struct runtime_node *n, const struct container *c, struct shell *shell)
{
    struct traffic_request *r = shell_request(shell);
    use_own_address(c, r);
    r->id = ++n->last_request;
    r->source_ip = c->sandbox->ip;
    if (!r->namespace)
        r->namespace = mem_copy_string(str_from(c->sandbox->config->namespace));
    r->reply_to = n->pods;
    if (n->config->network != 0) {
        uint64_t id = r->id;
        step_send_datagram(n->step, n->config->network, &r->message);
        return id;
    }
    struct traffic_response *none =
        traffic_response_new(r->id, r->ip ? TRAFFIC_UNREACHABLE : TRAFFIC_NO_NAME);
    message_unref(&r->message);
    shell_answer(shell, none);
    message_unref(&none->message);
    return 0;
}

void program_step(struct runtime_node *n, struct container *c)
{
    struct instant now = n->step->now;
    if (c->ends_at.ns <= now.ns) {
        container_end(n, c, c->end_code, NULL);
        return;
    }
    if (c->program != PROGRAM_SCRIPT || c->is_hung) {
        if (c->wants_change)
            container_changed(n, c);
        return;
    }
    for (int i = 0; i < 1000; i++) {
        if (c->request_id != 0)
            break;
        int64_t memory = c->memory_bytes;
        enum shell_state state = shell_run(c->shell, now);
        if (c->memory_bytes != memory)
            container_memory_check(n, c);
        if (c->state != CRI_CONTAINER_RUNNING)
            return;
        if (state == SHELL_EXITED) {
            container_end(n, c, shell_exit_code(c->shell), NULL);
            return;
        }
        if (state != SHELL_REQUESTS)
            break;
        c->request_id = program_request(n, c, c->shell);
    }
    container_arm(n, c);
}

void program_answer(struct runtime_node *n, struct container *c, const struct traffic_response *r)
{
    c->request_id = 0;
    shell_answer(c->shell, r);
    program_step(n, c);
}

void program_interrupt(struct runtime_node *n, struct container *c)
{
    (void)n;
    if (shell_is_interactive(c->shell)) {
        c->request_id = 0;
        shell_interrupt(c->shell);
    }
}

void program_command_line(const struct container *c, struct text *out)
{
    const struct cri_container_config *config = c->config;
    size_t size = out->size;
    for (uint16_t i = 0; i < config->command_count; i++)
        text_printf(out, "%s%s", i > 0 ? " " : "", config->command[i]);
    if (out->size == size && c->model->program == PROGRAM_NGINX)
        text_add(out, S("nginx: master process nginx -g daemon off;"));
    else if (out->size == size && c->model->program == PROGRAM_SLEEP)
        text_add(out, S("/pause"));
    else if (out->size == size && config->argument_count == 0)
        text_add(out, c->model->program == PROGRAM_SHELL
                          ? S("sh")
                          : shell_base_name(image_repository(str_from(config->image))));
    for (uint16_t i = 0; i < config->argument_count; i++)
        text_printf(out, "%s%s", out->size > size ? " " : "", config->arguments[i]);
}

void program_terminate(struct runtime_node *n, struct container *c)
{
    struct duration stop = duration_ms((int64_t)c->model->stop_ms);
    const char *ignore = program_profile(c, "ignore-term");
    if (c->is_hung || (ignore && str_equal(str_from(ignore), S("true"))))
        return;
    if (profile_duration(c, "stop-time", &stop)) {
        c->ends_at = instant_add(n->step->now, stop);
        c->end_code = 0;
    } else if (c->program == PROGRAM_SCRIPT) {
        if (shell_terminate(c->shell))
            program_step(n, c);
        return;
    } else if (c->program == PROGRAM_SHELL || c->model->stop_ms == 0) {
        if (c->program ==
            PROGRAM_ECHO) { /* a Go program without handler, but as PID 1: Go's runtime has one */
            c->ends_at = instant_add(n->step->now, duration_ms(2));
            c->end_code = 2;
        }
    } else {
        c->ends_at = instant_add(n->step->now, stop);
        c->end_code = c->model->stop_code;
    }
    container_arm(n, c);
}

/* ---- requests ---- */

bool program_is_ready(const struct runtime_node *n, const struct container *c)
{
    return c->state == CRI_CONTAINER_RUNNING && !c->is_hung && c->ready_at.ns <= n->step->now.ns;
}

static bool nginx_listens(const struct container *c, uint16_t port);

bool program_listens(const struct runtime_node *n, const struct container *c, uint16_t port)
{
    if (c->state != CRI_CONTAINER_RUNNING || c->listens_at.ns > n->step->now.ns)
        return false;
    for (uint16_t i = 0; i < c->config->port_count; i++) {
        if (c->config->ports[i] == port &&
            (c->program == PROGRAM_DEFAULT || c->program == PROGRAM_ECHO))
            return true;
    }
    for (size_t i = 0; i < ARRAY_COUNT(c->model->ports); i++) {
        if (c->model->ports[i] == port && port != 0)
            return true;
    }
    return c->program == PROGRAM_NGINX && nginx_listens(c, port);
}

static bool nginx_listens(const struct container *c, uint16_t port)
{
    for (uint16_t i = 0; i < c->config->port_count; i++) {
        if (c->config->ports[i] == port)
            return true;
    }
    return false;
}

/* The word after `directive` in a configuration, up to ';' or a blank; empty when there is none. */
static struct str nginx_directive(struct str configuration, const char *directive)
{
    struct str name = str_from(directive);
    for (size_t i = 0; i + name.size < configuration.size; i++) {
        struct str rest = str_slice(configuration, i, configuration.size);
        bool at_word = i == 0 || configuration.bytes[i - 1] == ' ' ||
                       configuration.bytes[i - 1] == '\n' || configuration.bytes[i - 1] == '\t' ||
                       configuration.bytes[i - 1] == '{';
        if (!at_word || !str_starts_with(rest, name) ||
            (rest.bytes[name.size] != ' ' && rest.bytes[name.size] != '\t'))
            continue;
        struct str value = str_trim(str_slice(rest, name.size, str_find(rest, ';')));
        return str_slice(value, 0, str_find(value, ' '));
    }
    return (struct str){"", 0};
}

static int nginx_http(struct runtime_node *n, struct container *c, struct str path,
                      struct text *body)
{
    AUTO(text) struct text configuration = {0};
    AUTO(text) struct text file = {0};
    (void)container_file_read(n, c, S("/etc/nginx/conf.d/default.conf"), &configuration);
    struct str root = nginx_directive(text_str(&configuration), "root");
    path = str_slice(path, 0, str_find(path, '?'));
    text_printf(&file, "%.*s%.*s", STR_ARG(root.size ? root : S("/usr/share/nginx/html")),
                STR_ARG(path));
    enum file_kind kind = container_file_kind(n, c, text_str(&file));
    if (kind == FILE_DIRECTORY) {
        AUTO(text) struct text index = {0};
        text_printf(&index, "%s%sindex.html", text_c(&file),
                    str_ends_with(text_str(&file), S("/")) ? "" : "/");
        if (container_file_read(n, c, text_str(&index), body))
            return 200;
        if (str_equal(nginx_directive(text_str(&configuration), "autoindex"), S("on"))) {
            text_printf(body,
                        "<html><head><title>Index of %.*s</title></head><body><h1>Index of "
                        "%.*s</h1><pre>\n",
                        STR_ARG(path), STR_ARG(path));
            container_file_list(n, c, text_str(&file), body);
            text_add(body, S("</pre></body></html>\n"));
            return 200;
        }
        text_add(body, S("<html><head><title>403 Forbidden</title></head></html>\n"));
        return 403;
    }
    if (kind == FILE_REGULAR && container_file_read(n, c, text_str(&file), body))
        return 200;
    text_add(
        body,
        S("<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n<center><h1>404 Not "
          "Found</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"));
    return 404;
}

int program_http(struct runtime_node *n, struct container *c, uint16_t port, struct str path,
                 struct text *body)
{
    int64_t status = 0;
    CHECK(program_listens(n, c, port));
    if (c->is_hung)
        return 0;
    if (c->http_status != 0)
        return c->http_status;
    if (profile_number(c, "http-status", &status) && status >= 100 && status <= 599)
        return (int)status;
    if (!program_is_ready(n, c))
        return 503;
    if (c->program == PROGRAM_NGINX)
        return nginx_http(n, c, path, body);
    const struct cri_sandbox_config *s = c->sandbox->config;
    if (c->program == PROGRAM_ECHO) {
        text_printf(body, "%s\n", s->hostname ? s->hostname : s->name);
        return 200;
    }
    text_printf(body, "OK from %s\n", s->name);
    return 200;
}
