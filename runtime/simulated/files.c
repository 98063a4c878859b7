/* SPDX-License-Identifier: Apache-2.0
 *
 * The file trees of a node: volumes by host path, and what a container sees of them.
 *
 * A path in a container is looked up in the mount with the longest matching container path; outside
 * of every mount, in the container's own layer (what it wrote), then among the few facts of the
 * image. A subPath mount binds a file or folder of the volume. Volumes that the kubelet writes
 * (ConfigMaps, Secrets and the like) get another folder with each change, so a subPath of one shows
 * what it was at the start of the container for as long as that lives: `bound` keeps that.
 *
 * A service account's folder that the kubelet has not written (in a run, where it asks for no
 * tokens: kubelet/tokens.c) is computed when it is read: the namespace is the pod's, ca.crt and
 * token are placeholders of a stable form.
 */
#include "sim/base/base.h"

#include "runtime/simulated/node.h"

#define SERVICE_ACCOUNT_VOLUME "kubernetes.io~projected/kube-api-access-"

/* ---- volumes ---- */

struct volume *runtime_volume(struct runtime_node *n, struct str host_path, bool make)
{
    for (size_t i = 0; i < n->volumes.count; i++) {
        if (str_equal(str_from(n->volumes.items[i]->host_path), host_path))
            return n->volumes.items[i];
    }
    if (!make)
        return NULL;
    struct volume *v = mem_new(struct volume);
    v->host_path = mem_copy_string(host_path);
    vec_push(&n->volumes, v);
    return v;
}

static struct node_file *volume_find(struct volume *v, struct str path)
{
    for (size_t i = 0; v && i < v->files.count; i++) {
        if (str_equal(str_from(v->files.items[i].path), path))
            return &v->files.items[i];
    }
    return NULL;
}

static void volume_clear(struct volume *v)
{
    for (size_t i = 0; i < v->files.count; i++) {
        mem_free(v->files.items[i].path);
        mem_free(v->files.items[i].content);
    }
    vec_clear(&v->files);
}

static void volume_free(struct volume *v)
{
    if (!v)
        return;
    volume_clear(v);
    vec_release(&v->files);
    mem_free(v->host_path);
    mem_free(v);
}

void runtime_volume_write(struct volume *v, const struct cri_pairs *files, bool is_empty_dir)
{
    if (!is_empty_dir)
        volume_clear(v);
    for (uint32_t i = 0; i < files->count; i++) {
        struct str content = str_from(files->items[i].value);
        struct node_file f = {.path = mem_copy_string(str_from(files->items[i].key)),
                              .content = mem_copy_string(content),
                              .size = content.size};
        vec_push(&v->files, f);
    }
}

void runtime_volumes_remove(struct runtime_node *n, struct str below)
{
    for (size_t i = 0; i < n->volumes.count;) {
        struct str path = str_from(n->volumes.items[i]->host_path);
        if (str_starts_with(path, below) &&
            (path.size == below.size || path.bytes[below.size] == '/')) {
            volume_free(n->volumes.items[i]);
            vec_remove(&n->volumes, i);
        } else {
            i++;
        }
    }
}

void container_files_release(struct container *c)
{
    volume_free(c->own_files);
    c->own_files = NULL;
    for (uint16_t i = 0; c->bound && i < c->config->mount_count; i++)
        volume_free(c->bound[i]);
    mem_free(c->bound);
    c->bound = NULL;
}

/* Volumes whose folder is another after each change. */
static bool is_written_by_kubelet(struct str host_path)
{
    return str_contains(host_path, S("/kubernetes.io~configmap/")) ||
           str_contains(host_path, S("/kubernetes.io~secret/")) ||
           str_contains(host_path, S("/kubernetes.io~projected/")) ||
           str_contains(host_path, S("/kubernetes.io~downward-api/"));
}

