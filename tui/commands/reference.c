/* SPDX-License-Identifier: Apache-2.0
 *
 * `wavetank reference`: the reference of scenario files as Markdown, from the same tables that
 * check and run them.
 */
#include "sim/base/base.h"

#include <stdio.h>

#include "scenarios/engine/faults.h"
#include "scenarios/engine/invariants.h"
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

static void fields(const struct shape *shape)
{
    struct shape_field f;
    if (!shape_field_at(shape, 0, &f))
        return;
    puts("| key | type | |\n|---|---|---|");
    for (size_t i = 0; shape_field_at(shape, i, &f); i++)
        printf("| `%s`%s | %s | %s |\n", f.name, f.required ? " (required)" : "",
               type_text(f.shape), f.help);
    putchar('\n');
}

int command_reference(int argc, char **argv)
{
    if (argc > 1) {
        bool is_help = strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0;
        fputs("Usage: wavetank reference\n\nPrints the reference of scenario files as Markdown.\n",
              is_help ? stdout : stderr);
        return is_help ? EXIT_HELD : EXIT_BAD_INPUT;
    }
    puts("# Scenario files\n\n## spec.cluster\n");
    fields(&scenario_cluster_shape);
    puts("## Steps\n");
    fields(&scenario_step_shape);
    for (size_t i = 0; i < step_kind_count; i++) {
        printf("### %s\n\n%s.\n\n```yaml\n- %s\n```\n\n", step_kinds[i]->name, step_kinds[i]->help,
               step_kinds[i]->example);
        fields(step_kinds[i]->shape);
    }
    puts("## Faults\n");
    for (size_t i = 0; i < fault_kind_count; i++) {
        printf("### %s\n\n%s.\n\n```yaml\n- inject: {%s}\n```\n\n", fault_kinds[i]->name,
               fault_kinds[i]->help, fault_kinds[i]->example);
        fields(fault_kinds[i]->shape);
    }
    puts("## Invariants\n\n| id | name | |\n|---|---|---|");
    for (size_t i = 0; i < invariant_count; i++)
        printf("| %s | %s | %s |\n", invariant_table[i]->id, invariant_table[i]->name,
               invariant_table[i]->help);
    return EXIT_HELD;
}
