/* SPDX-License-Identifier: Apache-2.0
 *
 * Disks: one a host, with files of records.
 *
 * What a process writes goes to the page cache: readable at once, kept when the process dies, lost
 * with the power. A sync makes durable what was asked before it. Requests of one host are done one
 * after another, so their order is kept and a slow sync delays all behind it; only those that
 * somebody waits for are events, and of these only the first is in the queue.
 *
 * Every change that is not durable stands in the file's list of changes with what is needed to undo
 * it. A sync forgets the changes before its mark; power loss undoes all that are left, latest
 * first. With `tears_writes`, the first record that is lost stays behind, torn.
 */
#include "sim/world.h"

#define APPEND_LATENCY_NS 5000

static struct disk *disk_of(struct step *step)
{
    return &host_of(step->sim, process_of(step->sim, step->process)->host)->disk;
}

static struct file *file_at(struct disk *disk, file_id id)
{
    CHECK(id > 0 && id <= disk->files.count);
    return &disk->files.items[id - 1];
}

static struct file *file_find(struct disk *disk, struct str name, file_id *ret_id)
{
    for (size_t i = 0; i < disk->files.count; i++)
        if (str_equal(disk->files.items[i].name, name)) {
            *ret_id = (file_id)(i + 1);
            return &disk->files.items[i];
        }
    return NULL;
}

file_id step_file(struct step *step, struct str name)
{
    struct disk *disk = disk_of(step);
    file_id id;
    if (file_find(disk, name, &id))
        return id;
    vec_push(&disk->files, (struct file){.name = {mem_copy_string(name), name.size}});
    return (file_id)disk->files.count;
}

static const struct disk_fault *fault_of(const struct sim *sim, process_id process)
{
    const struct process *p = process_of(sim, process);
    return p->disk_fault ? p->disk_fault : &host_of(sim, p->host)->disk.fault;
}

bool step_disk_is_full(const struct step *step)
{
    return fault_of(step->sim, step->process)->is_full;
}

static size_t file_count(const struct file *f)
{
    return f->records.count - f->gone - f->dropped;
}

/* ---- changes ---- */

static uint64_t change_next(const struct file *f)
{
    return f->first_change + f->changes.count;
}

static void record_drop(struct record *r)
{
    message_unref(r->message);
    *r = (struct record){0};
}

/* The oldest change is durable: its undo is forgotten. */
static void change_keep(struct file *f, struct file_change *c)
{
    if (c->kind == CHANGE_DROP_HEAD) {
        for (size_t i = 0; i < c->count; i++)
            record_drop(&f->records.items[f->gone + i]);
        f->gone += c->count;
        f->dropped -= c->count;
    } else if (c->kind == CHANGE_TRUNCATE) {
        for (size_t i = 0; i < c->count; i++)
            record_drop(&c->saved[i]);
        mem_free(c->saved);
    }
}

/* The latest change is undone; the first record of an append is handed out, if wanted. */
static void change_undo(struct file *f, struct file_change *c, struct record *ret_lost)
{
    switch (c->kind) {
    case CHANGE_APPEND:
        for (size_t i = 0; i < c->count; i++) {
            struct record *r = &vec_last(&f->records);
            if (i + 1 == c->count && !r->is_torn) {
                record_drop(ret_lost);
                *ret_lost = *r;
            } else {
                record_drop(r);
            }
            f->records.count--;
        }
        break;
    case CHANGE_DROP_HEAD:
        f->dropped -= c->count;
        break;
    case CHANGE_TRUNCATE:
        for (size_t i = 0; i < c->count; i++)
            vec_push(&f->records, c->saved[i]);
        mem_free(c->saved);
        break;
    }
}

static void file_compact(struct file *f)
{
    if (f->gone < 64 || f->gone < f->records.count / 2)
        return;
    f->records.count -= f->gone;
    memmove(f->records.items, f->records.items + f->gone,
            f->records.count * sizeof(*f->records.items));
    f->gone = 0;
}

static void file_make_durable(struct file *f, uint64_t mark)
{
    if (mark <= f->first_change)
        return; /* the power went in between */
    size_t kept = (size_t)(mark - f->first_change);
    CHECK(kept <= f->changes.count);
    for (size_t i = 0; i < kept; i++)
        change_keep(f, &f->changes.items[i]);
    f->changes.count -= kept;
    memmove(f->changes.items, f->changes.items + kept,
            f->changes.count * sizeof(*f->changes.items));
    f->first_change = mark;
    file_compact(f);
}

/* ---- requests ---- */

static void disk_start(struct sim *sim, host_id host)
{
    struct disk *disk = &host_of(sim, host)->disk;
    if (!disk->head || disk->event)
        return;
    struct event event = {EVENT_DISK, host, 0};
    disk->event =
        queue_push(sim->queue, (struct instant){disk->head->done_at}, disk->head->tie, &event);
}

