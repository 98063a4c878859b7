/* SPDX-License-Identifier: Apache-2.0
 *
 * The program: a table of commands. Exit status: 0 all held, 1 an expectation or invariant failed,
 * 2 bad input, 3 the environment lacks something.
 */
#include "sim/base/base.h"

#include <stdio.h>

#include "tui/build.h"
#include "tui/commands/commands.h"

static const struct command commands[] = {
    {"run", "runs scenarios", command_run},
    {"serve", "starts a cluster for kubectl and client libraries", command_serve},
    {"ctl", "speaks to a running serve: time, faults, steps, users", command_ctl},
    {"replay", "runs a recorded session again", command_replay},
    {"reference", "prints the reference of scenario files: steps, faults, invariants",
     command_reference},
};

static void help(FILE *out)
{
    fputs("wavetank holds a whole Kubernetes cluster in a deterministic simulation.\n\nUsage: "
          "wavetank COMMAND [ARGUMENT]...\n\n",
          out);
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++)
        fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].help);
    fputs("\nwavetank COMMAND -h tells more.\n\nExit status: 0 all held, 1 an expectation or "
          "invariant failed, 2 bad input,\n"
          "3 the environment lacks something.\n",
          out);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        help(stderr);
        return EXIT_BAD_INPUT;
    }
    if (strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "--help") == 0 ||
        strcmp(argv[1], "help") == 0) {
        help(stdout);
        return EXIT_HELD;
    }
    if (strcmp(argv[1], "--version") == 0) {
        printf("wavetank " WAVETANK_VERSION " (Kubernetes 1.36), build %s\n", build_id());
        return EXIT_HELD;
    }
    for (size_t i = 0; i < ARRAY_COUNT(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0)
            return commands[i].run(argc - 1, argv + 1);
    }
    fprintf(stderr, "wavetank: unknown command \"%s\"; wavetank -h lists them\n", argv[1]);
    return EXIT_BAD_INPUT;
}
