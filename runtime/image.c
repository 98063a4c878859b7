/* SPDX-License-Identifier: Apache-2.0
 *
 * Image references, and a registry that knows a few dozen images by name.
 *
 * Grammar (distribution/reference): [domain/]path[:tag][@digest]; the first component is a domain
 * only when it has a dot or a colon or is "localhost". Path components are lower-case letters and
 * digits, separated by one dot, one or two underscores, or dashes. A tag is a word character
 * followed by up to 127 of [A-Za-z0-9_.-]. Docker Hub's defaults: domain docker.io, official images
 * live under library/, tag latest.
 *
 * Every name is thought to exist, with the default model, but those that say of themselves that
 * they do not: a repository or tag with "does-not-exist", "doesnotexist", "nonexistent" or
 * "no-such" in it, and domains that end in ".invalid" (RFC 2606). So mistakes can be made on
 * purpose, and no table of the world's images is needed.
 */
#include "sim/base/base.h"

#include "runtime/image.h"

#include "sim/base/hash.h"

#define KIB_OF_MIB(n) ((n)*1024u)

/* Size compressed, as a pull moves it. Order: the first match wins. */
static const struct image_model models[] = {
    {"library/nginx", KIB_OF_MIB(70), PROGRAM_NGINX, {80}, 30, 6, 1, 20, 0, true},
    {"nginxinc/nginx-unprivileged", KIB_OF_MIB(70), PROGRAM_NGINX, {8080}, 30, 6, 1, 20, 0, true},
    {"nginx", KIB_OF_MIB(70), PROGRAM_NGINX, {80}, 30, 6, 1, 20, 0, true},
    {"library/httpd", KIB_OF_MIB(58), PROGRAM_NGINX, {80}, 60, 12, 1, 30, 0, true},
    {"library/busybox", KIB_OF_MIB(2), PROGRAM_SHELL, {0}, 0, 1, 1, 0, 0, true},
    {"library/alpine", KIB_OF_MIB(4), PROGRAM_SHELL, {0}, 0, 1, 1, 0, 0, true},
    {"library/debian", KIB_OF_MIB(48), PROGRAM_SHELL, {0}, 0, 2, 1, 0, 0, true},
    {"library/ubuntu", KIB_OF_MIB(29), PROGRAM_SHELL, {0}, 0, 2, 1, 0, 0, true},
    {"library/bash", KIB_OF_MIB(6), PROGRAM_SHELL, {0}, 0, 2, 1, 0, 0, true},
    {"curlimages/curl", KIB_OF_MIB(9), PROGRAM_SHELL, {0}, 0, 3, 1, 0, 0, true},
    {"nicolaka/netshoot", KIB_OF_MIB(190), PROGRAM_SHELL, {0}, 0, 4, 1, 0, 0, true},
    {"library/perl", KIB_OF_MIB(340), PROGRAM_SHELL, {0}, 0, 5, 1, 0, 0, true},
    {"library/python", KIB_OF_MIB(360), PROGRAM_SHELL, {0}, 0, 10, 1, 0, 0, true},
    {"pause", 315, PROGRAM_SLEEP, {0}, 0, 1, 0, 5, 0, false},
    {"library/ghost", KIB_OF_MIB(150), PROGRAM_SERVER, {2368}, 4000, 120, 5, 500, 0, true},
    {"library/redis", KIB_OF_MIB(45), PROGRAM_SERVER, {6379}, 50, 8, 2, 20, 0, true},
    {"library/memcached", KIB_OF_MIB(30), PROGRAM_SERVER, {11211}, 20, 4, 1, 20, 0, true},
    {"library/mysql", KIB_OF_MIB(160), PROGRAM_SERVER, {3306, 33060}, 8000, 380, 10, 2000, 0, true},
    {"library/mariadb", KIB_OF_MIB(120), PROGRAM_SERVER, {3306}, 5000, 120, 8, 1500, 0, true},
    {"library/postgres", KIB_OF_MIB(150), PROGRAM_SERVER, {5432}, 2500, 50, 4, 300, 0, true},
    {"library/mongo", KIB_OF_MIB(270), PROGRAM_SERVER, {27017}, 3000, 160, 8, 600, 0, true},
    {"library/rabbitmq",
     KIB_OF_MIB(95),
     PROGRAM_SERVER,
     {5672, 15672},
     9000,
     130,
     15,
     3000,
     0,
     true},
    {"library/wordpress", KIB_OF_MIB(230), PROGRAM_SERVER, {80}, 800, 40, 3, 60, 0, true},
    {"library/tomcat", KIB_OF_MIB(180), PROGRAM_SERVER, {8080}, 3000, 180, 5, 800, 143, true},
    {"library/node", KIB_OF_MIB(380), PROGRAM_SHELL, {0}, 0, 40, 1, 0, 0, true},
    {"library/registry", KIB_OF_MIB(10), PROGRAM_SERVER, {5000}, 100, 12, 1, 20, 2, true},
    {"library/traefik", KIB_OF_MIB(48), PROGRAM_SERVER, {80, 443, 8080}, 300, 40, 3, 100, 0, true},
    {"traefik/whoami", KIB_OF_MIB(3), PROGRAM_ECHO, {80}, 10, 4, 1, 0, 0, false},
    {"hashicorp/http-echo", KIB_OF_MIB(3), PROGRAM_ECHO, {5678}, 10, 4, 1, 10, 0, false},
    {"google-samples/hello-app", KIB_OF_MIB(5), PROGRAM_ECHO, {8080}, 10, 5, 1, 0, 0, false},
    {"e2e-test-images/agnhost", KIB_OF_MIB(46), PROGRAM_ECHO, {80, 8080}, 20, 8, 1, 0, 0, true},
    {"hpa-example", KIB_OF_MIB(140), PROGRAM_SERVER, {80}, 300, 12, 1, 60, 0, true},
    {"echoserver", KIB_OF_MIB(43), PROGRAM_ECHO, {8080}, 50, 5, 1, 20, 0, true},
    {"coredns/coredns",
     KIB_OF_MIB(18),
     PROGRAM_SERVER,
     {53, 8080, 8181, 9153},
     300,
     15,
     2,
     5000,
     0,
     false},
    {"coredns", KIB_OF_MIB(18), PROGRAM_SERVER, {53, 8080, 8181, 9153}, 300, 15, 2, 5000, 0, false},
    {"kube-proxy", KIB_OF_MIB(30), PROGRAM_SERVER, {10249, 10256}, 500, 15, 1, 0, 0, false},
    {"metrics-server", KIB_OF_MIB(19), PROGRAM_SERVER, {10250}, 2000, 18, 3, 0, 0, false},
};
static const struct image_model default_model = {
    "", KIB_OF_MIB(25), PROGRAM_DEFAULT, {0}, 20, 8, 1, 10, 0, true};

