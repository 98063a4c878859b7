/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank reference`: the reference of scenario files as Markdown, from the same tables that
 * check and run them.
 */
#include "sim/base/base.h"

#include <stdio.h>

#include "scenarios/engine/faults.h"
#include "scenarios/engine/invariants.h"
#include "scenarios/engine/scenario.h"
#include "scenarios/engine/steps.h"
#include "tui/commands/commands.h"

static const char *type_text(const struct shape *shape)
{
    switch (shape->kind) {
    case SHAPE_ANY:
        return "anything";
    case SHAPE_STRING:
        return "text";
    case SHAPE_INTEGER:
        return "number";
    case SHAPE_BOOL:
        return "true or false";
    case SHAPE_DURATION:
        return "duration";
    case SHAPE_TIME:
        return "time";
    case SHAPE_SCALAR:
        return "scalar";
    case SHAPE_ENUM:
        return "word";
    case SHAPE_OBJECT:
        return "mapping";
    case SHAPE_ONE_OF:
        return "mapping of one key";
    case SHAPE_LIST:
        return "list";
    case SHAPE_MAP:
        return "mapping";
    case SHAPE_RESOURCE:
        return "partial resource";
    case SHAPE_JQ:
        return "jq";
    case SHAPE_SELECTOR:
        return "label selector";
    }
    return "";
}

static void choices(const struct shape *shape)
{
    for (size_t i = 0; shape->kind == SHAPE_ENUM && shape->choices[i]; i++)
        printf("%s`%s`", i ? ", " : ": ", shape->choices[i]);
}

static void fields(const char *path, const struct shape *shape);

/* What a field is made of, when that is a table of its own. */
static void nested(const char *path, const struct shape_field *f)
{
    const struct shape *inner = f->shape->kind == SHAPE_LIST ? f->shape->item : f->shape;
    AUTO(text) struct text deeper = {0};
    struct shape_field first;
    if (inner->kind != SHAPE_OBJECT || !shape_field_at(inner, 0, &first))
        return;
    text_printf(&deeper, "%s%s%s%s", path, *path ? "." : "", f->name,
                f->shape->kind == SHAPE_LIST ? "[]" : "");
    printf("`%s`:\n\n", text_c(&deeper));
    fields(text_c(&deeper), inner);
}

static void fields(const char *path, const struct shape *shape)
{
    struct shape_field f;
    if (!shape_field_at(shape, 0, &f))
        return;
    puts("| key | type | |\n|---|---|---|");
    for (size_t i = 0; shape_field_at(shape, i, &f); i++) {
        printf("| `%s`%s | %s", f.name, f.required ? " (required)" : "", type_text(f.shape));
        choices(f.shape);
        printf(" | %s |\n", f.help);
    }
    putchar('\n');
    for (size_t i = 0; shape_field_at(shape, i, &f); i++)
        nested(path, &f);
}

static void flags(void)
{
    struct cluster_flag f;
    AUTO(text) struct text name = {0};
    const char *component = "";
    puts("## Flags\n\nOf `spec.cluster.flags`. Any other flag is refused, for it would have no "
         "effect.\n\n| component | flag | |\n|---|---|---|");
    for (size_t i = 0; cluster_flag_at(i, &f, &name); i++, text_clear(&name)) {
        bool is_same = strcmp(component, f.component) == 0;
        component = f.component;
        printf("| %s | `--%s` | %s |\n", is_same ? "" : component, text_c(&name), f.help);
    }
    putchar('\n');
}

static void steps_and_faults(void)
{
    struct shape_field f;
    puts("## Steps\n");
    for (size_t i = 0; shape_field_at(&scenario_step_shape, i, &f); i++) {
        if (i == 0)
            puts("| key | type | |\n|---|---|---|");
        printf("| `%s`%s | %s | %s |\n", f.name, f.required ? " (required)" : "",
               type_text(f.shape), f.help);
    }
    puts("\nWhat `try`, `catch` and `finally` may hold:\n");
    for (size_t i = 0; i < step_kind_count; i++) {
        printf("### %s\n\n%s.\n\n```yaml\n- %s\n```\n\n", step_kinds[i]->name, step_kinds[i]->help,
               step_kinds[i]->example);
        if (step_kinds[i] != &step_inject) /* its kinds stand below */
            fields("", step_kinds[i]->shape);
    }
    puts(
        "## Faults\n\nBeside its kind, `inject` has `name` (for `heal`; fault-1, fault-2, ... when "
        "absent) and `duration` (after which it heals by itself; until healed when absent).\n");
    for (size_t i = 0; i < fault_kind_count; i++) {
        printf("### %s\n\n%s.\n\n```yaml\n- inject: {%s}\n```\n\n", fault_kinds[i]->name,
               fault_kinds[i]->help, fault_kinds[i]->example);
        fields("", fault_kinds[i]->shape);
    }
}

/* The keys of spec, without the cluster and the steps, which have sections of their own. */
static void scenario_spec_fields(void)
{
    struct shape_field spec = {0};
    for (size_t i = 0; shape_field_at(&scenario_shape, i, &spec); i++) {
        if (strcmp(spec.name, "spec") == 0)
            break;
    }
    struct shape_field f;
    puts("| key | type | |\n|---|---|---|");
    for (size_t i = 0; shape_field_at(spec.shape, i, &f); i++)
        printf("| `%s` | %s | %s |\n", f.name, type_text(f.shape), f.help);
    putchar('\n');
    for (size_t i = 0; shape_field_at(spec.shape, i, &f); i++) {
        if (strcmp(f.name, "always") == 0 || strcmp(f.name, "invariants") == 0)
            nested("", &f);
    }
}

int command_reference(int argc, char **argv)
{
    if (argc > 1) {
        bool is_help = strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0;
        fputs("Usage: wavetank reference\n\nPrints the reference of scenario files as Markdown.\n",
              is_help ? stdout : stderr);
        return is_help ? EXIT_HELD : EXIT_BAD_INPUT;
    }
    puts("<!-- SPDX-License-Identifier: Apache-2.0 -->\n# Reference of scenario files\n\n"
         "Made by `make reference` from the tables that check and run them; what it all means "
         "stands in [scenarios.md](scenarios.md).\n\n## spec\n");
    scenario_spec_fields();
    puts("## spec.cluster\n");
    fields("", &scenario_cluster_shape);
    flags();
    steps_and_faults();
    puts("## Invariants\n\n| id | name | |\n|---|---|---|");
    for (size_t i = 0; i < invariant_count; i++)
        printf("| %s | %s | %s |\n", invariant_table[i]->id, invariant_table[i]->name,
               invariant_table[i]->help);
    return EXIT_HELD;
}
