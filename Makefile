# iperfspec. `make help` lists the targets; scripts/deps installs what they need.

MAKEFLAGS += -r # every rule is in this file

PREFIX   ?= /usr/local
DESTDIR  ?=
BINDIR   ?= $(PREFIX)/bin
MANDIR   ?= $(PREFIX)/share/man
BASHDIR  ?= $(PREFIX)/share/bash-completion/completions
ZSHDIR   ?= $(PREFIX)/share/zsh/site-functions
CC       ?= cc
CFLAGS   ?= -O2 -g
LDFLAGS  ?=
VARIANT  ?= release
STOCK    ?= build/stock
BUILDS   = $$(printf "%s\n" $(STOCK)/*/iperf3 | sort -V)
REPORT   ?= build/report
FUZZTIME ?= $(if $(filter command line,$(origin TIME)),$(TIME),60)

# The targets that set up and build for themselves use every core unless told otherwise.
PARALLEL = $(MAKE) $(if $(filter -j% --jobserver%,$(MAKEFLAGS)),,-j$(shell nproc))

# One tree of objects per variant: the same sources, other flags.
B_release  = build
B_asan     = build/asan
B_tsan     = build/tsan
B_coverage = build/coverage
B_fuzz     = build/fuzz
B_fuzzcov  = build/fuzzcov
B_engine   = build/engine
B_afl      = build/afl
B_fast     = build/fast
B_edges    = build/edges
B_mutants  = build/mutants
B_reach    = build/reach
B          = $(B_$(VARIANT))

FLAGS_release  = -D_FORTIFY_SOURCE=2 -fstack-protector-strong
FLAGS_asan     = -O1 -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer
FLAGS_tsan     = -O1 -fsanitize=thread -fno-omit-frame-pointer
FLAGS_coverage = -O0 --coverage
FLAGS_fuzz     = $(FLAGS_asan) -fsanitize=fuzzer-no-link
FLAGS_mutants  = -O1
FLAGS_reach    = -O0 -g -fsanitize-coverage=trace-pc -ffunction-sections -Wl,--gc-sections
# VARIANT=engine: flags and engine are those of the environment (.clusterfuzzlite/build.sh).
ENGINE_fuzz    = -fsanitize=fuzzer
ENGINE_fuzzcov = -fsanitize=fuzzer
ENGINE_engine  = $(LIB_FUZZING_ENGINE)
ENGINE_afl     = -fsanitize=fuzzer
FLAGS_afl      = $(FLAGS_asan)
# VARIANT=fast: without sanitizers; edges: nor are compares told to the fuzzer (scripts/bench-fuzz), those of
# libcjson included, which otherwise calls the strncmp() that the engine brings along.
ENGINE_fast    = -fsanitize=fuzzer
FLAGS_fast     = -fsanitize=fuzzer-no-link
ENGINE_edges   = $(ENGINE_fast) -Wl,--exclude-libs,ALL
FLAGS_edges    = $(FLAGS_fast) -fno-sanitize-coverage=trace-cmp
FLAGS_fuzzcov  = $(FLAGS_fuzz) -fprofile-instr-generate -fcoverage-mapping

WARNINGS = -Wall -Wextra -Wshadow -Wconversion -Wstrict-prototypes -Wmissing-prototypes \
           -Wpointer-arith -Wwrite-strings -Wundef -Wvla -Wformat=2
# An object is the same wherever it is built; but OSS-Fuzz looks up the sources by their whole path.
WHERE    = $(if $(filter engine,$(VARIANT)),,-ffile-prefix-map='$(CURDIR)'=.)
OURFLAGS = -std=gnu11 -D_GNU_SOURCE -I. -Ibuild/gen $(WARNINGS) -fPIE $(WHERE) -MMD -MP $(CFLAGS) $(FLAGS_$(VARIANT))
LINK     = -pie -Wl,-z,relro,-z,now $(CFLAGS) $(FLAGS_$(VARIANT)) $(LDFLAGS)
libs     = -lcjson $(or $(CRYPTO_$(1)),-lcrypto) -lm -lpthread
LIBS     = $(call libs,$(VARIANT))
PACKETS  = -lpcap -lz -lzstd -llz4
# impl/tests/alloc.c and iofail.c stand in front of these for all of our objects, to fail the n-th call.
WRAP     = $(addprefix -Wl$(comma)--wrap=,malloc calloc realloc strdup strndup \
             recv send read write recvmsg accept4 connect epoll_wait clock_gettime \
             getaddrinfo)
DOUBLES  = impl/tests/alloc.c impl/tests/iofail.c
comma   := ,

IMPL     := $(sort $(filter-out impl/main.c,$(wildcard impl/*.c impl/wire/*.c impl/net/*.c impl/traffic/*.c impl/report/*.c)))
HARNESS  := $(sort $(wildcard $(addsuffix /*.c,$(addprefix harness/,session script sim capture subject suite fuzz interop diagnose load report cli))))
HARNESS  := $(filter-out harness/cli/main.c,$(HARNESS))
TESTS    := $(sort $(wildcard impl/tests/test_*.c harness/tests/test_*.c))
# ThreadSanitizer judges what has threads: the tests that start some, or include what does.
THREADED_tsan := '"impl/(net/authjob|traffic/(stream|run)|outbox|server|client|session|tests/(serving|run_bench))\.h"|<pthread\.h>'
ifdef THREADED_$(VARIANT)
TESTS    := $(shell grep -lE $(THREADED_tsan) $(TESTS))
endif
$(foreach n,$(notdir $(TESTS)),$(if $(word 2,$(filter %/$(n),$(TESTS))),$(error two tests are called $(n))))
FUZZERS  := $(sort $(wildcard fuzz/*_fuzzer.c))

objects   = $(patsubst %.c,$(B)/obj/%.o,$(1))
PROGRAMS  = $(B)/iperfref $(B)/iperfspec
UNIT      = $(patsubst %.c,$(B)/tests/%,$(notdir $(TESTS)))

all: $(PROGRAMS) ## build build/iperfref and build/iperfspec

# VARIANT=mutants: iperfref with the faults of impl/mutants, which stand in front of what they break.
SOURCES_mutants = $(wildcard impl/mutants/*.c)
# A third of each start is else the loader's work on libcrypto.
CRYPTO_mutants  = -Wl,-Bstatic -lcrypto -Wl,-Bdynamic
STANDS_mutants  = $$(nm -u $(filter %.o,$^) | sed -n 's/.* __real_/-Wl,--wrap=/p' | sort -u)

# VARIANT=reach: iperfref that notes which of its lines a case reaches; the noting one notes nothing.
SOURCES_reach = impl/mutants/reach/reach.c
build/reach/obj/impl/mutants/reach/reach.o: FLAGS_reach = -O2

$(B)/iperfref: $(call objects,impl/main.c $(SOURCES_$(VARIANT))) $(B)/libimpl.a
	$(CC) $(LINK) $(STANDS_$(VARIANT)) -o $@ $^ $(LIBS)

$(B)/iperfspec: $(call objects,harness/cli/main.c) $(B)/libharness.a $(B)/libimpl.a
	$(CC) $(LINK) -o $@ $^ $(LIBS) $(PACKETS)

# For scripts/mutants: how one source is compiled, and how iperfref is linked.
mutant-commands:
	@echo '$(CC) $(filter-out -MMD -MP -g,$(OURFLAGS)) -O1'
	@echo '$(CC) $(LINK) $(call objects,impl/main.c) $(B)/libimpl.a $(call libs,mutants)'

$(B)/libimpl.a: $(call objects,$(IMPL))
$(B)/libharness.a: $(call objects,$(HARNESS))
$(B)/lib%.a: $(B)/sources
	rm -f $@
	ar crD $@ $(filter %.o,$^)

# The generated files are there before the first object; who includes them is in the .d files.
$(B)/obj/%.o: %.c $(B)/flags | build/gen/clauses.inc build/gen/clauses-sorted.inc
	@mkdir -p $(@D)
	$(CC) $(OURFLAGS) -c -o $@ $<

$(B)/obj/harness/report/site.o: build/gen/site.css.inc build/gen/site.js.inc

vpath test_%.c impl/tests harness/tests
$(B)/tests/%: %.c $(call objects,$(DOUBLES)) $(B)/libharness.a $(B)/libimpl.a $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(OURFLAGS) -MF $@.d $(LINK) $(WRAP) -o $@ $< $(filter %.o %.a,$^) -lcmocka $(LIBS) $(PACKETS)

$(B)/tests/test_libiperf_threads: $(call objects,fuzz/libiperf/threads.c)

# For LD_PRELOAD: without the C runtime's own beginning, which would want the C library of this machine.
$(B)/naps.so: harness/tests/naps.c $(B)/flags
	$(CC) $(filter-out -fPIE -MMD -MP -fsanitize%,$(OURFLAGS)) -fPIC -shared -nostartfiles -o $@ $< -ldl

# With clang alone, VARIANT=fuzz or fuzzcov: scripts/fuzz. Three targets have the session mutator;
# AFL++ takes it as a shared object, and what scripts/bench-fuzz measures changes nothing. Three need some
# of the harness.
MUTATOR       = harness/fuzz/form.c $(wildcard harness/fuzz/mutate*.c harness/session/*.c)
MUTATES_afl   =
MUTATES_fast  = fuzz/bench/same.c
MUTATES_edges = $(MUTATES_fast)
WITH_MUTATOR  = fuzz/kept.c $(if $(filter undefined,$(flavor MUTATES_$(VARIANT))),fuzz/mutator_libfuzzer.c $(MUTATOR),$(MUTATES_$(VARIANT)))
$(addprefix $(B)/bin/,server client session): $(call objects,$(WITH_MUTATOR))
$(B)/mutator_afl.so: fuzz/mutator_afl.c $(MUTATOR) $(IMPL) $(B)/flags | build/gen/clauses.inc
	$(CC) $(filter-out -fPIE -MMD -MP,$(OURFLAGS)) -fPIC -shared -fvisibility=default -o $@ $(filter %.c,$^) $(LIBS)
$(B)/bin/json: $(call objects,fuzz/second_json.c)
$(B)/bin/json: LIBS += -ljansson
$(B)/bin/peer: $(call objects,$(filter harness/script/% harness/session/%,$(HARNESS)))
# Of the rooms of captures and cases what reads.
CAPTURE_WRITES = $(wildcard $(addprefix harness/capture/,compare* convert* packet.c pcapng.c recorder* rotate* scrub*))
$(B)/bin/capture: $(call objects,$(filter-out $(CAPTURE_WRITES),$(wildcard harness/capture/*.c)) harness/session/text.c)
$(B)/bin/capture: LIBS += $(PACKETS)
$(B)/bin/expectation: $(call objects,$(addprefix harness/,suite/expectation.c suite/judge.c sim/cause.c \
    script/cursor.c script/jsonplace.c session/arena.c session/text.c))
# CJSON_SRC=FOLDER: cJSON from its source, instrumented as our own code is.
ifdef CJSON_SRC
LIBS  := $(filter-out -lcjson,$(LIBS))
CJSON := $(B)/cjson.o
$(B)/cjson.o: $(CJSON_SRC)/cJSON.c $(B)/flags
	$(CC) $(CFLAGS) $(FLAGS_$(VARIANT)) -fPIE -c -o $@ $<
endif
$(B)/bin/empty: fuzz/bench/empty.c $(MUTATES_$(VARIANT)) $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(OURFLAGS)) $(LINK) $(ENGINE_$(VARIANT)) -o $@ $(filter %.c,$^)
$(B)/bin/frame: $(call objects,$(MUTATES_$(VARIANT)))
$(B)/bin/%: fuzz/%_fuzzer.c $(CJSON) $(B)/libimpl.a $(B)/flags
	@mkdir -p $(@D) $(B)/obj/fuzz
	$(CC) $(OURFLAGS) -MT $@ -MF $(B)/obj/fuzz/$*.d $(LINK) $(ENGINE_$(VARIANT)) -o $@ $< $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

# Targets with the faults of impl/mutants/deep.c in front of the machine: scripts/fuzz-worth.
SEEDED      = $(addprefix $(B)/bin/seeded_,server client)
SEEDED_WITH = fuzz/bench/seeded.c impl/mutants/deep.c $(WITH_MUTATOR)
$(SEEDED): $(B)/bin/seeded_%: fuzz/%_fuzzer.c $(call objects,$(SEEDED_WITH)) $(B)/libimpl.a $(B)/flags
	@mkdir -p $(@D) $(B)/obj/fuzz
	$(CC) $(OURFLAGS) -MT $@ -MF $(B)/obj/fuzz/seeded_$*.d $(LINK) -Wl,--wrap=machine_bytes,--wrap=machine_next \
	    $(ENGINE_$(VARIANT)) -o $@ $< $(filter %.o,$^) $(filter %.a,$^) $(LIBS)

seeded-programs: $(SEEDED)

# iperf3 itself (scripts/fuzz-libiperf): targets around LIBIPERF, whose headers lie beside it or in the
# tree it was built in, else where the system has them. What it calls and its sections get names of
# their own (fuzz/libiperf); it brings a cJSON along, so the distribution's is not linked.
LIBIPERF := $(or $(LIBIPERF),$(firstword $(wildcard /usr/lib/*/libiperf.a /usr/lib/libiperf.a)))
LIBIPERF_INCLUDE = -DHAVE_STDATOMIC_H=1 $(addprefix -I$(dir $(LIBIPERF)),. .. ../src ../include ../../include)
LIBIPERF_OBJECTS = $(call objects,$(filter-out %_fuzzer.c,$(wildcard fuzz/libiperf/*.c)))
LIBIPERF_PARTS   = $(LIBIPERF_OBJECTS) $(call objects,$(WITH_MUTATOR))
SECTIONS         = $(foreach s,.data .data.rel .data.rel.local,$(s)=libiperf_data) .bss=libiperf_bss .text=libiperf_text
$(B)/obj/fuzz/libiperf/%.o: OURFLAGS += $(LIBIPERF_INCLUDE)
$(LIBIPERF_OBJECTS): $(B)/libiperf-flags
$(B)/libiperf.a: $(LIBIPERF) fuzz/libiperf/symbols $(B)/libiperf-flags
	objcopy --redefine-syms=fuzz/libiperf/symbols $(addprefix --rename-section ,$(SECTIONS)) $< $@
LIBIPERF_TARGETS = $(addprefix $(B)/bin/libiperf_,server client)
$(LIBIPERF_TARGETS): $(B)/bin/libiperf_%: fuzz/libiperf/%_fuzzer.c $(LIBIPERF_PARTS) $(B)/libiperf.a $(B)/libimpl.a $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(OURFLAGS) $(LIBIPERF_INCLUDE) -MT $@ -MF $(B)/obj/fuzz/libiperf/$*.d $(LINK) $(ENGINE_$(VARIANT)) \
	    -o $@ $< $(filter %.o,$^) $(B)/libiperf.a $(B)/libimpl.a $(filter-out -lcjson,$(LIBS))

libiperf-programs: $(LIBIPERF_TARGETS)

fuzz-programs: $(patsubst fuzz/%_fuzzer.c,$(B)/bin/%,$(FUZZERS))

# The site's style and script, as numbers between the braces of an array.
build/gen/%.inc: harness/report/html/%
	@mkdir -p $(@D)
	od -An -v -tu1 $< | sed -E 's/ +([0-9]+)/\1,/g' > $@

build/gen/clauses.inc: docs/clauses.tsv scripts/gen-clauses
	@mkdir -p $(@D)
	scripts/gen-clauses docs/clauses.tsv > $@

build/gen/clauses-sorted.inc: docs/clauses.tsv scripts/gen-clauses
	@mkdir -p $(@D)
	LC_ALL=C scripts/gen-clauses -v sorted=1 docs/clauses.tsv > $@

# These change only when what they hold changes: other flags rebuild, a removed source relinks.
$(B)/flags: now = $(CC) $(OURFLAGS) $(LINK) $(LIBS) $(CJSON_SRC)
$(B)/sources: now = $(IMPL) $(HARNESS)
$(B)/libiperf-flags: now = $(LIBIPERF) $(SECTIONS)
$(B)/flags $(B)/sources $(B)/libiperf-flags: FORCE
	@mkdir -p $(@D)
	@echo '$(now)' | cmp -s - $@ || echo '$(now)' > $@

-include $(shell find $(B)/obj $(B)/tests -name '*.d' 2>/dev/null)
# A test that has moved to another folder is still in its program's .d: out of date, not an error.
impl/tests/%.c harness/tests/%.c: ;

unit-programs: $(UNIT)

unit: $(UNIT) ## unit tests only (VARIANT=release|asan|tsan|coverage)
	scripts/run-units --label unit-$(VARIANT) $(UNIT)

setup:
	scripts/deps build
	scripts/stock-builds $(STOCK)

check: ## everything CI runs: unit tests, conformance, interop, golden sessions (10 to 20 minutes)
	scripts/check

conformance: setup ## set up, then judge every stock build and iperfref (4 to 7 minutes)
	$(PARALLEL) -s all
	scripts/conformance $(REPORT) $(BUILDS) build/iperfref

interop: setup ## set up, then every mode between iperfref and every stock build, both ways (CAPTURE=1: judged from the packets too)
	$(PARALLEL) -s all
	scripts/interop $(REPORT)/interop.json $(if $(CAPTURE),--capture) $(BUILDS) build/iperfref

bench: setup ## throughput, cost and pace beside the stock builds and the bare limit (QUICK=1: this alone, a few minutes; README=1: this alone, and into README.md); iperfspec check beside tshark and tcpdump; fuzz targets beside an empty one
	scripts/deps build bench
	$(PARALLEL) -s all build/bench/bare
	scripts/bench $(if $(QUICK),--quick) $(if $(README),--readme) $(BUILDS) build/iperfref
	$(if $(QUICK)$(README),,scripts/bench-capture)
	$(if $(QUICK)$(README),,scripts/deps fuzz)
	$(if $(QUICK)$(README),,scripts/bench-fuzz)

# What scripts/bench holds iperfref against: it shares no code with it.
$(B)/bench/bare: harness/bench/bare.c $(B)/flags
	@mkdir -p $(@D)
	$(CC) $(filter-out -MMD -MP,$(OURFLAGS)) $(LINK) -o $@ $< -lpthread

fuzz: ## run each fuzz target, or TARGET=name, for TIME=60 seconds
	scripts/deps build fuzz
	scripts/fuzz run $(FUZZTIME) $(TARGET)

fuzz-smoke: ## a fixed number of runs of each fuzz target
	scripts/deps build fuzz
	scripts/fuzz smoke $(TARGET)

fuzz-libiperf: ## fuzz iperf3 itself in process for TIME=60 seconds a role (LIBIPERF=libiperf.a of your own build)
	scripts/deps build fuzz $(if $(filter command line,$(origin LIBIPERF)),,libiperf)
	LIBIPERF=$(LIBIPERF) scripts/fuzz-libiperf run $(FUZZTIME) $(TARGET)

fuzz-afl: ## the fuzz targets for AFL++ in build/afl/bin, and the session mutator, build/mutator_afl.so
	scripts/deps build fuzz afl
	$(PARALLEL) -s CC=afl-clang-fast VARIANT=afl fuzz-programs
	$(PARALLEL) -s build/mutator_afl.so

corpus: ## make the fuzz targets' inputs anew from the recorded sessions and what fuzzing found
	scripts/deps build fuzz
	scripts/make-dicts
	scripts/make-corpus build/fuzz/seeds
	scripts/fuzz merge build/fuzz/seeds

corpus-merge: ## the fewest of the fuzz targets' inputs and of what fuzzing found that reach as much
	scripts/deps build fuzz
	scripts/fuzz merge

fuzz-coverage: ## what the fuzz targets' inputs reach: a table, pages, and a reason for each line they don't
	scripts/deps build fuzz
	scripts/fuzz coverage $(TARGET)

coverage: ## lines and branches of impl/wire that its unit tests reach; fails below the marks
	scripts/deps build
	find build/coverage -name '*.gcda' -delete 2>/dev/null || true
	$(PARALLEL) -s unit VARIANT=coverage
	scripts/coverage build/coverage/obj

sanitize: ## unit tests under ASAN+UBSAN, then under TSAN
	$(PARALLEL) -s unit VARIANT=asan
	$(PARALLEL) -s unit VARIANT=tsan

lint: ## warnings as errors with gcc and clang, clang-tidy, cppcheck, shellcheck, pyflakes, mandoc, clang-format
	scripts/deps build lint fuzz libiperf
	scripts/lint

format: ## lay out the C sources
	git ls-files '*.c' '*.h' | xargs clang-format -i

mutants: ## how many faults made in iperfref the suite notices, and by which case (10 minutes of two idle cores)
	scripts/mutants --json build/report/mutants.json

false-alarms: setup ## 10,000 case runs of each build, fresh and persistent, idle and busy: no verdict may differ (hours)
	$(PARALLEL) -s all build/naps.so
	scripts/false-alarms $(if $(RUNS),--runs $(RUNS)) $(BUILDS) build/iperfref

nightly: ## check, coverage, lint; conformance and interop over and over; mutants; false alarms; bench; long fuzzing (hours)
	scripts/nightly

# iperfspec looks for its cases in ../share/iperfspec/cases, seen from where it lies.
SHARE = $(shell realpath -ms '$(DESTDIR)$(BINDIR)/../share/iperfspec')

# Pages of texts in docs, and of what the program says of itself.
MAN = $(addprefix build/man/,iperfspec.1 iperfref.1 iperfspec-peer.5 iperf3-protocol.7)

man: $(MAN) ## the manual pages, in build/man

build/man/%.1: docs/%.1 scripts/man-commands build/%
	@mkdir -p $(@D)
	scripts/man-commands build/$* $< > $@

build/man/iperfspec-peer.5: docs/peer-language.md scripts/md-to-man
	@mkdir -p $(@D)
	scripts/md-to-man iperfspec-peer 5 'the language of scripted iperf3 peers' $< > $@

build/man/iperf3-protocol.7: docs/protocol.md scripts/md-to-man
	@mkdir -p $(@D)
	scripts/md-to-man iperf3-protocol 7 'the wire protocol of iperf3, clause by clause' $< > $@

install: all man ## install programs, cases, plays, manual pages and completion below DESTDIR PREFIX
	install -d '$(DESTDIR)$(BINDIR)' '$(DESTDIR)$(BASHDIR)' '$(DESTDIR)$(ZSHDIR)'
	install -m 755 build/iperfref build/iperfspec '$(DESTDIR)$(BINDIR)'
	for page in $(MAN); do install -D -m 644 -t '$(DESTDIR)$(MANDIR)'/man$${page##*.} $$page || exit; done
	install -m 644 completion/iperfspec.bash '$(DESTDIR)$(BASHDIR)/iperfspec'
	ln -sf iperfspec '$(DESTDIR)$(BASHDIR)/iperfref'
	install -m 644 completion/_iperfspec '$(DESTDIR)$(ZSHDIR)'
	rm -rf '$(SHARE)/cases' '$(SHARE)/plays'
	cd harness && find cases plays \( -name '*.peer' -o -name '*.expect' -o -name left-out -o -name proofs \) \
	    -exec install -D -m 644 {} '$(SHARE)/{}' \;

uninstall: ## remove what install put there
	rm -f '$(DESTDIR)$(BINDIR)/iperfref' '$(DESTDIR)$(BINDIR)/iperfspec'
	for page in $(notdir $(MAN)); do rm -f '$(DESTDIR)$(MANDIR)'/man$${page##*.}/$$page || exit; done
	rm -f '$(DESTDIR)$(BASHDIR)/iperfref' '$(DESTDIR)$(BASHDIR)/iperfspec' '$(DESTDIR)$(ZSHDIR)/_iperfspec'
	rm -rf '$(SHARE)'

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/' | expand -t 16

clean: ## remove what was built (keeps build/stock)
	find build -mindepth 1 -maxdepth 1 ! -name stock -exec rm -rf {} + 2>/dev/null || true

.PHONY: all fuzz-afl fuzz-libiperf libiperf-programs seeded-programs mutant-commands unit unit-programs setup check conformance interop bench fuzz fuzz-programs fuzz-smoke \
        fuzz-coverage corpus corpus-merge coverage sanitize lint false-alarms \
        format nightly install man mutants uninstall help clean FORCE
.DELETE_ON_ERROR:
.SECONDARY:
