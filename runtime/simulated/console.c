/* SPDX-License-Identifier: Apache-2.0
 *
 * A terminal as far as a person at `kubectl exec -it` notices it: what is typed is echoed, a line
 * can be edited before Return gives it to the program, Ctrl-C interrupts, Ctrl-D ends the input.
 *
 * Simplification: editing (arrow keys, history, Ctrl-A, Ctrl-E, Ctrl-U, Ctrl-W) is the terminal's
 * here, for every program; really the shell does it, and other programs get the bare keys.
 *
 * Invariant: the cursor is within the line; what is shown is the line, the cursor where it says.
 */
#include "sim/base/base.h"

#include "runtime/simulated/console.h"

enum key {
    KEY_CTRL_A = 1,
    KEY_CTRL_C = 3,
    KEY_CTRL_D = 4,
    KEY_CTRL_E = 5,
    KEY_BACKSPACE = 8,
    KEY_TAB = 9,
    KEY_NEWLINE = 10,
    KEY_RETURN = 13,
    KEY_CTRL_U = 21,
    KEY_CTRL_W = 23,
    KEY_ESCAPE = 27,
    KEY_DELETE = 127,
};

static void key(struct console *c, char byte, struct text *echo);

/* ---- the line ---- */

static void back(struct text *echo, size_t count)
{
    for (size_t i = 0; i < count; i++)
        text_add_byte(echo, '\b');
}

/* Puts `with` in the place of the line's bytes [from, to), the cursor behind it. */
static void replace(struct console *c, size_t from, size_t to, struct str with, struct text *echo)
{
    struct text line = {0};
    if (c->line.size - (to - from) + with.size > CONSOLE_LINE_MAX)
        return;
    struct str old = text_str(&c->line), tail = str_slice(old, to, old.size);
    if (c->cursor > from)
        back(echo, c->cursor - from);
    else
        text_add(echo, str_slice(old, c->cursor, from));
    text_add(&line, str_slice(old, 0, from));
    text_add(&line, with);
    text_add(&line, tail);
    text_add(echo, with);
    text_add(echo, tail);
    if (to - from > with.size)
        text_add(echo, S("\x1b[K"));
    back(echo, tail.size);
    text_release(&c->line);
    c->line = line;
    c->cursor = from + with.size;
}

static void move(struct console *c, size_t to, struct text *echo)
{
    if (to < c->cursor)
        back(echo, c->cursor - to);
    else
        text_add(echo, str_slice(text_str(&c->line), c->cursor, to));
    c->cursor = to;
}

/* Begins a new line: the one that was typed is the program's, or is forgotten. */
static void line_clear(struct console *c)
{
    text_clear(&c->line);
    c->cursor = 0;
    c->history_at = c->history.count;
}

static void line_give(struct console *c, struct text *echo)
{
    bool is_news =
        c->history.count == 0 || !str_equal(str_from(vec_last(&c->history)), text_str(&c->line));
    text_add(echo, S("\r\n"));
    if (c->line.size > 0 && is_news) {
        if (c->history.count == CONSOLE_HISTORY_MAX) {
            mem_free(c->history.items[0]);
            vec_remove(&c->history, 0);
        }
        vec_push(&c->history, mem_copy_string(text_str(&c->line)));
    }
    if (c->input.size + c->line.size < CONSOLE_INPUT_MAX) {
        text_add(&c->input, text_str(&c->line));
        text_add_byte(&c->input, '\n');
    }
    line_clear(c);
}

static void history_show(struct console *c, size_t at, struct text *echo)
{
    struct str line = at < c->history.count ? str_from(c->history.items[at]) : S("");
    replace(c, 0, c->line.size, line, echo);
    c->history_at = at;
}

static size_t word_before(const struct console *c)
{
    size_t at = c->cursor;
    while (at > 0 && c->line.bytes[at - 1] == ' ')
        at--;
    while (at > 0 && c->line.bytes[at - 1] != ' ')
        at--;
    return at;
}

/* ---- keys ---- */

/* The last byte of a sequence such as ESC [ A. */
static void key_arrow(struct console *c, char byte, struct text *echo)
{
    if (byte == 'A' && c->history_at > 0)
        history_show(c, c->history_at - 1, echo);
    else if (byte == 'B' && c->history_at < c->history.count)
        history_show(c, c->history_at + 1, echo);
    else if (byte == 'C' && c->cursor < c->line.size)
        move(c, c->cursor + 1, echo);
    else if (byte == 'D' && c->cursor > 0)
        move(c, c->cursor - 1, echo);
    else if (byte == 'H')
        move(c, 0, echo);
    else if (byte == 'F')
        move(c, c->line.size, echo);
}

