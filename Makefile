# wavetank: `make help` lists the targets.
#
# Layers (each is one archive, so that a layer that uses one above it does not link):
#   sim <- runtime <- cluster <- scenarios <- tui

PROGRAM := wavetank
VERSION := 0.1.0
PREFIX  ?= /usr/local
CC      ?= gcc
ifeq ($(origin CC),default)
CC := gcc
endif
# release | debug (ASan and UBSan) | coverage
MODE    ?= release
BUILD   ?= build$(if $(filter release,$(MODE)),,-$(MODE))

WARNINGS := -Wall -Wextra -Wpedantic -Werror -Wshadow -Wconversion -Wsign-conversion \
  -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla -Wformat=2 -Wdouble-promotion \
  -Wfloat-equal -Wswitch-enum -Wimplicit-fallthrough -Wcast-qual
COMMON   := -std=c17 -D_POSIX_C_SOURCE=200809L -I. -g -ffp-contract=off -fno-fast-math -fno-common
CFLAGS_release  := -O2
CFLAGS_debug    := -O1 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
CFLAGS_coverage := -O0 --coverage
OPT      ?= $(CFLAGS_$(MODE))
ALL_CFLAGS := $(COMMON) $(WARNINGS) $(OPT) $(EXTRA_CFLAGS)
LDLIBS   := -lyaml -lcjson -ljq -lm

LAYERS := sim runtime cluster scenarios
sources = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIBRARY_SOURCES := $(foreach layer,$(LAYERS),$(call sources,$(layer)))
TUI_SOURCES  := $(call sources,tui)
TEST_SOURCES := $(call sources,tests/unit) $(call sources,tests/integration)
ARCHIVES := $(foreach layer,scenarios cluster runtime sim,$(BUILD)/lib$(layer).a)

.PHONY: all help
all: $(BUILD)/$(PROGRAM)

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -MMD -MP -c -o $@ $<

define archive
$(BUILD)/lib$(1).a: $(call objects,$(call sources,$(1)))
	@rm -f $$@
	@ar rcs $$@ $$^
endef
$(foreach layer,$(LAYERS),$(eval $(call archive,$(layer))))

$(BUILD)/$(PROGRAM): $(call objects,$(TUI_SOURCES)) $(ARCHIVES)
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LDLIBS)

# One CUnit program a test file: tests/unit/sim/test_queue.c -> build/tests/unit/sim/test_queue
UNIT_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(TEST_SOURCES))
$(UNIT_PROGRAMS): %: %.o $(ARCHIVES)
	$(CC) $(ALL_CFLAGS) -o $@ $^ -lcunit $(LDLIBS)
.PRECIOUS: $(BUILD)/%.o

.PHONY: unit check-%
unit: $(UNIT_PROGRAMS) ## build and run the unit tests
	@for t in $(UNIT_PROGRAMS); do $$t || exit 1; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

.PHONY: compile
compile: $(call objects,$(LIBRARY_SOURCES) $(TUI_SOURCES) $(TEST_SOURCES)) ## compile everything, link nothing
