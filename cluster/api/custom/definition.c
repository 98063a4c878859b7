/* SPDX-License-Identifier: Apache-2.0
 *
 * From the object of a CustomResourceDefinition to what requests for its kind need
 * (definition.h). Names come from status.acceptedNames, as upstream's handler and discovery take
 * them: a name that another definition of the group has is not served.
 *
 * Upstream: apiextensions-apiserver/pkg/apiserver/customresource_handler.go
 * (getOrCreateServingInfoFor), customresource_discovery_controller.go, and apimachinery's
 * version.CompareKubeAwareVersionStrings.
 */
#include "sim/base/base.h"

#include "cluster/api/custom/definition.h"

#include "cluster/api/object.h"
#include "sim/base/mem.h"
#include "sim/base/text.h"

#define COLUMN_TEXTS 5

static void kind_fill(struct custom_definition *d, struct custom_kind *k, struct value version,
                      struct custom_column *columns);

static bool condition_holds(struct value object, const char *type)
{
    return condition_is_true(VALUE_GET(object, status, conditions), type);
}

struct custom_definition *custom_definition_new(struct value object)
{
    struct custom_definition *d = mem_new(struct custom_definition);
    struct value spec = VALUE_GET(object, spec), versions = VALUE_GET(spec, versions);
    size_t columns = 0;
    d->references = 1;
    d->object = value_keep(object);
    d->stored = resource_custom_stored(VALUE_STR(spec, group), VALUE_STR(spec, names, plural),
                                       VALUE_IS(spec, "Namespaced", scope));
    d->are_names_accepted = condition_holds(object, "NamesAccepted");
    d->is_established = condition_holds(object, "Established");
    d->is_terminating = condition_holds(object, "Terminating");
    d->converts_by_webhook = VALUE_IS(spec, "Webhook", conversion, strategy);
    d->kind_count = value_count(versions);
    d->kinds = mem_array(struct custom_kind, d->kind_count + 1);
    for (size_t i = 0; i < d->kind_count; i++)
        columns += value_count(VALUE_GET(value_at(versions, i), additionalPrinterColumns)) + 1;
    d->columns = mem_array(struct custom_column, columns + 1);
    d->texts = mem_array(char *, columns * COLUMN_TEXTS + 1);
    columns = 0;
    for (size_t i = 0; i < d->kind_count; i++) {
        kind_fill(d, &d->kinds[i], value_at(versions, i), d->columns + columns);
        columns += d->kinds[i].column_count;
    }
    return d;
}

static struct str kept_text(struct custom_definition *d, struct value v)
{
    struct str s = value_str(v);
    char *copy = mem_copy_string(s);
    d->texts[d->text_count++] = copy;
    return (struct str){copy, s.size};
}

/* A list of names as the rows have it. */
static void names_join(struct value list, atom member, struct text *out)
{
    for (size_t i = 0; i < value_count(list); i++) {
        struct value v = value_at(list, i);
        struct str s = value_str(member == ATOM_NONE ? v : value_get(v, member));
        if (member != ATOM_NONE && s.size > 0)
            s = str_slice(s, 1, s.size); /* ".spec.color" is selected as spec.color */
        if (i > 0)
            text_add_byte(out, ',');
        text_add(out, s);
    }
}

static void columns_fill(struct custom_definition *d, struct custom_kind *k,
                         struct custom_column *columns)
{
    struct value list = VALUE_GET(k->version, additionalPrinterColumns);
    k->columns = columns;
    k->column_count = value_count(list);
    for (size_t i = 0; i < k->column_count; i++) {
        struct value c = value_at(list, i);
        columns[i] = (struct custom_column){
            .name = kept_text(d, VALUE_GET(c, name)),
            .type = kept_text(d, VALUE_GET(c, type)),
            .format = kept_text(d, VALUE_GET(c, format)),
            .description = kept_text(d, VALUE_GET(c, description)),
            .path = kept_text(d, VALUE_GET(c, jsonPath)),
            .priority = (int)VALUE_INT(c, 0, priority),
        };
    }
    if (k->column_count > 0)
        return;
    k->column_count = 1;
    columns[0] = (struct custom_column){.name = S("Age"),
                                        .type = S("date"),
                                        .format = S(""),
                                        .description = S("Age"),
                                        .path = S(".metadata.creationTimestamp")};
}

static void warning_fill(struct custom_kind *k)
{
    if (!VALUE_BOOL_AT(k->version, deprecated))
        return;
    struct str own = VALUE_STR(k->version, deprecationWarning);
    k->warning = own.size > 0
                     ? value_string(own)
                     : value_printf("%.*s %.*s is deprecated", STR_ARG(k->resource->group_version),
                                    STR_ARG(k->resource->kind));
}

static void kind_fill(struct custom_definition *d, struct custom_kind *k, struct value version,
                      struct custom_column *columns)
{
    struct value spec = VALUE_GET(d->object, spec);
    struct value names = VALUE_GET(d->object, status, acceptedNames);
    if (VALUE_STR(names, plural).size == 0)
        names = VALUE_GET(spec, names);
    AUTO(text) struct text short_names = {0};
    AUTO(text) struct text categories = {0};
    AUTO(text) struct text selectors = {0};
    names_join(VALUE_GET(names, shortNames), ATOM_NONE, &short_names);
    names_join(VALUE_GET(names, categories), ATOM_NONE, &categories);
    names_join(VALUE_GET(version, selectableFields), ATOM_jsonPath, &selectors);
    k->definition = d;
    k->version = version;
    k->schema = VALUE_GET(version, schema, openAPIV3Schema);
    k->is_served = VALUE_BOOL_AT(version, served);
    k->is_stored = VALUE_BOOL_AT(version, storage);
    k->has_status = value_is_present(VALUE_GET(version, subresources, status));
    k->has_scale = value_is_present(VALUE_GET(version, subresources, scale));
    k->resource = resource_custom(
        &(struct resource_names){.group = VALUE_STR(spec, group),
                                 .version = VALUE_STR(version, name),
                                 .plural = VALUE_STR(spec, names, plural),
                                 .singular = VALUE_STR(names, singular),
                                 .kind = VALUE_STR(spec, names, kind),
                                 .list_kind = VALUE_STR(spec, names, listKind),
                                 .short_names = text_str(&short_names),
                                 .categories = text_str(&categories),
                                 .field_selectors = text_str(&selectors),
                                 .is_namespaced = d->stored->is_namespaced,
                                 .subresources = (k->has_status ? 1u << SUBRESOURCE_STATUS : 0) |
                                                 (k->has_scale ? 1u << SUBRESOURCE_SCALE : 0)});
    columns_fill(d, k, columns);
    warning_fill(k);
}

/* ---- life ---- */

static struct custom_definition *counter(const struct custom_definition *d)
{
    return (struct custom_definition *)(uintptr_t)d;
}

const struct custom_definition *custom_definition_ref(const struct custom_definition *d)
{
    counter(d)->references++;
    return d;
}

void custom_definition_unref(const struct custom_definition *d)
{
    if (!d)
        return;
    CHECK(d->references > 0);
    if (--counter(d)->references > 0)
        return;
    for (size_t i = 0; i < d->kind_count; i++)
        value_drop(d->kinds[i].warning);
    value_drop(d->object);
    for (size_t i = 0; i < d->text_count; i++)
        mem_free(d->texts[i]);
    mem_free(d->texts);
    mem_free(d->kinds);
    mem_free(d->columns);
    mem_free(counter(d));
}

const struct custom_kind *custom_kind_ref(const struct custom_kind *k)
{
    if (k)
        (void)custom_definition_ref(k->definition);
    return k;
}

void custom_kind_unref(const struct custom_kind *k)
{
    if (k)
        custom_definition_unref(k->definition);
}

/* ---- versions ---- */

const struct custom_kind *custom_definition_version(const struct custom_definition *d,
                                                    struct str version)
{
    for (size_t i = 0; i < d->kind_count; i++) {
        const struct custom_kind *k = &d->kinds[i];
        if (version.size == 0 ? k->is_stored : str_equal(k->resource->version, version))
            return k;
    }
    return NULL;
}

bool custom_kind_is_served(const struct custom_kind *k)
{
    return k->is_served && (k->definition->are_names_accepted || k->definition->is_established);
}

