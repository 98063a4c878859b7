/* SPDX-License-Identifier: Apache-2.0
 *
 * JSON as it is written piece by piece, without a tree behind it: the documents have some
 * megabytes.
 */
#include "sim/base/base.h"

#include "cluster/apiserver/http/openapi/page.h"

#include "cluster/api/json.h"

bool page_has(const struct page *p, const struct resource *r)
{
    return p->group_version.size == 0 || str_equal(p->group_version, r->group_version);
}

void page_item(struct page *p)
{
    char last = p->out->size > 0 ? p->out->bytes[p->out->size - 1] : '{';
    if (last != '{' && last != '[')
        text_add_byte(p->out, ',');
}

void page_name(struct page *p, struct str name)
{
    page_item(p);
    json_write_string(name, p->out);
    text_add_byte(p->out, ':');
}

void page_key(struct page *p, const char *name)
{
    page_name(p, str_from(name));
}

void page_string(struct page *p, const char *name, struct str s)
{
    page_key(p, name);
    json_write_string(s, p->out);
}

void page_strings(struct page *p, const char *name, struct str list, char separator)
{
    page_key(p, name);
    text_add_byte(p->out, '[');
    while (list.size > 0) {
        struct str word = str_cut(list, separator, &list);
        page_item(p);
        json_write_string(word, p->out);
    }
    text_add_byte(p->out, ']');
}

void page_put(struct page *p, const char *json)
{
    text_add(p->out, str_from(json));
}
