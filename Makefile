# heapgauge: build, test, bench, install.
#
#   make                 release build in build/release/     (MODE=release|debug|strict|asan|tsan|cov|fuzz)
#   make test            installs what is missing, then every test, under prove
#   make bench           installs what is missing, then from a recorded program to results/<date>-<host>/report.html
#   make perf            the speed goals, as ratios in one run
#   make lint            clang-format, clang-tidy, cppcheck, shellcheck, direction of includes
#   make coverage        lines that the unit and conformance tests run, by folder
#   make docs            the options in docs/heapgauge.1, from the program's own tables
#   make install PREFIX=/usr/local
#
# V=1 shows commands. WERROR=1 makes an error of every warning (.ci/run does). A new .c file in a room that is there
# needs no line here.

MAKEFLAGS += -rR
.DELETE_ON_ERROR:
.SUFFIXES:

MODE    ?= release
CC       = gcc
AR       = ar
PREFIX  ?= /usr/local
DESTDIR ?=
BUILD   ?= build
OUT     := $(BUILD)/$(MODE)
Q       := $(if $(V),,@)
# For sub-makes of targets that a newcomer starts without -j; a -j of the user's own counts. Only valid in recipes.
parallel = $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))
say      = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

WARN := -Wall -Wextra $(if $(filter 1,$(WERROR)),-Werror)
WARN += -Wshadow               # a name that hides another has hidden bugs before
WARN += -Wstrict-prototypes    # f() is not f(void)
WARN += -Wmissing-prototypes   # a function is static or stands in a header
WARN += -Wpointer-arith        # arithmetic on void * hides its unit
WARN += -Wvla                  # stack use must be known
WARN += -Wundef                # a macro that is misspelt is not 0
WARN += -Wformat=2             # formats are checked, and constant
WARN += -Wwrite-strings        # string literals are const

BASE := -std=gnu17 -D_GNU_SOURCE -iquote . -g -fno-strict-aliasing -fno-omit-frame-pointer -pthread $(WARN)
FLAGS_release := -O3 -DNDEBUG
FLAGS_debug   := -O1 -DHG_DEBUG=1
FLAGS_strict  := -O1 -DHG_DEBUG=1 -DHG_STRICT=1
FLAGS_asan    := -O1 -DHG_DEBUG=1 -DHG_ASAN=1 -fsanitize=address,undefined -fno-sanitize-recover=undefined
FLAGS_tsan    := -O1 -DHG_TSAN=1 -fsanitize=thread
FLAGS_cov     := -O0 --coverage
FLAGS_fuzz    := -O1 -DHG_DEBUG=1 -fsanitize=fuzzer-no-link,address,undefined
ifeq ($(MODE),fuzz)
CC := clang
endif
ifeq ($(origin FLAGS_$(MODE)),undefined)
$(error MODE=$(MODE) is not known: release debug strict asan tsan cov fuzz)
endif
CFLAGS  := $(BASE) $(FLAGS_$(MODE)) $(EXTRA_CFLAGS)
LDFLAGS := -pthread $(FLAGS_$(MODE)) $(EXTRA_LDFLAGS)
# Which build wrote a result: beside every result in run.json.
VERSION := 0.1.0
BUILD_DEFS := -DHG_VERSION='"$(VERSION)"' -DHG_MODE='"$(MODE)"' -DHG_CFLAGS='"$(BASE) $(FLAGS_$(MODE))"'

# --- what is built from what: a program is the sources of its folders --------------------------------------
# One worker a refcount policy: what stands in the rooms of WORKER_RC is compiled once for each.
POLICIES := gil gil312 gil314 objlock atomic biased tracing