void container_files_bind(struct runtime_node *n, struct container *c)
{
    for (uint16_t i = 0; i < c->config->mount_count; i++) {
        const struct cri_mount *m = &c->config->mounts[i];
        struct volume *v = m->sub_path && is_written_by_kubelet(str_from(m->host_path))
                               ? runtime_volume(n, str_from(m->host_path), false)
                               : NULL;
        if (!v)
            continue;
        if (!c->bound)
            c->bound = mem_array(struct volume *, c->config->mount_count);
        c->bound[i] = mem_new(struct volume);
        for (size_t f = 0; f < v->files.count; f++) {
            const struct node_file *from = &v->files.items[f];
            struct node_file copy = {mem_copy_string(str_from(from->path)),
                                     from->content ? mem_copy_string(node_file_str(from)) : NULL,
                                     from->size, from->modified_s};
            vec_push(&c->bound[i]->files, copy);
        }
    }
}

/* ---- what a container sees ---- */

struct place {                     /* where a path of a container leads */
    const struct cri_mount *mount; /* NULL: the container's own layer */
    struct volume *volume;         /* may be NULL: nothing there yet */
    struct str path;               /* below the volume, without leading slash */
};

static struct str without_slashes(struct str s)
{
    while (s.size > 0 && s.bytes[0] == '/')
        s = str_slice(s, 1, s.size);
    while (s.size > 0 && s.bytes[s.size - 1] == '/')
        s = str_slice(s, 0, s.size - 1);
    return s;
}

/* `joined` holds the path when a subPath goes in front of it. */
static struct place place_of(struct runtime_node *n, struct container *c, struct str path,
                             struct text *joined)
{
    path = without_slashes(path);
    const struct cri_mount *best = NULL;
    size_t best_size = 0;
    struct volume *bound = NULL;
    for (uint16_t i = 0; i < c->config->mount_count; i++) {
        const struct cri_mount *m = &c->config->mounts[i];
        struct str at = without_slashes(str_from(m->container_path));
        if (str_starts_with(path, at) && (path.size == at.size || path.bytes[at.size] == '/') &&
            (!best || at.size > best_size)) {
            best = m;
            best_size = at.size;
            bound = c->bound ? c->bound[i] : NULL;
        }
    }
    if (!best)
        return (struct place){NULL, c->own_files, path};
    struct str rest = without_slashes(str_slice(path, best_size, path.size));
    struct place p = {best, bound ? bound : runtime_volume(n, str_from(best->host_path), false),
                      rest};
    if (best->sub_path) {
        text_printf(joined, "%s%s%.*s", best->sub_path, rest.size ? "/" : "", STR_ARG(rest));
        p.path = text_str(joined);
    }
    return p;
}

/* Facts of images that scripts and people look at. */
static const char *image_file(const struct container *c, struct str path)
{
    static const struct {
        const char *path, *content;
    } any[] = {
        {"etc/os-release",
         "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nNAME=\"Debian GNU/Linux\"\nID=debian\n"},
        {"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"},
        {"etc/group", "root:x:0:\n"},
        {"proc/1/comm", "main\n"},
    };
    static const struct {
        const char *path, *content;
    } nginx[] = {
        {"usr/share/nginx/html/index.html",
         "<!DOCTYPE html>\n<html>\n<head>\n<title>Welcome to "
         "nginx!</title>\n</head>\n<body>\n<h1>Welcome to nginx!</h1>\n</body>\n</html>\n"},
        {"usr/share/nginx/html/50x.html", "<h1>An error occurred.</h1>\n"},
        {"etc/nginx/conf.d/default.conf",
         "server {\n    listen       80;\n    server_name  localhost;\n    location / {\n        "
         "root   /usr/share/nginx/html;\n"
         "        index  index.html index.htm;\n    }\n}\n"},
        {"etc/nginx/nginx.conf", "events { }\nhttp { include /etc/nginx/conf.d/*.conf; }\n"},
    };
    for (size_t i = 0; c->program == PROGRAM_NGINX && i < ARRAY_COUNT(nginx); i++) {
        if (str_equal(path, str_from(nginx[i].path)))
            return nginx[i].content;
    }
    for (size_t i = 0; i < ARRAY_COUNT(any); i++) {
        if (str_equal(path, str_from(any[i].path)))
            return any[i].content;
    }
    return NULL;
}

static bool service_account_file(const struct container *c, struct str path, struct text *out)
{
    if (str_equal(path, S("namespace")))
        text_add(out, str_from(c->sandbox->config->namespace));
    else if (str_equal(path, S("ca.crt")))
        text_add(out, S("-----BEGIN CERTIFICATE-----\nMIIBsimulated\n-----END CERTIFICATE-----\n"));
    else if (str_equal(path, S("token")))
        text_printf(out, "eyJhbGciOiJSUzI1NiJ9.%016" PRIx64 ".simulated",
                    hash_bytes(str_from(c->sandbox->config->uid)));
    else
        return false;
    return true;
}

static bool is_service_account(const struct place *p)
{
    return p->mount && !p->volume &&
           str_contains(str_from(p->mount->host_path), S(SERVICE_ACCOUNT_VOLUME));
}

bool container_file_read(struct runtime_node *n, struct container *c, struct str path,
                         struct text *out)
{
    AUTO(text) struct text joined = {0};
    struct place p = place_of(n, c, path, &joined);
    if (is_service_account(&p))
        return service_account_file(c, p.path, out);
    const struct node_file *f = volume_find(p.volume, p.path);
    if (f && f->content) {
        text_add(out, node_file_str(f));
        return true;
    }
    if (p.mount)
        return false;
    if (str_equal(p.path, S("etc/hostname")) || str_equal(p.path, S("etc/hosts"))) {
        const struct cri_sandbox_config *s = c->sandbox->config;
        const char *hostname = s->hostname ? s->hostname : s->name;
        if (str_ends_with(p.path, S("hosts"))) {
            text_add(out,
                     S("# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost "
                       "ip6-localhost ip6-loopback\nfe00::0\tip6-localnet\n"
                       "fe00::0\tip6-mcastprefix\nfe00::1\tip6-allnodes\n"
                       "fe00::2\tip6-allrouters\n"));
            traffic_ip_text(c->sandbox->ip, out);
            text_printf(out, "\t%s\n", hostname);
        } else {
            text_printf(out, "%s\n", hostname);
        }
        return true;
    }
    if (str_equal(p.path, S("etc/resolv.conf"))) {
        text_printf(out,
                    "search %s.svc.cluster.local svc.cluster.local cluster.local\n"
                    "nameserver 10.96.0.10\noptions ndots:5\n",
                    c->sandbox->config->namespace);
        return true;
    }
    const char *content = image_file(c, p.path);
    if (content)
        text_add(out, str_from(content));
    return content != NULL;
}

static const char *const image_folders[] = {
    "bin",     "dev",       "etc",  "home",    "lib",     "mnt",    "opt", "proc",
    "root",    "run",       "sbin", "srv",     "sys",     "tmp",    "usr", "usr/bin",
    "usr/lib", "usr/share", "var",  "var/log", "var/run", "var/tmp"};

static bool is_folder_of_image(struct str path)
{
    for (size_t i = 0; i < ARRAY_COUNT(image_folders); i++) {
        if (str_equal(path, str_from(image_folders[i])))
            return true;
    }
    return path.size == 0 || str_equal(path, S("data")); /* which some have */
}

static bool is_below(struct str path, struct str folder)
{
    return folder.size == 0 || (str_starts_with(path, folder) && path.size > folder.size &&
                                path.bytes[folder.size] == '/');
}

/* Mounts make the folders in which they stand. */
static bool is_above_mount(const struct container *c, struct str path)
{
    for (uint16_t i = 0; i < c->config->mount_count; i++) {
        if (is_below(without_slashes(str_from(c->config->mounts[i].container_path)), path))
            return true;
    }
    return false;
}

enum file_kind container_file_kind(struct runtime_node *n, struct container *c, struct str path)
{
    AUTO(text) struct text joined = {0};
    AUTO(text) struct text content = {0};
    if (container_file_read(n, c, path, &content))
        return FILE_REGULAR;
    struct place p = place_of(n, c, path, &joined);
    if (p.mount ? p.path.size == 0 : is_folder_of_image(p.path))
        return FILE_DIRECTORY;
    if (!p.mount && c->program == PROGRAM_NGINX && str_equal(p.path, S("usr/share/nginx/html")))
        return FILE_DIRECTORY;
    if (!p.mount && is_above_mount(c, p.path))
        return FILE_DIRECTORY;
    for (size_t i = 0; p.volume && i < p.volume->files.count; i++) {
        struct str f = str_from(p.volume->files.items[i].path);
        if (str_starts_with(f, p.path) && f.size > p.path.size && f.bytes[p.path.size] == '/')
            return FILE_DIRECTORY;
    }
    return FILE_NONE;
}

/* Where something may be written; NULL and *ret_error, or no error: a place that takes everything
 * and keeps nothing. */
static struct volume *writable(struct runtime_node *n, struct container *c, struct str path,
                               struct text *joined, struct str *ret_path, const char **ret_error)
{
    *ret_error = NULL;
    if (str_equal(path, S("/dev/null")) || str_starts_with(path, S("/proc/")))
        return NULL;
    struct place p = place_of(n, c, path, joined);
    if (p.mount && (p.mount->is_read_only || is_service_account(&p))) {
        *ret_error = "Read-only file system";
        return NULL;
    }
    if (!p.volume) {
        if (p.mount) {
            p.volume = runtime_volume(n, str_from(p.mount->host_path), true);
        } else {
            c->own_files = mem_new(struct volume);
            p.volume = c->own_files;
        }
    }
    *ret_path = p.path;
    return p.volume;
}

const char *container_folder_make(struct runtime_node *n, struct container *c, struct str path)
{
    AUTO(text) struct text joined = {0};
    AUTO(text) struct text name = {0};
    struct str below;
    const char *error;
    struct volume *v = writable(n, c, path, &joined, &below, &error);
    if (!v || below.size == 0)
        return error;
    text_printf(&name, "%.*s/", STR_ARG(below));
    struct node_file made = {.path = mem_copy_string(text_str(&name)),
                             .modified_s = n->step->wall.unix_ns / 1000000000};
    vec_push(&v->files, made);
    pod_changed(n, c->sandbox);
    return NULL;
}

int64_t container_file_modified(struct runtime_node *n, struct container *c, struct str path)
{
    AUTO(text) struct text joined = {0};
    struct place p = place_of(n, c, path, &joined);
    const struct node_file *f = volume_find(p.volume, p.path);
    return f && f->modified_s ? f->modified_s : c->created.unix_ns / 1000000000;
}

const char *container_file_write(struct runtime_node *n, struct container *c, struct str path,
                                 struct str content, bool append)
{
    AUTO(text) struct text joined = {0};
    struct str below;
    const char *error;
    struct volume *v = writable(n, c, path, &joined, &below, &error);
    if (!v)
        return error;
    struct node_file *f = volume_find(v, below);
    if (!f) {
        struct node_file made = {.path = mem_copy_string(below)};
        vec_push(&v->files, made);
        f = &vec_last(&v->files);
    }
    AUTO(text) struct text whole = {0};
    if (append)
        text_add(&whole, node_file_str(f));
    text_add(&whole, content);
    bool is_same = f->content && str_equal(node_file_str(f), text_str(&whole));
    mem_free(f->content);
    f->content = mem_copy_string(text_str(&whole));
    f->size = whole.size;
    f->modified_s = n->step->wall.unix_ns / 1000000000;
    if (!is_same)
        pod_changed(n, c->sandbox);
    return NULL;
}