const struct custom_kind *custom_definition_preferred(const struct custom_definition *d)
{
    const struct custom_kind *best = NULL;
    for (size_t i = 0; i < d->kind_count; i++) {
        const struct custom_kind *k = &d->kinds[i];
        if (k->is_served &&
            (!best || version_priority_compare(k->resource->version, best->resource->version) < 0))
            best = k;
    }
    return best;
}

struct parsed_version {
    int64_t major, minor;
    int maturity; /* 2: v1, 1: v1beta1, 0: v1alpha1 */
};

static bool number_cut(struct str *s, int64_t *ret_number)
{
    size_t end = 0;
    while (end < s->size && is_digit(s->bytes[end]))
        end++;
    bool is_number = end > 0 && str_to_int64(str_slice(*s, 0, end), ret_number);
    *s = str_slice(*s, end, s->size);
    return is_number;
}

static bool version_parse(struct str s, struct parsed_version *ret_version)
{
    if (!str_starts_with(s, S("v")))
        return false;
    s = str_slice(s, 1, s.size);
    *ret_version = (struct parsed_version){.maturity = 2};
    if (!number_cut(&s, &ret_version->major))
        return false;
    if (s.size == 0)
        return true;
    bool is_beta = str_starts_with(s, S("beta")), is_alpha = str_starts_with(s, S("alpha"));
    if (!is_beta && !is_alpha)
        return false;
    ret_version->maturity = is_beta;
    s = str_slice(s, is_beta ? 4 : 5, s.size);
    return number_cut(&s, &ret_version->minor) && s.size == 0;
}

int version_priority_compare(struct str a, struct str b)
{
    struct parsed_version x, y;
    bool is_x = version_parse(a, &x), is_y = version_parse(b, &y);
    if (!is_x || !is_y)
        return is_x != is_y ? (is_x ? -1 : 1) : str_compare(a, b);
    if (x.maturity != y.maturity)
        return y.maturity - x.maturity;
    if (x.major != y.major)
        return x.major > y.major ? -1 : 1;
    return x.minor == y.minor ? 0 : x.minor > y.minor ? -1 : 1;
}

/* ---- catalogues ---- */

struct custom_catalog *custom_catalog_new(const struct custom_definition *const *own_items,
                                          size_t count)
{
    struct custom_catalog *c = mem_new(struct custom_catalog);
    c->references = 1;
    c->items = mem_array(const struct custom_definition *, count + 1);
    for (size_t i = 0; i < count; i++) {
        const struct resource *r = own_items[i]->stored;
        size_t at = c->count++;
        for (; at > 0; at--) {
            const struct resource *other = c->items[at - 1]->stored;
            int order = str_compare(other->group, r->group);
            if ((order ? order : str_compare(other->plural, r->plural)) <= 0)
                break;
            c->items[at] = c->items[at - 1];
        }
        c->items[at] = own_items[i];
    }
    return c;
}

static struct custom_catalog *catalog_counter(const struct custom_catalog *c)
{
    return (struct custom_catalog *)(uintptr_t)c;
}

const struct custom_catalog *custom_catalog_ref(const struct custom_catalog *c)
{
    if (c)
        catalog_counter(c)->references++;
    return c;
}

void custom_catalog_unref(const struct custom_catalog *c)
{
    if (!c || --catalog_counter(c)->references > 0)
        return;
    for (size_t i = 0; i < c->count; i++)
        custom_definition_unref(c->items[i]);
    mem_free(c->items);
    mem_free(catalog_counter(c));
}

/* ---- parts of a schema ---- */

struct value schema_property(struct value schema, struct str name)
{
    return value_get_key(VALUE_GET(schema, properties), name);
}

struct value schema_items(struct value schema)
{
    struct value items = VALUE_GET(schema, items);
    return value_kind(items) == VALUE_OBJECT ? items : VALUE_ABSENT;
}

struct value schema_additional(struct value schema)
{
    struct value v = VALUE_GET(schema, additionalProperties);
    return value_kind(v) == VALUE_OBJECT ? v : VALUE_ABSENT;
}

bool schema_flag(struct value schema, atom key)
{
    return value_as_bool(value_get(schema, key));
}

bool schema_preserves_unknown(struct value schema)
{
    return schema_flag(schema, ATOM_x_kubernetes_preserve_unknown_fields);
}
