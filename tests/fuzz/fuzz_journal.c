/* SPDX-License-Identifier: Apache-2.0
 *
 * Journals that are damaged in any way: no crash, nothing read beyond the end, nothing leaks, and
 * what is read is what was written or nothing.
 *
 * The first byte of the input chooses a good sample (a file of records, the head of a journal,
 * commands of the gateway); the others are edits of it, two bytes of place and one of content, and
 * the last of them may cut it off. An input that starts with 'r' is taken as it is.
 */
#include "tests/fuzz/driver.h"

#include "cluster/api/value_heap.h"
#include "cluster/apiserver/http/gateway_private.h"
#include "scenarios/engine/session_plan.h"
#include "sim/recording.h"

static const char *const seeds[] = {"fabc",
                                    "haaa!~0",
                                    "wkkk",
                                    "c!!!aaa",
                                    "babcabc",
                                    "n123456",
                                    "rwavetank journal 1\n",
                                    "fzzzyyyxxx",
                                    "wabcdefghij",
                                    "laaabbbcccddd"};

/* ---- samples ---- */

static struct request *sample_request(char which)
{
    static const struct str groups[] = {{"system:masters", 14}, {"devs", 4}};
    struct request *q =
        request_new(which == 'l' ? VERB_LIST : VERB_CREATE, resource_get(RESOURCE_pods));
    q->credential = credential_certificate(S("admin"), groups, 2);
    q->namespace = value_string(S("default"));
    q->user_agent = value_string(S("kubectl/v1.36.2"));
    if (which == 'l') {
        request_list_options(q)->label_selector = value_string(S("app=web"));
        request_delete_options(q)->grace_period_seconds = 30;
        request_connect_options(q)->command = value_pack("[sh, \"-c\", \"true\"]");
        return q;
    }
    q->body = value_pack("{apiVersion: v1, kind: Pod, metadata: {name: web, labels: {app: web}}, "
                         "spec: {containers: [{name: web, ports: [{containerPort: 80}]}], "
                         "priority: %D, ratio: %v, nothing: %v}}",
                         INT64_C(-5), value_double(1.5), value_null());
    return q;
}

static void command_write(struct gateway_command command, struct text *out)
{
    message_init(&command.message, &gateway_command_message, 64);
    gateway_command_write(&command.message, out);
}

static void sample_command(char which, struct text *out)
{
    struct gateway_command c = {.verb = GATEWAY_CLOSE, .connection = 7, .id = 300};
    if (which == 'w' || which == 'l') {
        c.verb = GATEWAY_SEND;
        c.request = sample_request(which);
    } else if (which == 'b') {
        c.verb = GATEWAY_BYTES;
        c.bytes = channel_bytes_new(300, 1, S("ls -l\n"));
    }
    command_write(c, out);
    if (c.request)
        message_unref(&c.request->message);
    if (c.bytes)
        message_unref(&c.bytes->message);
}

static void sample_head(struct text *out)
{
    struct session_plan plan = {.nodes = 5, .gateways = 1, .start_unix_ns = 1767225600};
    text_add(&plan.build, S("0.1.0-0123456789abcdef"));
    vec_push(&plan.manifests, mem_copy_string(S("web.yaml")));
    file_store_add(&plan.files, S("web.yaml"), S("apiVersion: v1\nkind: Pod\n"));
    session_plan_write(&plan, out);
    session_plan_release(&plan);
}

static void sample_file(struct text *out)
{
    struct recording_writer w = {0};
    AUTO(text) struct text command = {0};
    sample_command('w', &command);
    recording_begin(&w, out);
    recording_add(&w, 1, S("head"), out);
    recording_add(&w, 2, text_str(&command), out);
    recording_add(&w, 5, S(""), out);
}

static void edit(struct text *sample, const uint8_t *data, size_t size)
{
    for (; size >= 3 && sample->size; data += 3, size -= 3)
        sample->bytes[(data[0] * 256u + data[1]) % sample->size] = (char)data[2];
    if (size == 2 && sample->size)
        sample->size = (data[0] * 256u + data[1]) % sample->size;
}

/* ---- the targets ---- */

static void read_file(struct str bytes)
{
    struct recording_reader r;
    struct record record;
    if (recording_open(&r, bytes, NULL))
        return;
    size_t before = r.good;
    while (recording_next(&r, &record)) {
        CHECK(r.good > before && r.good <= bytes.size);
        CHECK(record.content.bytes + record.content.size <= bytes.bytes + bytes.size);
        before = r.good;
    }
}

static void read_command(struct str bytes)
{
    struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
    host_id host = sim_host_add(sim, &(struct host_options){.name = S("outside")});
    struct gateway_config config = {.server = sim_address(sim, S("kubernetes:6443"))};
    process_id gateway = gateway_add(sim, host, S(GATEWAY_NAME), &config);
    if (gateway_command_post(sim, gateway, bytes))
        sim_run_until(sim, (struct instant){duration_ms(1).ns}); /* and it acts */
    sim_free(sim);
}

static void read_head(struct str bytes)
{
    struct session_plan plan;
    struct errmsg message;
    if (session_plan_read(bytes, &plan, &message) == ERR_OK)
        session_plan_release(&plan);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    AUTO(text) struct text sample = {0};
    if (size == 0)
        return 0;
    uint64_t nodes = value_heap_stats().nodes;
    char which = (char)data[0];
    if (which == 'r') {
        read_file((struct str){(const char *)data + 1, size - 1});
        read_head((struct str){(const char *)data + 1, size - 1});
        read_command((struct str){(const char *)data + 1, size - 1});
        return 0;
    }
    if (which == 'f')
        sample_file(&sample);
    else if (which == 'h')
        sample_head(&sample);
    else
        sample_command(which, &sample);
    edit(&sample, data + 1, size - 1);
    /* A copy of its own size, so that a sanitizer sees what is read beyond it. */
    char *bytes = mem_copy_string(text_str(&sample));
    struct str s = {bytes, sample.size};
    if (which == 'f')
        read_file(s);
    else if (which == 'h')
        read_head(s);
    else
        read_command(s);
    mem_free(bytes);
    CHECK(value_heap_stats().nodes == nodes);
    return 0;
}

FUZZ_MAIN(seeds)