static void request_add(struct step *step, const struct disk_request *wanted, int64_t latency)
{
    struct sim *sim = step->sim;
    struct process *p = process_of(sim, step->process);
    struct disk *disk = disk_of(step);
    if (disk->busy_until < sim->now)
        disk->busy_until = sim->now;
    disk->busy_until += latency;
    if (!wanted->is_sync && wanted->tag == 0)
        return; /* nobody waits for it */
    struct disk_request *r = mem_new(struct disk_request);
    *r = *wanted;
    r->process = step->process;
    r->incarnation = p->incarnation;
    r->done_at = disk->busy_until;
    r->tie = tie_next(sim, CLASS_DISK, step->process);
    if (disk->tail)
        disk->tail->next = r;
    else
        disk->head = r;
    disk->tail = r;
    disk_start(sim, p->host);
}

void step_file_append(struct step *step, file_id id, struct message *own_record, uint64_t tag)
{
    struct file *f = file_at(disk_of(step), id);
    const struct disk_fault *fault = fault_of(step->sim, step->process);
    enum disk_result result = fault->fails ? DISK_ERROR : fault->is_full ? DISK_FULL : DISK_OK;
    if (result == DISK_OK) {
        vec_push(&f->records, (struct record){own_record, false});
        struct file_change *last = f->changes.count ? &vec_last(&f->changes) : NULL;
        if (last && last->kind == CHANGE_APPEND && f->sync_mark < change_next(f))
            last->count++;
        else
            vec_push(&f->changes, (struct file_change){CHANGE_APPEND, 1, NULL});
    } else {
        message_unref(own_record);
        f->failure = tag ? f->failure : result;
    }
    struct disk_request r = {.tag = tag, .file = id, .result = (uint8_t)result};
    request_add(step, &r, APPEND_LATENCY_NS);
}

void step_file_sync(struct step *step, file_id id, uint64_t tag)
{
    struct file *f = file_at(disk_of(step), id);
    const struct disk_fault *fault = fault_of(step->sim, step->process);
    enum disk_result result = fault->fails ? DISK_ERROR : f->failure;
    f->failure = DISK_OK;
    f->sync_mark = change_next(f);
    struct disk_request r = {.tag = tag,
                             .mark = f->sync_mark,
                             .file = id,
                             .is_sync = true,
                             .result = (uint8_t)result,
                             .loses = fault->loses_syncs || result == DISK_ERROR};
    int64_t latency = fault->sync_latency.ns ? fault->sync_latency.ns : DISK_SYNC_LATENCY.ns;
    request_add(step, &r, latency);
}

static void request_tell(struct sim *sim, const struct disk_request *r)
{
    struct process *p = process_of(sim, r->process);
    if (r->tag == 0 || p->run_state == PROCESS_DEAD || p->incarnation != r->incarnation)
        return;
    struct input in = {
        .kind = INPUT_DISK_DONE, .tag = r->tag, .disk_result = (enum disk_result)r->result};
    process_input(sim, r->process, &in);
}

void disk_done(struct sim *sim, host_id host)
{
    struct disk *disk = &host_of(sim, host)->disk;
    struct disk_request *r = disk->head;
    CHECK(r != NULL);
    disk->event = 0;
    disk->head = r->next;
    if (!disk->head)
        disk->tail = NULL;
    disk_start(sim, host);
    if (r->is_sync && !r->loses)
        file_make_durable(file_at(disk, r->file), r->mark);
    const struct process *p = process_of(sim, r->process);
    if (p->run_state != PROCESS_DEAD && process_is_stopped(p)) {
        struct event event = {EVENT_DISK_DONE, r->process, (uintptr_t)r};
        queue_push(sim->queue, now_of(sim), tie_next(sim, CLASS_DISK, r->process), &event);
        return;
    }
    request_tell(sim, r);
    mem_free(r);
}

void disk_done_late(struct sim *sim, const struct popped *popped)
{
    struct disk_request *r = (struct disk_request *)(uintptr_t)popped->event.argument;
    const struct process *p = process_of(sim, r->process);
    if (p->run_state != PROCESS_DEAD && process_is_stopped(p)) {
        process_park(sim, r->process, popped->handle);
        return;
    }
    queue_drop(sim->queue, popped->handle);
    request_tell(sim, r);
    mem_free(r);
}

/* ---- the other verbs ---- */

void step_file_drop_head(struct step *step, file_id id, size_t count)
{
    struct file *f = file_at(disk_of(step), id);
    CHECK(count <= file_count(f));
    if (count == 0)
        return;
    f->dropped += count;
    vec_push(&f->changes, (struct file_change){CHANGE_DROP_HEAD, count, NULL});
}

void step_file_truncate(struct step *step, file_id id, size_t from)
{
    struct file *f = file_at(disk_of(step), id);
    CHECK(from <= file_count(f));
    size_t count = file_count(f) - from;
    if (count == 0)
        return;
    struct file_change change = {CHANGE_TRUNCATE, count, mem_array(struct record, count)};
    f->records.count -= count;
    memcpy(change.saved, f->records.items + f->records.count, count * sizeof(struct record));
    vec_push(&f->changes, change);
}

size_t step_file_count(struct step *step, file_id id)
{
    return file_count(file_at(disk_of(step), id));
}

struct message *step_file_record(struct step *step, file_id id, size_t index, bool *ret_torn)
{
    struct file *f = file_at(disk_of(step), id);
    CHECK(index < file_count(f));
    const struct record *r = &f->records.items[f->gone + f->dropped + index];
    if (ret_torn)
        *ret_torn = r->is_torn;
    return r->message;
}

/* ---- what happens to disks ---- */

static void requests_drop(struct sim *sim, struct disk *disk)
{
    if (sim)
        queue_drop(sim->queue, disk->event);
    disk->event = 0;
    while (disk->head) {
        struct disk_request *r = disk->head;
        disk->head = r->next;
        mem_free(r);
    }
    disk->tail = NULL;
    disk->busy_until = 0;
}

static void file_lose(struct file *f, bool tears)
{
    struct record lost = {0};
    uint64_t next = change_next(f);
    while (f->changes.count)
        change_undo(f, &vec_pop(&f->changes), &lost);
    f->first_change = f->sync_mark = next;
    f->failure = DISK_OK;
    if (tears && lost.message) {
        lost.is_torn = true;
        vec_push(&f->records, lost);
    } else {
        record_drop(&lost);
    }
}

void disk_power_loss(struct sim *sim, host_id host)
{
    struct host *h = host_of(sim, host);
    bool tears = h->disk.fault.tears_writes;
    for (process_id p = h->first_process; p; p = process_of(sim, p)->next_on_host)
        tears |= process_of(sim, p)->disk_fault && process_of(sim, p)->disk_fault->tears_writes;
    requests_drop(sim, &h->disk);
    for (size_t i = 0; i < h->disk.files.count; i++)
        file_lose(&h->disk.files.items[i], tears);
}

static void file_release(struct file *f)
{
    file_lose(f, false);
    for (size_t i = f->gone; i < f->records.count; i++)
        record_drop(&f->records.items[i]);
    vec_release(&f->records);
    vec_release(&f->changes);
    f->gone = f->dropped = 0;
}

void disk_release(struct disk *disk)
{
    requests_drop(NULL, disk);
    for (size_t i = 0; i < disk->files.count; i++) {
        union {
            const char *kept;
            char *own;
        } name = {disk->files.items[i].name.bytes};
        file_release(&disk->files.items[i]);
        mem_free(name.own);
    }
    vec_release(&disk->files);
}

static bool is_healthy(const struct disk_fault *f)
{
    return f->sync_latency.ns == 0 && !f->is_full && !f->fails && !f->loses_syncs &&
           !f->tears_writes;
}

void sim_disk_fault_set(struct sim *sim, host_id host, process_id process,
                        const struct disk_fault *fault)
{
    outside_action(sim, process, host, "disk: sync %" PRId64 "ns%s%s%s%s", fault->sync_latency.ns,
                   fault->is_full ? ", full" : "", fault->fails ? ", fails" : "",
                   fault->loses_syncs ? ", loses syncs" : "",
                   fault->tears_writes ? ", tears writes" : "");
    if (!process) {
        host_of(sim, host)->disk.fault = *fault;
        return;
    }
    struct process *p = process_of(sim, process);
    if (is_healthy(fault)) {
        mem_free(p->disk_fault);
        p->disk_fault = NULL;
        return;
    }
    if (!p->disk_fault)
        p->disk_fault = mem_new(struct disk_fault);
    *p->disk_fault = *fault;
}

bool sim_disk_corrupt(struct sim *sim, host_id host, struct str name, size_t index)
{
    struct disk *disk = &host_of(sim, host)->disk;
    file_id id;
    struct file *f = file_find(disk, name, &id);
    if (!f || index >= file_count(f))
        return false;
    outside_action(sim, 0, host, "corrupt record %zu of %.*s", index, STR_ARG(name));
    f->records.items[f->gone + f->dropped + index].is_torn = true;
    return true;
}

void sim_disk_wipe(struct sim *sim, host_id host)
{
    struct host *h = host_of(sim, host);
    outside_action(sim, 0, host, "wipe the disk");
    for (process_id p = h->first_process; p; p = process_of(sim, p)->next_on_host)
        CHECK(process_of(sim, p)->run_state == PROCESS_DEAD);
    requests_drop(sim, &h->disk);
    for (size_t i = 0; i < h->disk.files.count; i++) {
        file_release(&h->disk.files.items[i]);
        h->disk.files.items[i].first_change = h->disk.files.items[i].sync_mark = 0;
    }
}
