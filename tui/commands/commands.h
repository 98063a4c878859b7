/* SPDX-License-Identifier: Apache-2.0
 *
 * The commands of the program. Each gets its own arguments, argv[0] being its name, and gives the
 * exit status.
 */
#ifndef TUI_COMMANDS_COMMANDS_H
#define TUI_COMMANDS_COMMANDS_H

#ifndef WAVETANK_VERSION
#define WAVETANK_VERSION "0.1.0"
#endif

enum exit_status { EXIT_HELD = 0, EXIT_FAILED = 1, EXIT_BAD_INPUT = 2, EXIT_ENVIRONMENT = 3 };
struct command {
    const char *name, *help;
    int (*run)(int argc, char **argv);
};
int command_run(int argc, char **argv);
int command_serve(int argc, char **argv);
int command_ctl(int argc, char **argv);
int command_replay(int argc, char **argv);
int command_reference(int argc, char **argv);

#endif
