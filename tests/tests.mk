# tests.mk: how tests are built and run. Everything prints TAP and runs under prove.
#   tests/unit/NAME.c        a cmocka program; a line "// links: FILE.c ..." in it names the sources under test that it needs
#                            (default: all of alloc/; may hold make variables); "// policy: gil" compiles it with a worker's gc/ and object workloads;
#                            "// policies: gil atomic" makes a program NAME-POLICY of it for each, "// links:" adds to those
#   tests/cli/NAME.bats      the command line
#   tests/conformance/       against a real libpython; pymalloc*.c: cmocka programs that skip where there is none

UNIT_C  := $(wildcard tests/unit/*.c)
MANY_C  := $(shell grep -l '^// policies: ' $(UNIT_C))
BATS    := $(wildcard tests/cli/*.bats tests/models/*.bats)

unit_policies = $(shell sed -n 's,^// policies: ,,p' tests/unit/$(1).c)
MANY    := $(foreach u,$(MANY_C:tests/unit/%.c=%),$(foreach p,$(call unit_policies,$(u)),$(u)-$(p)))
UNITS   := $(patsubst %,$(OUT)/tests/unit/%,$(patsubst tests/unit/%.c,%,$(filter-out $(MANY_C),$(UNIT_C))) $(MANY))
unit_links  = $(eval unit_words := $(shell sed -n 's,^// links: ,,p' tests/unit/$(1).c))$(unit_words)
unit_policy = $(shell sed -n 's,^// policy: ,,p' tests/unit/$(1).c)
policy_objs = $(call obj_rc,$(1),$(GC_C) $(OBJECT_C)) $(call obj,$(ALLOC_C) workloads/script/objscript.c)
policy_defs = -DHG_RC=HG_RC_$(shell echo $(1) | tr a-z A-Z)
unit_objs   = $(if $(call unit_policy,$(1)),$(call policy_objs,$(call unit_policy,$(1))),$(call obj,$(or $(call unit_links,$(1)),$(ALLOC_C))))
unit_defs   = $(if $(call unit_policy,$(1)),$(call policy_defs,$(call unit_policy,$(1))))

# A program, its source, its objects, its definitions.
define unit_rule
$(OUT)/tests/unit/$(1): tests/unit/$(2).c $(3)
	$$(call say,CC,$$(@:$(OUT)/%=%))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) $(4) -MMD -MP $(LDFLAGS) -rdynamic -o $$@ $$< $$(filter %.o,$$^) -lcmocka -ldw -lelf -lmd -lhwloc -ljansson -linih -lzstd -ldl -lm
endef
$(foreach u,$(patsubst tests/unit/%.c,%,$(filter-out $(MANY_C),$(UNIT_C))),\
    $(eval $(call unit_rule,$(u),$(u),$(call unit_objs,$(u)),$(call unit_defs,$(u)))))
$(foreach u,$(MANY_C:tests/unit/%.c=%),$(foreach p,$(call unit_policies,$(u)),\
    $(eval $(call unit_rule,$(u)-$(p),$(u),$(sort $(call policy_objs,$(p)) $(call obj,$(call unit_links,$(u)))),$(call policy_defs,$(p))))))
-include $(UNITS:%=%.d)

CONFORMANCE_C := $(wildcard tests/conformance/pymalloc*.c)
CONFORMANCE   := $(CONFORMANCE_C:tests/conformance/%.c=$(OUT)/tests/conformance/%)
$(CONFORMANCE): $(OUT)/tests/conformance/%: tests/conformance/%.c $(call obj,$(ALLOC_C))
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP $(LDFLAGS) -rdynamic -o $@ $< $(filter %.o,$^) -lcmocka -ldw -ldl -lm
-include $(CONFORMANCE:%=%.d)

# Libraries that tests put before a program with LD_PRELOAD.
PRELOADS := $(patsubst tests/preload/%.c,$(OUT)/tests/%.so,$(wildcard tests/preload/*.c))
$(PRELOADS): $(OUT)/tests/%.so: tests/preload/%.c
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(BASE) -O1 -shared -fPIC -o $@ $<

# Against a real libpython: object scripts on both. hgo-conform-3.11 and so on are those whose headers are installed
# (scripts/install-deps brings one); "make conform PYTHON=3.14" runs with one that scripts/oracle has unpacked.
PYTHONS     := $(patsubst /usr/include/python%/Python.h,%,$(wildcard $(foreach v,11 12 13 14 15,/usr/include/python3.$(v)/Python.h)))
comma       := ,
CONFORM_C   := $(wildcard tests/conformance/hgo_*.c)
CONFORM     := $(PYTHONS:%=$(OUT)/tests/conformance/hgo-conform-%)
CONFORM_OBJ := $(call obj_rc,gil,$(GC_C) workloads/script/objrun.c) $(call obj,$(ALLOC_C) workloads/script/objscript.c)
CONFORM_DEP := $(CONFORM_C) $(wildcard tests/conformance/*.h) $(CONFORM_OBJ)
conform_cc   = $(CC) $(CFLAGS) -DHG_RC=HG_RC_GIL $(1) $(LDFLAGS) -o $@ $(CONFORM_C) $(CONFORM_OBJ) $(2) -ldw -lzstd -ldl -lm

$(CONFORM): $(OUT)/tests/conformance/hgo-conform-%: $(CONFORM_DEP)
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(call conform_cc,-isystem /usr/include/python$*,-lpython$*)

# Its library wants a newer C library than may be here: that is found when it runs.
$(OUT)/tests/conformance/oracle-conform-%: $(CONFORM_DEP) build/oracle/%/version
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(call conform_cc,-isystem build/oracle/$*/include -isystem build/oracle/$*/root/usr/include,\
	    -Wl$(comma)--allow-shlib-undefined $(wildcard build/oracle/$*/lib/libpython3.*.so.1.0))