/* False: the byte is no part of a sequence. */
static bool key_in_sequence(struct console *c, char byte, struct text *echo)
{
    if (c->escape == 0)
        return false;
    if (c->escape == 1) {
        c->escape = byte == '[' || byte == 'O' ? 2 : 0;
        return true;
    }
    bool is_parameter = is_digit(byte) || byte == ';';
    if (is_parameter && c->escape < UINT8_MAX) {
        c->escape++;
        return true;
    }
    if (c->escape == 2)
        key_arrow(c, byte, echo);
    c->escape = 0;
    return true;
}

static void key_end(struct console *c, struct text *echo)
{
    (void)echo;
    if (c->line.size == 0) {
        c->has_end_mark = true;
        return;
    }
    if (c->input.size + c->line.size < CONSOLE_INPUT_MAX) /* given without a line end */
        text_add(&c->input, text_str(&c->line));
    line_clear(c);
}

static void key_interrupt(struct console *c, struct text *echo)
{
    c->interrupts++;
    text_clear(&c->input);
    text_add(echo, S("^C\r\n"));
    line_clear(c);
}

static void key(struct console *c, char byte, struct text *echo)
{
    unsigned char u = (unsigned char)byte;
    if (key_in_sequence(c, byte, echo))
        return;
    if (u >= ' ' && u != KEY_DELETE) {
        replace(c, c->cursor, c->cursor, (struct str){&byte, 1}, echo);
        return;
    }
    if (u == KEY_RETURN || u == KEY_NEWLINE)
        line_give(c, echo);
    else if ((u == KEY_BACKSPACE || u == KEY_DELETE) && c->cursor > 0)
        replace(c, c->cursor - 1, c->cursor, S(""), echo);
    else if (u == KEY_CTRL_C)
        key_interrupt(c, echo);
    else if (u == KEY_CTRL_D)
        key_end(c, echo);
    else if (u == KEY_CTRL_U)
        replace(c, 0, c->cursor, S(""), echo);
    else if (u == KEY_CTRL_W)
        replace(c, word_before(c), c->cursor, S(""), echo);
    else if (u == KEY_CTRL_A)
        move(c, 0, echo);
    else if (u == KEY_CTRL_E)
        move(c, c->line.size, echo);
    else if (u == KEY_ESCAPE)
        c->escape = 1;
    else if (u == KEY_TAB)
        text_add_byte(echo, '\a'); /* nothing is completed */
}

/* ---- the stream ---- */

void console_feed(struct console *c, struct str bytes, struct text *echo)
{
    if (c->has_ended)
        return;
    if (!c->has_terminal) {
        if (c->input.size + bytes.size <= CONSOLE_INPUT_MAX)
            text_add(&c->input, bytes);
        return;
    }
    for (size_t i = 0; i < bytes.size; i++)
        key(c, bytes.bytes[i], echo);
}

static int number_after(struct str json, const char *name)
{
    struct str key_text = str_from(name);
    for (size_t i = 0; i + key_text.size < json.size; i++) {
        struct str rest = str_slice(json, i, json.size);
        if (!str_starts_with(rest, key_text))
            continue;
        int n = 0;
        for (size_t k = key_text.size; k < rest.size && n < 100000; k++) {
            if (is_digit(rest.bytes[k]))
                n = n * 10 + (rest.bytes[k] - '0');
            else if (rest.bytes[k] != ' ' && rest.bytes[k] != ':' && rest.bytes[k] != '"')
                break;
        }
        return n;
    }
    return 0;
}

void console_resize(struct console *c, struct str json)
{
    c->width = number_after(json, "\"Width\"");
}

void console_end(struct console *c)
{
    c->has_ended = true;
}

bool console_take(struct console *c, bool one_line, struct text *out)
{
    struct str all = text_str(&c->input);
    if (all.size == 0) {
        bool is_end = c->has_ended || c->has_end_mark;
        c->has_end_mark = false;
        return is_end;
    }
    size_t size = all.size;
    if (one_line) {
        size = str_find(all, '\n');
        if (size < all.size)
            size++;
        else if (!c->has_ended && !c->has_terminal)
            return false; /* the rest of the line is on its way */
    }
    struct text rest = {0};
    text_add(out, str_slice(all, 0, size));
    text_add(&rest, str_slice(all, size, all.size));
    text_release(&c->input);
    c->input = rest;
    return false;
}

void console_show(const struct console *c, struct str bytes, struct text *out)
{
    for (size_t i = 0; i < bytes.size; i++) {
        if (bytes.bytes[i] == '\n' && c->has_terminal)
            text_add_byte(out, '\r');
        text_add_byte(out, bytes.bytes[i]);
    }
}

void console_release(struct console *c)
{
    text_release(&c->input);
    text_release(&c->line);
    for (size_t i = 0; i < c->history.count; i++)
        mem_free(c->history.items[i]);
    vec_release(&c->history);
    *c = (struct console){0};
}