const char *container_file_remove(struct runtime_node *n, struct container *c, struct str path)
{
    AUTO(text) struct text joined = {0};
    struct place p = place_of(n, c, path, &joined);
    bool found = false;
    if (p.mount && p.mount->is_read_only)
        return "Read-only file system";
    for (size_t i = 0; p.volume && i < p.volume->files.count;) {
        struct str f = str_from(p.volume->files.items[i].path);
        if (str_starts_with(f, p.path) && (f.size == p.path.size || f.bytes[p.path.size] == '/')) {
            mem_free(p.volume->files.items[i].path);
            mem_free(p.volume->files.items[i].content);
            vec_remove(&p.volume->files, i);
            found = true;
        } else {
            i++;
        }
    }
    if (found)
        pod_changed(n, c->sandbox);
    return found ? NULL : "No such file or directory";
}

static void list_add(struct text *out, struct str name)
{
    AUTO(text) struct text line = {0};
    text_printf(&line, "\n%.*s\n", STR_ARG(name));
    AUTO(text) struct text seen = {0};
    text_printf(&seen, "\n%.*s", STR_ARG(text_str(out)));
    if (!str_contains(text_str(&seen), text_str(&line)))
        text_printf(out, "%.*s\n", STR_ARG(name));
}

/* What of `path` comes right below `folder`. */
static void list_add_below(struct text *out, struct str folder, struct str path)
{
    if (!is_below(path, folder))
        return;
    struct str rest = without_slashes(str_slice(path, folder.size, path.size));
    if (rest.size > 0)
        list_add(out, str_slice(rest, 0, str_find(rest, '/')));
}

/* The image's own, and where volumes stand. */
static void list_image(const struct container *c, struct str folder, struct text *out)
{
    static const char *const files[] = {"etc/group",
                                        "etc/hostname",
                                        "etc/hosts",
                                        "etc/os-release",
                                        "etc/passwd",
                                        "etc/resolv.conf",
                                        "usr/share/nginx/html/index.html",
                                        "usr/share/nginx/html/50x.html",
                                        "etc/nginx/conf.d/default.conf",
                                        "etc/nginx/nginx.conf"};
    for (size_t i = 0; i < ARRAY_COUNT(image_folders); i++)
        list_add_below(out, folder, str_from(image_folders[i]));
    for (size_t i = 0; i < ARRAY_COUNT(files); i++) {
        bool is_nginx = str_contains(str_from(files[i]), S("nginx"));
        if (!is_nginx || image_file(c, str_from(files[i])))
            list_add_below(out, folder, str_from(files[i]));
    }
    bool is_bin =
        str_equal(folder, image_is_busybox(str_from(c->config->image)) ? S("bin") : S("usr/bin"));
    for (size_t i = 0; is_bin && c->model->has_shell && shell_command_name(i); i++) {
        if (shell_command_is_tool(i))
            list_add(out, str_from(shell_command_name(i)));
    }
}

void container_file_list(struct runtime_node *n, struct container *c, struct str path,
                         struct text *out)
{
    AUTO(text) struct text joined = {0};
    struct place p = place_of(n, c, path, &joined);
    if (is_service_account(&p)) {
        text_add(out, S("ca.crt\nnamespace\ntoken\n"));
        return;
    }
    for (size_t i = 0; p.volume && i < p.volume->files.count; i++) {
        struct str f = str_from(p.volume->files.items[i].path);
        if (!str_starts_with(f, p.path))
            continue;
        struct str rest = without_slashes(str_slice(f, p.path.size, f.size));
        if (p.path.size > 0 && rest.size > 0 && f.bytes[p.path.size] != '/')
            continue;
        if (rest.size > 0)
            list_add(out, str_slice(rest, 0, str_find(rest, '/')));
    }
    if (!p.mount)
        list_image(c, p.path, out);
    for (uint16_t i = 0; i < c->config->mount_count; i++)
        list_add_below(out, without_slashes(path),
                       without_slashes(str_from(c->config->mounts[i].container_path)));
}