/* ---- references ---- */

static bool is_lower_or_digit(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_word(char c)
{
    return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '_';
}

/* One path component: alphanumerics with single dots, one or two underscores, or any dashes between
 * them. */
static bool component_is_valid(struct str s)
{
    if (s.size == 0 || !is_lower_or_digit(s.bytes[0]) || !is_lower_or_digit(s.bytes[s.size - 1]))
        return false;
    for (size_t i = 0; i < s.size;) {
        char c = s.bytes[i];
        size_t run = 1;
        while (i + run < s.size && s.bytes[i + run] == c)
            run++;
        if (!is_lower_or_digit(c)) {
            if (!(c == '-' || (c == '.' && run == 1) || (c == '_' && run <= 2)))
                return false;
            if (!is_lower_or_digit(s.bytes[i + run]))
                return false;
        }
        i += run;
    }
    return true;
}

static bool domain_is_valid(struct str s)
{
    struct str port = {0};
    struct str host = str_cut(s, ':', &port);
    if (host.size == 0)
        return false;
    for (size_t i = 0; i < host.size; i++) {
        char c = host.bytes[i];
        if (!(is_word(c) && c != '_') && c != '.' && c != '-')
            return false;
    }
    for (size_t i = 0; i < port.size; i++) {
        if (port.bytes[i] < '0' || port.bytes[i] > '9')
            return false;
    }
    return host.size == s.size || port.size > 0;
}

static bool tag_is_valid(struct str s)
{
    if (s.size == 0 || s.size > 128 || !is_word(s.bytes[0]))
        return false;
    for (size_t i = 1; i < s.size; i++) {
        if (!is_word(s.bytes[i]) && s.bytes[i] != '.' && s.bytes[i] != '-')
            return false;
    }
    return true;
}

static bool digest_is_valid(struct str s)
{
    if (!str_starts_with(s, S("sha256:")) || s.size != 7 + 64)
        return false;
    for (size_t i = 7; i < s.size; i++) {
        char c = s.bytes[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static bool path_is_valid(struct str path)
{
    if (path.size == 0 || path.size > 255)
        return false;
    for (;;) {
        struct str rest = {0};
        struct str head = str_cut(path, '/', &rest);
        if (!component_is_valid(head))
            return false;
        if (head.size == path.size)
            return true;
        path = rest;
    }
}

bool image_reference_parse(struct str s, struct image_reference *ret)
{
    *ret = (struct image_reference){0};
    size_t at = str_find(s, '@');
    if (at < s.size) {
        ret->digest = str_slice(s, at + 1, s.size);
        s = str_slice(s, 0, at);
        if (!digest_is_valid(ret->digest))
            return false;
    }
    struct str path = s;
    ret->domain = S("docker.io");
    size_t slash = str_find(s, '/');
    if (slash < s.size) {
        struct str head = str_slice(s, 0, slash);
        if (str_contains(head, S(".")) || str_contains(head, S(":")) ||
            str_equal(head, S("localhost"))) {
            if (!domain_is_valid(head))
                return false;
            ret->domain = str_equal(head, S("index.docker.io")) ? S("docker.io") : head;
            path = str_slice(s, slash + 1, s.size);
        }
    }
    size_t colon = str_find(path, ':');
    if (colon < path.size) {
        ret->tag = str_slice(path, colon + 1, path.size);
        path = str_slice(path, 0, colon);
        if (!tag_is_valid(ret->tag))
            return false;
    }
    ret->path = path;
    ret->is_official = str_equal(ret->domain, S("docker.io")) && str_find(path, '/') == path.size;
    return path_is_valid(path);
}

void image_reference_text(const struct image_reference *r, struct text *out)
{
    text_printf(out, "%.*s/%s%.*s", STR_ARG(r->domain), r->is_official ? "library/" : "",
                STR_ARG(r->path));
    if (r->tag.size > 0)
        text_printf(out, ":%.*s", STR_ARG(r->tag));
    else if (r->digest.size == 0)
        text_add(out, S(":latest"));
    if (r->digest.size > 0)
        text_printf(out, "@%.*s", STR_ARG(r->digest));
}

bool image_normalise(struct str s, struct text *out)
{
    struct image_reference r;
    if (!image_reference_parse(s, &r))
        return false;
    image_reference_text(&r, out);
    return true;
}

/* ---- the registry ---- */

/* Cuts ":tag" and "@digest" off a normalised reference. */
static struct str repository_of(struct str normalised)
{
    size_t end = str_find(normalised, '@');
    struct str s = str_slice(normalised, 0, end);
    size_t slash = str_find(s, '/');
    for (size_t i = s.size; i > slash; i--) {
        if (s.bytes[i - 1] == '/')
            break;
        if (s.bytes[i - 1] == ':')
            return str_slice(s, 0, i - 1);
    }
    return s;
}

const struct image_model *image_model_of(struct str normalised)
{
    struct str repository = repository_of(normalised);
    for (size_t i = 0; i < ARRAY_COUNT(models); i++) {
        struct str name = str_from(models[i].repository);
        if (!str_ends_with(repository, name))
            continue;
        if (repository.size == name.size ||
            repository.bytes[repository.size - name.size - 1] == '/')
            return &models[i];
    }
    return &default_model;
}

static bool says_it_is_missing(struct str s)
{
    return str_contains(s, S("does-not-exist")) || str_contains(s, S("doesnotexist")) ||
           str_contains(s, S("nonexistent")) || str_contains(s, S("no-such"));
}

enum registry_answer registry_look_up(struct str normalised)
{
    struct str repository = repository_of(normalised);
    if (str_ends_with(str_slice(repository, 0, str_find(repository, '/')), S(".invalid")))
        return REGISTRY_NO_HOST;
    if (says_it_is_missing(repository))
        return REGISTRY_NO_REPOSITORY;
    if (says_it_is_missing(str_slice(normalised, repository.size, normalised.size)))
        return REGISTRY_NO_TAG;
    return REGISTRY_OK;
}

void registry_error_text(struct str normalised, enum registry_answer answer, bool is_down,
                         struct text *out)
{
    struct str repository = repository_of(normalised);
    struct str domain = str_slice(repository, 0, str_find(repository, '/'));
    struct str host = str_equal(domain, S("docker.io")) ? S("registry-1.docker.io") : domain;
    struct str path = str_slice(repository, domain.size + 1, repository.size);
    struct str tag = repository.size < normalised.size
                         ? str_slice(normalised, repository.size + 1, normalised.size)
                         : S("latest");
    text_printf(out,
                "failed to pull and unpack image \"%.*s\": failed to resolve reference \"%.*s\": ",
                STR_ARG(normalised), STR_ARG(normalised));
    if (is_down)
        text_printf(out,
                    "failed to do request: Head \"https://%.*s/v2/%.*s/manifests/%.*s\": dial tcp: "
                    "i/o timeout",
                    STR_ARG(host), STR_ARG(path), STR_ARG(tag));
    else if (answer == REGISTRY_NO_HOST)
        text_printf(out,
                    "failed to do request: Head \"https://%.*s/v2/%.*s/manifests/%.*s\": dial tcp: "
                    "lookup %.*s: no such host",
                    STR_ARG(host), STR_ARG(path), STR_ARG(tag), STR_ARG(host));
    else if (answer == REGISTRY_NO_REPOSITORY)
        text_add(out, S("pull access denied, repository does not exist or may require "
                        "authorization: server message: "
                        "insufficient_scope: authorization failed"));
    else
        text_printf(out, "%.*s: not found", STR_ARG(normalised));
}

struct str image_repository(struct str normalised)
{
    return repository_of(normalised);
}

const uint16_t *image_root_groups(struct str normalised, size_t *ret_count)
{
    static const uint16_t plain[] = {0}, busybox[] = {0, 10},
                          alpine[] = {0, 1, 2, 3, 4, 6, 10, 11, 20, 26, 27};
    if (str_ends_with(repository_of(normalised), S("/busybox"))) {
        *ret_count = ARRAY_COUNT(busybox);
        return busybox;
    }
    bool is_alpine = str_contains(normalised, S("alpine"));
    *ret_count = is_alpine ? ARRAY_COUNT(alpine) : ARRAY_COUNT(plain);
    return is_alpine ? alpine : plain;
}

int64_t image_size_bytes(struct str normalised)
{
    const struct image_model *model = image_model_of(normalised);
    int64_t kib = model->size_kib;
    struct str tag = str_slice(normalised, repository_of(normalised).size, normalised.size);
    if (str_contains(tag, S("alpine")))
        kib = kib * 35 / 100;
    else if (str_contains(tag, S("slim")))
        kib = kib * 45 / 100;
    /* Tags differ by up to 1 %, so that sizes do not look invented by a ruler. */
    int64_t bytes = kib * 1024;
    return bytes + (int64_t)(hash_bytes(normalised) % (uint64_t)(bytes / 100 + 1));
}

void image_digest_text(struct str normalised, struct text *out)
{
    uint64_t word = hash_bytes(normalised);
    text_add(out, S("sha256:"));
    for (int i = 0; i < 4; i++) {
        text_printf(out, "%016" PRIx64, word);
        word = hash_mix(word + 0x9E3779B97F4A7C15u);
    }
}

bool image_is_busybox(struct str normalised)
{
    static const char *const repositories[] = {"/busybox", "/alpine", "/curl", "/netshoot"};
    for (size_t i = 0; i < ARRAY_COUNT(repositories); i++) {
        if (str_ends_with(repository_of(normalised), str_from(repositories[i])))
            return true;
    }
    return str_contains(normalised, S("alpine")) || str_contains(normalised, S("busybox"));
}