build/oracle/%/version:
	scripts/oracle $*
# What those gave, where none of them is installed; "make golden PYTHON=3.14" makes that again.
GOLDEN := $(OUT)/tests/conformance/golden
GOLDEN_C := $(addprefix tests/conformance/,golden.c hgo_child.c hgo_generate.c hgo_ours.c)
$(GOLDEN): $(GOLDEN_C) $(wildcard tests/conformance/*.h) $(CONFORM_OBJ)
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -DHG_RC=HG_RC_GIL $(LDFLAGS) -o $@ $(GOLDEN_C) $(CONFORM_OBJ) -ldw -lzstd -ldl -lm
golden: $(OUT)/tests/conformance/oracle-conform-$(PYTHON)
	build/oracle/$(PYTHON)/run $< golden 1 120 5000 >build/golden.txt
	mv build/golden.txt tests/conformance/golden/$(shell cat build/oracle/$(PYTHON)/version).txt
# The allocator of one that scripts/oracle has unpacked beside our pymalloc: make conform-pymalloc PYTHON=3.14
oracle_library = CONFORM_LIBRARY=$(notdir $(wildcard build/oracle/$(PYTHON)/lib/libpython3.*.so.1.0))
conform-pymalloc: $(CONFORMANCE) $(OUT)/tests/unit/cpython build/oracle/$(PYTHON)/version
	$(oracle_library) build/oracle/$(PYTHON)/run $(OUT)/tests/unit/cpython
	$(oracle_library) build/oracle/$(PYTHON)/run $(OUT)/tests/conformance/pymalloc
# make conform PYTHON=3.14
conform: $(OUT)/tests/conformance/oracle-conform-$(PYTHON)
	build/oracle/$(PYTHON)/run $<

# The collectors of each policy beside a tracing oracle.
# One thread runs them, so TSan has nothing to see under a GIL, and takes minutes for it; ASan's build runs them all.
ORACLE_POLICIES := $(if $(filter tsan,$(MODE)),$(filter-out gil% tracing,$(POLICIES)),$(POLICIES))
ORACLES := $(ORACLE_POLICIES:%=$(OUT)/tests/conformance/oracle-%)
define oracle_rule
$(OUT)/tests/conformance/oracle-$(1): tests/conformance/oracle.c tests/conformance/hgo_generate.c $(wildcard tests/conformance/*.h) \
    $(call obj_rc,$(1),$(GC_C) workloads/script/objrun.c) $(call obj,$(ALLOC_C) workloads/script/objscript.c)
	$$(call say,CC,$$(@:$(OUT)/%=%))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) -DHG_RC=HG_RC_$(shell echo $(1) | tr a-z A-Z) $(LDFLAGS) -o $$@ $$(filter %.c %.o,$$^) -ldw -lzstd -ldl -lm
endef
$(foreach p,$(POLICIES),$(eval $(call oracle_rule,$(p))))

# Speed of one part beside its model, in one process; "make perf" runs them. "// links:" names what is needed beside alloc/.
PERF_C        := $(filter-out tests/perf/cpython_%,$(wildcard tests/perf/*.c))
PERF_PROGRAMS := $(PERF_C:tests/perf/%.c=$(OUT)/tests/perf/%)
define perf_rule
$(OUT)/tests/perf/$(1): tests/perf/$(1).c $(call obj,$(ALLOC_C) $(shell sed -n 's,^// links: ,,p' tests/perf/$(1).c))
	$$(call say,CC,$$(@:$(OUT)/%=%))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) -MMD -MP $(LDFLAGS) -rdynamic -o $$@ $$< $$(filter %.o,$$^) -ldw -lzstd -ldl -lm
endef
$(foreach p,$(PERF_C:tests/perf/%.c=%),$(eval $(call perf_rule,$(p))))
-include $(PERF_PROGRAMS:%=%.d)
# policy/NAME.c: a program for each refcount policy, which a program above runs; with the object workloads.
PERF_POLICY := $(foreach u,$(patsubst tests/perf/policy/%.c,%,$(wildcard tests/perf/policy/*.c)),\
    $(foreach p,$(POLICIES),$(OUT)/tests/perf/policy/$(u)-$(p)))
define perf_policy_rule
$(OUT)/tests/perf/policy/$(1)-$(2): tests/perf/policy/$(1).c $(call policy_objs,$(2)) \
    $(call obj_rc,$(2),$(OBJECT_C)) $(call obj,$(LEVEL_C) $(FORMAT_C))
	$$(call say,CC,$$(@:$(OUT)/%=%))
	@mkdir -p $$(@D)
	$(Q)$(CC) $(CFLAGS) $(call policy_defs,$(2)) -MMD -MP $(LDFLAGS) -rdynamic -o $$@ $$< $$(filter %.o,$$^) -ldw -lzstd -ldl -lm
endef
$(foreach u,$(patsubst tests/perf/policy/%.c,%,$(wildcard tests/perf/policy/*.c)),$(foreach p,$(POLICIES),\
    $(eval $(call perf_policy_rule,$(u),$(p)))))
-include $(PERF_POLICY:%=%.d)
# cpython_NAME.c: the object runtime beside libpython's.
PYTHON_H      := $(wildcard /usr/include/python3.11/Python.h)
PERF_PYTHON   := $(if $(PYTHON_H),$(patsubst %.c,$(OUT)/%,$(wildcard tests/perf/cpython_*.c)))
$(PERF_PYTHON): $(OUT)/tests/perf/%: tests/perf/%.c $(CONFORM_OBJ) $(call obj,bench/stat/stats.c)
	$(call say,CC,$(@:$(OUT)/%=%))
	@mkdir -p $(@D)
	$(Q)$(CC) $(CFLAGS) -DHG_RC=HG_RC_GIL -isystem $(PYTHON_H:/Python.h=) -MMD -MP $(LDFLAGS) -o $@ $< $(filter %.o,$^) \
	    -lpython3.11 -ldw -lzstd -ldl -lm
-include $(PERF_PYTHON:%=%.d)
perf-programs: $(PERF_PROGRAMS) $(PERF_POLICY) $(PERF_PYTHON)

PROVE = CMOCKA_MESSAGE_OUTPUT=TAP HEAPGAUGE_BUILD=$(abspath $(OUT)) prove --timer --comments -j2

test: deps
	@$(MAKE) $(parallel) --no-print-directory check

units: $(UNITS) $(CONFORMANCE) $(CONFORM) $(GOLDEN) $(ORACLES) $(PRELOADS)

check: all units
	@$(PROVE) --exec tests/run-one $(UNITS) $(CONFORMANCE) $(CONFORM) $(GOLDEN) $(ORACLES) $(BATS)

# Other object scripts than those of make test, on CPython and on us: 3000 of 8000 operations from a seed of today's.
fuzz: $(CONFORM)
	@for program in $(CONFORM); do $$program check $$(date +%s) 3000 8000 || exit 1; done

check-unit: units
	@$(PROVE) --exec tests/run-one $(UNITS) $(CONFORMANCE) $(CONFORM) $(GOLDEN) $(ORACLES)

# Of MODE=strict (gc/runtime/strict.h, alloc/base/assert.h): what runs on objects, and what has validity functions.
STRICT_UNITS := $(filter $(foreach u,strict heap objects threads stw generational \
    pools pools_threads pools_second pools_drain pools_failure pymalloc debug replay ptrmap reuse,$(OUT)/tests/unit/$(u) $(OUT)/tests/unit/$(u)-%),$(UNITS))
check-strict: all $(STRICT_UNITS)
	@$(PROVE) --exec tests/run-one $(STRICT_UNITS) tests/cli/strict.bats tests/cli/faults_alloc.bats tests/cli/faults_gc.bats

.PHONY: test check check-unit check-strict units perf-programs fuzz
