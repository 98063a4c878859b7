# wavetank: `make help` lists the targets.
#
# Layers, each one archive:  sim <- runtime <- cluster <- scenarios <- tui

PROGRAM := wavetank
VERSION := 0.1.0
PREFIX  ?= /usr/local
DESTDIR ?=
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
LIBRARIES := -lyaml -ljq -lpcre2-8 -larchive -lmicrohttpd -lwslay -lgnutls -lhogweed -lnettle -lgmp -lz -lm

BUILD_PACKAGES := gcc libc6-dev pkg-config libyaml-dev libjq-dev libpcre2-dev libarchive-dev libmicrohttpd-dev libwslay-dev libgnutls28-dev nettle-dev libgmp-dev zlib1g-dev
BENCH_PACKAGES := wrk curl
TEST_PACKAGES  := libcunit1-dev clang faketime valgrind git python3 curl openssl

LAYERS := sim runtime cluster scenarios
sources = $(sort $(shell find $(1) -name '*.c' 2>/dev/null))
objects = $(patsubst %.c,$(BUILD)/%.o,$(1))
LIBRARY_SOURCES := $(foreach layer,$(LAYERS),$(call sources,$(layer)))
TUI_SOURCES   := $(call sources,tui)
UNIT_SOURCES  := $(call sources,tests/unit) $(call sources,tests/integration)
PLAIN_SOURCES := $(call sources,tests/swarm) $(call sources,tests/bench) $(call sources,tests/fuzz)
ARCHIVES := $(foreach layer,scenarios cluster runtime sim,$(BUILD)/lib$(layer).a)

.PHONY: all help
all: $(BUILD)/$(PROGRAM) ## build the program: build/wavetank

help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# ---- compiling ----

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
	$(CC) $(ALL_CFLAGS) -o $@ $^ $(LIBRARIES)

# The hash of all sources that a run depends on: which build a journal was written by.
$(BUILD)/source_id.h: FORCE
	@mkdir -p $(@D)
	@id=$$(find $(LAYERS) -name '*.[ch]' -o -name '*.def' | LC_ALL=C sort | xargs cat | sha256sum | cut -c1-16); \
	  echo "#define WAVETANK_SOURCE_ID \"$$id\"" >$@.new; cmp -s $@.new $@ && rm $@.new || mv $@.new $@
$(BUILD)/tui/build.o: tui/build.c $(BUILD)/source_id.h
	@mkdir -p $(@D)
	$(CC) $(ALL_CFLAGS) -I$(BUILD) -MMD -MP -c -o $@ $<
.PHONY: FORCE
FORCE:

# One program a test file: tests/unit/sim/test_queue.c -> build/tests/unit/sim/test_queue
UNIT_PROGRAMS  := $(patsubst %.c,$(BUILD)/%,$(UNIT_SOURCES))
PLAIN_PROGRAMS := $(patsubst %.c,$(BUILD)/%,$(filter-out %_world.c,$(PLAIN_SOURCES)))
$(UNIT_PROGRAMS): %: %.o $(ARCHIVES)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) -lcunit $(LIBRARIES)
$(BUILD)/tests/unit/tui/test_kubeconfig: $(BUILD)/tui/kubeconfig.o $(BUILD)/tui/kubeconfig_text.o
$(BUILD)/tests/unit/tui/test_pace: $(BUILD)/tui/serve/pace.o
$(PLAIN_PROGRAMS): %: %.o $(ARCHIVES)
	$(CC) $(ALL_CFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(LIBRARIES)
$(BUILD)/tests/swarm/raft_swarm: $(addprefix $(BUILD)/tests/swarm/,raft_world.o raft_check_world.o)
$(BUILD)/tests/swarm/cluster_swarm $(BUILD)/tests/swarm/crash_points: $(addprefix $(BUILD)/tests/swarm/cluster_,world.o load_world.o faults_world.o calm_world.o judge_world.o)
.PRECIOUS: $(BUILD)/%.o

.PHONY: compile programs unit
compile: $(call objects,$(LIBRARY_SOURCES) $(TUI_SOURCES) $(UNIT_SOURCES) $(PLAIN_SOURCES)) ## compile everything, link nothing
programs: $(UNIT_PROGRAMS) $(PLAIN_PROGRAMS)
unit: $(UNIT_PROGRAMS) ## build and run the unit tests (MODE=debug: with sanitizers)
	@for t in $(UNIT_PROGRAMS); do $$t || exit 1; done

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

# ---- what users run ----

.PHONY: dependencies demo test fuzz lint trace-doc deviations bench reference golden install clean
dependencies:
	@tests/dependencies.sh $(BUILD_PACKAGES)

demo: dependencies ## install what is missing, build, and let a node lose its power
	@$(MAKE) -s -j$$(nproc) all
	@$(BUILD)/$(PROGRAM) run scenarios/library/node-loss.yaml

test: dependencies ## every test; ends with "N passed, N failed"
	@tests/dependencies.sh $(TEST_PACKAGES)
	@command -v kubectl >/dev/null || tests/dependencies.sh kubernetes-client
	@echo "== building: gcc -O2, sanitizers, clang, gcc -O0, gcc -O3"
	@$(MAKE) -s -j$$(nproc) all programs
	@$(MAKE) -s -j$$(nproc) all programs MODE=debug
	@$(MAKE) -s -j$$(nproc) all BUILD=build-clang CC=clang
	@$(MAKE) -s -j$$(nproc) all BUILD=build-O0 OPT=-O0
	@$(MAKE) -s -j$$(nproc) all BUILD=build-O3 OPT=-O3
	@tests/run.sh

# For developers: clang's libFuzzer on one of tests/fuzz; what it finds stays in build-fuzz/corpus.
FUZZ    ?= fuzz_pipeline
SECONDS ?= 60
fuzz: ## make fuzz FUZZ=fuzz_json SECONDS=60: libFuzzer on one of tests/fuzz
	@$(MAKE) -s -j$$(nproc) all BUILD=build-fuzz CC=clang OPT="-O1 -fsanitize=fuzzer-no-link,address,undefined"
	@$(MAKE) -s build/tests/fuzz/$(FUZZ)
	@mkdir -p build-fuzz/corpus/$(FUZZ) && build/tests/fuzz/$(FUZZ) --write build-fuzz/corpus/$(FUZZ)
	clang $(COMMON) -O1 -DLIBFUZZER -fsanitize=fuzzer,address,undefined -o build-fuzz/$(FUZZ) tests/fuzz/$(FUZZ).c \
	  $(foreach layer,scenarios cluster runtime sim,build-fuzz/lib$(layer).a) $(LIBRARIES)
	build-fuzz/$(FUZZ) -max_total_time=$(SECONDS) -max_len=4096 build-fuzz/corpus/$(FUZZ) tests/fuzz/seeds

lint: all ## style, layers, banned calls, sizes
	@tests/lint/lint.sh $(BUILD)

trace-doc: ## sentences of Kubernetes' documentation that a source obeys and no test proves
	@tests/trace_doc.sh

deviations: ## docs/deviations.md from the DEVIATION: comments of the sources
	@tests/deviations.sh > docs/deviations.md

bench: dependencies ## speeds beside their budgets; also build/bench.json
	@tests/dependencies.sh $(BENCH_PACKAGES)
	@$(MAKE) -s -j$$(nproc) all $(filter $(BUILD)/tests/bench/%,$(PLAIN_PROGRAMS))
	@tests/bench/bench.sh $(BUILD)

reference: all ## docs/reference.md from the tables of the program
	@$(BUILD)/$(PROGRAM) reference >docs/reference.md

golden: all ## UPDATE=1 make golden: take the timelines of the library as the golden ones
	@test "$(UPDATE)" = 1 || { echo "UPDATE=1 make golden rewrites scenarios/library/*.trace"; exit 2; }
	@for s in scenarios/library/*.yaml; do $(BUILD)/$(PROGRAM) run $$s --quiet --trace $${s%.yaml}.trace || exit 1; done

install: all ## the program, the library and its pkg-config file, under PREFIX
	@mkdir -p $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/include $(DESTDIR)$(PREFIX)/lib/pkgconfig
	install -m 755 $(BUILD)/$(PROGRAM) $(DESTDIR)$(PREFIX)/bin/
	install -m 644 scenarios/wavetank.h $(DESTDIR)$(PREFIX)/include/
	@rm -rf $(BUILD)/merged && mkdir -p $(BUILD)/merged
	@printf 'create $(BUILD)/libwavetank.a\n$(foreach a,$(ARCHIVES),addlib $(a)\n)save\nend\n' | ar -M
	install -m 644 $(BUILD)/libwavetank.a $(DESTDIR)$(PREFIX)/lib/
	@printf 'prefix=$(PREFIX)\nincludedir=$${prefix}/include\nlibdir=$${prefix}/lib\n\nName: wavetank\nDescription: A deterministic Kubernetes cluster for tests\nVersion: $(VERSION)\nCflags: -I$${includedir}\nLibs: -L$${libdir} -lwavetank $(LIBRARIES)\n' > $(DESTDIR)$(PREFIX)/lib/pkgconfig/wavetank.pc

clean: ## remove what was built
	rm -rf build build-*