in = $(sort $(wildcard $(1:%=%/*.c)))

ALLOC_C   := $(call in,alloc alloc/base alloc/backend alloc/pymalloc alloc/pools alloc/wrap alloc/tracer)
FORMAT_C  := $(call in,workloads/trace/format)
STAT_C    := $(call in,bench/stat)
FRONT_C   := $(call in,bench/cmd bench/plan bench/sample bench/result bench/host bench/report bench/report/figures bench/report/html \
                       workloads/trace/tool workloads/trace/import) \
             gc/list.c gc/python.c gc/heap/graph.c gc/heap/census.c gc/heap/snapshot.c workloads/list.c workloads/script/objscript.c workloads/script/objmodel.c
GC_C      := $(call in,gc gc/rc gc/runtime gc/types gc/collect gc/heap)
OBJECT_C  := $(call in,workloads/object) workloads/script/objrun.c workloads/script/objtrace.c
LEVEL_C   := $(call in,workloads workloads/alloc workloads/trace/replay) workloads/script/objscript.c workloads/script/objmodel.c
# What the front and the workers share beside that: a worker's arguments are rows of its table.
SETTINGS_C := bench/plan/settings.c
SCHEMA_C  := bench/result/schema.c
WORKER_C  := $(call in,bench/worker bench/worker/check)
WORKER_RC := $(GC_C) $(OBJECT_C) $(WORKER_C)
# One file, two objects: what it is, for all that link the list that names it, and what it does, for workers.
# workloads/about.h and gc/about.h say how such a file is written.
ABOUT_C   := $(shell grep -l 'ifdef HG_ABOUT' $(wildcard workloads/*/*.c workloads/*/*/*.c))
ABOUT_GC  := $(shell grep -l 'ifdef HG_ABOUT' $(wildcard gc/*/*.c))
RECORD_C  := $(call in,workloads/trace/record) alloc/base/object.c alloc/base/mutex.c alloc/base/os.c alloc/base/assert.c
SHIM_C    := $(call in,alloc/shim)

obj      = $(patsubst %.c,$(OUT)/obj/%.o,$(1)) $(call about,$(1))
about    = $(if $(filter workloads/list.c,$(1)),$(ABOUT_C:%.c=$(OUT)/obj-about/%.o)) \
           $(if $(filter gc/list.c,$(1)),$(ABOUT_GC:%.c=$(OUT)/obj-about/%.o))
obj_about = $(call about,workloads/list.c gc/list.c)
obj_rc   = $(patsubst %.c,$(OUT)/obj-$(1)/%.o,$(2)) $(call about,$(2))
obj_pic  = $(patsubst %.c,$(OUT)/obj-pic/%.o,$(1))

WORKERS := $(POLICIES:%=$(OUT)/heapgauge-worker-%)
LIBS    := $(OUT)/libheapgauge-record.so $(OUT)/libheapgauge-shim.so
SANITIZED := $(filter asan tsan fuzz,$(MODE))

all: $(OUT)/heapgauge $(WORKERS) $(if $(SANITIZED),,$(LIBS))

FRONT_LIBS  := -ldw -lelf -lmd -lhwloc -ljansson -linih -lzstd -ldl -lm
WORKER_LIBS := -ldw -lzstd -ldl -lm

ALL_OBJ := $(call obj,$(ALLOC_C) $(LEVEL_C) $(FORMAT_C) $(STAT_C) $(FRONT_C)) \
           $(foreach p,$(POLICIES),$(call obj_rc,$(p),$(WORKER_RC))) \
           $(call obj_pic,$(ALLOC_C) $(RECORD_C) $(SHIM_C))

$(OUT)/heapgauge: $(call obj,$(FRONT_C) $(STAT_C) $(FORMAT_C) $(ALLOC_C))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(FRONT_LIBS)

define worker_rules
$(OUT)/heapgauge-worker-$(1): $(call obj,$(ALLOC_C) $(LEVEL_C) $(FORMAT_C) $(STAT_C) $(SETTINGS_C) $(SCHEMA_C)) $(call obj_rc,$(1),$(WORKER_RC))
	$$(call say,LINK,$$@)
	$(Q)$(CC) $(LDFLAGS) -rdynamic -o $$@ $$^ $(WORKER_LIBS)
$(filter $(OUT)/obj-$(1)/%,$(call obj_rc,$(1),$(WORKER_RC))): $(OUT)/obj-$(1)/%.o: %.c Makefile
	$$(call say,CC,$$(@:$(OUT)/%=%))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) $(BUILD_DEFS) -DHG_RC=HG_RC_$(shell echo $(1) | tr a-z A-Z) -DHG_RC_NAME='"$(1)"' -MMD -MP -c -o $$@ $$<
endef
$(foreach p,$(POLICIES),$(eval $(call worker_rules,$(p))))

$(filter $(OUT)/obj/%,$(sort $(call obj,$(ALLOC_C) $(LEVEL_C) $(FORMAT_C) $(STAT_C) $(FRONT_C)))): $(OUT)/obj/%.o: %.c Makefile
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) $(BUILD_DEFS) -MMD -MP -c -o $@ $<

$(OUT)/obj/bench/report/html/page.o: bench/report/html/page.css # .incbin, of which -MMD knows nothing

$(obj_about): $(OUT)/obj-about/%.o: %.c Makefile
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -DHG_ABOUT=1 -MMD -MP -c -o $@ $<

# Libraries for programs that are not ours.
$(sort $(call obj_pic,$(ALLOC_C) $(RECORD_C) $(SHIM_C))): $(OUT)/obj-pic/%.o: %.c Makefile
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -DHG_PIC=1 -fPIC -ftls-model=initial-exec -fvisibility=hidden -MMD -MP -c -o $@ $<

$(OUT)/libheapgauge-record.so: $(call obj_pic,$(RECORD_C))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-z,defs -o $@ $^ -ldl

$(OUT)/libheapgauge-shim.so: $(call obj_pic,$(SHIM_C) $(ALLOC_C))
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -shared -Wl,-z,defs -Wl,-z,start-stop-visibility=hidden -Wl,-z,initfirst -o $@ $^ -ldl -lm

-include $(ALL_OBJ:.o=.d)

# --- tests -----------------------------------------------------------------------------------------------
include tests/tests.mk

# --- the rest --------------------------------------------------------------------------------------------
deps:
	@scripts/install-deps

bench:
	@echo 'bench: installs what is missing, builds, records a CPython program, replays it on every allocator, runs the short suite,'
	@echo 'bench: draws the report: three to four minutes on two cores, and the time that downloading packages takes'
	@scripts/install-deps
	@$(MAKE) $(parallel) --no-print-directory all
	@scripts/bench $(OUT)

perf: all perf-programs
	@scripts/perf $(OUT)

lint:
	@scripts/lint

# Lines that the unit and conformance tests alone run, by folder; bench/ has its least.
coverage:
	@$(MAKE) $(parallel) --no-print-directory MODE=cov all units
	@find $(BUILD)/cov -name '*.gcda' -delete
	@$(MAKE) --no-print-directory MODE=cov check-unit
	@scripts/coverage $(BUILD)/cov --least bench=70

format:
	@clang-format -i $$(git ls-files '*.c' '*.h')

# The part of the manual page that is made from the verbs and the tables of their options.
docs: $(OUT)/heapgauge
	@$(OUT)/heapgauge help --man >$(OUT)/options.man
	@sed -i -e '/^\.\\" made by .*: begin$$/r $(OUT)/options.man' -e '/: begin$$/,/: end$$/{/^\.\\" made by /!d}' docs/heapgauge.1

compile_commands.json:
	@rm -rf $(BUILD)/bear && bear --output $@ -- $(MAKE) BUILD=$(BUILD)/bear

install: all
	install -d $(DESTDIR)$(PREFIX)/bin $(DESTDIR)$(PREFIX)/libexec/heapgauge $(DESTDIR)$(PREFIX)/share/heapgauge/suites \
	    $(DESTDIR)$(PREFIX)/share/heapgauge/plot
	install -m 755 $(OUT)/heapgauge $(DESTDIR)$(PREFIX)/bin/
	install -m 755 $(WORKERS) $(LIBS) $(DESTDIR)$(PREFIX)/libexec/heapgauge/
	install -m 644 scripts/suites/*.ini $(DESTDIR)$(PREFIX)/share/heapgauge/suites/
	install -m 644 scripts/plot/*.gp $(DESTDIR)$(PREFIX)/share/heapgauge/plot/
	install -d $(DESTDIR)$(PREFIX)/share/man/man1
	install -m 644 docs/heapgauge.1 $(DESTDIR)$(PREFIX)/share/man/man1/
	install -d $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	$(OUT)/heapgauge completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/heapgauge

uninstall:
	rm -rf $(DESTDIR)$(PREFIX)/share/man/man1/heapgauge.1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions/heapgauge \
	    $(DESTDIR)$(PREFIX)/bin/heapgauge $(DESTDIR)$(PREFIX)/libexec/heapgauge $(DESTDIR)$(PREFIX)/share/heapgauge

clean:
	rm -rf $(BUILD) compile_commands.json

.PHONY: all deps bench perf lint coverage format docs install uninstall clean compile_commands.json
