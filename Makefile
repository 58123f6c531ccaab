# mk8s: one static binary. `make help` lists the targets, `./bootstrap` installs what they need.
O          ?= build
V          := build/vendor
VERSION    := 0.1.0
PREFIX     ?= /usr/local
PYTHON     ?= /usr/bin/python3
CC_CHECK   ?= gcc
CLANG      ?= clang
WERROR     ?= -Werror
FUZZ_SECONDS ?= 60
Q          := $(if $(VERBOSE),,@)

WARN   := -Wall -Wextra -Wshadow -Wconversion $(WERROR)
FLAGS  := -std=c11 -D_GNU_SOURCE -DMK8S_VERSION='"$(VERSION)"' -I. -I$(O) -isystem $(V)/include -DCURL_STATICLIB \
	-DNGHTTP2_STATICLIB -DYAML_DECLARE_STATIC -DMBEDTLS_CONFIG_FILE='"vendor/config/mbedtls_config.h"' -MMD -MP
SAN    := -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer

VARIANTS      := release check cov fuzz
# A variant is a compiler, flags and the libraries built for it; its objects are in $(O)/VARIANT.
release_cc    := $(V)/musl/bin/musl-gcc
release_flags := -O2 -g -fPIE -ffunction-sections -fdata-sections -fstack-protector-strong
release_link  := -static-pie -Wl,--gc-sections,-z,relro,-z,now,-z,noexecstack,-z,pack-relative-relocs \
	-Wl,-z,stack-size=1048576 $(V)/release/mimalloc.o
release_libs  := $(V)/release/libdeps.a -lpthread -lm
release_deps  := $(V)/release/libdeps.a
check_cc      := $(CC_CHECK)
check_flags   := -O1 -g $(SAN)
check_link    := $(SAN)
check_libs    := $(V)/check/libdeps.a -lcrypt -lpthread -lm
check_deps    := $(V)/check/libdeps.a
cov_cc        := gcc
cov_flags     := -O0 -g $(SAN) --coverage
cov_link      := $(SAN) --coverage
cov_libs      := $(check_libs)
cov_deps      := $(check_deps)
fuzz_cc       := $(CLANG)
fuzz_flags    := -O1 -g $(SAN) -fsanitize=fuzzer-no-link
fuzz_link     := $(SAN) -fsanitize=fuzzer
fuzz_libs     := $(check_libs)
fuzz_deps     := $(check_deps)

LIB_C   := $(wildcard lib/*/*.c)
APP_C   := main.c $(wildcard applets/*.c applets/*/*.c)
GEN_C   := $(patsubst proto/%.proto,$(O)/gen/%.pb-c.c,$(wildcard proto/*.proto))
SIM_C   := $(wildcard tests/kubesim/*.c)
UNIT_C  := $(wildcard tests/unit/test_*.c)
UNIT_UTIL_C := $(filter-out $(UNIT_C),$(wildcard tests/unit/*.c))
FUZZ_C  := $(wildcard tests/fuzz/fuzz_*.c)
UNIT    := $(UNIT_C:%.c=$(O)/check/%)
UNIT_COV := $(UNIT_C:%.c=$(O)/cov/%)
REPLAY  := $(FUZZ_C:%.c=$(O)/check/%)
FUZZ    := $(FUZZ_C:%.c=$(O)/fuzz/%)
BINS    := $(O)/mk8s $(O)/kubesim
export LINT_CC := $(release_cc) $(filter-out -MMD -MP,$(FLAGS)) $(WARN)
RUN      = O=$(O) PYTHON=$(PYTHON) tests/run.sh

.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:
.PHONY: all kubesim check-bin check unit e2e check-kube kube engine demo lint fuzz fuzz-replay coverage bench warn-clang install \
	clean distclean vendor-lock help

all: $(O)/mk8s                ## the static binary, build/mk8s
kubesim: $(O)/kubesim         ## the simulated Kubernetes API server of the tests
check-bin: $(O)/check/mk8s    ## the binary with ASan and UBSan, build/check/mk8s

$(O)/mk8s: $(O)/mk8s.debug
	@strip -s -o $@.new $< && mv $@.new $@

# $(call variant,NAME): how its objects, library and programs are made
define variant
$(1)_objs = $$(LIB_C:%.c=$(O)/$(1)/%.o) $$(GEN_C:$(O)/%.c=$(O)/$(1)/%.o)
$(1)_compile = $$($(1)_cc) $$($(1)_flags) $$(FLAGS) $$(CFLAGS)
$(O)/$(1)/%.o: %.c | $$($(1)_deps) $$(GEN_C)
	@mkdir -p $$(@D)
	@echo "  cc $(1) $$<"
	$$(Q)$$($(1)_compile) $$(WARN) -c -o $$@ $$<
$(O)/$(1)/gen/%.o: $(O)/gen/%.c | $$($(1)_deps)
	@mkdir -p $$(@D)
	$$(Q)$$($(1)_compile) -c -o $$@ $$<
$(O)/$(1)/libmk8s.a: $$($(1)_objs)
	@rm -f $$@ && gcc-ar rcs $$@ $$^
endef
$(foreach v,$(VARIANTS),$(eval $(call variant,$(v))))
link = @echo "  link $@" && $($(1)_cc) $($(1)_flags) $($(1)_link) $(LDFLAGS) -o $@ $(filter %.o,$^) -Wl,--start-group $(O)/$(1)/libmk8s.a $($(1)_libs) -Wl,--end-group

$(O)/mk8s.debug: $(APP_C:%.c=$(O)/release/%.o) $(O)/release/libmk8s.a $(release_deps)
	$(call link,release)
$(O)/kubesim: $(SIM_C:%.c=$(O)/release/%.o) $(O)/release/libmk8s.a $(release_deps)
	$(call link,release)
$(O)/check/mk8s: $(APP_C:%.c=$(O)/check/%.o) $(O)/check/libmk8s.a $(check_deps)
	$(call link,check)
$(O)/cov/mk8s: $(APP_C:%.c=$(O)/cov/%.o) $(O)/cov/libmk8s.a $(cov_deps)
	$(call link,cov)
$(UNIT): %: %.o $(UNIT_UTIL_C:%.c=$(O)/check/%.o) $(O)/check/libmk8s.a $(check_deps)
	$(call link,check) -lcmocka
$(UNIT_COV): %: %.o $(UNIT_UTIL_C:%.c=$(O)/cov/%.o) $(O)/cov/libmk8s.a $(cov_deps)
	$(call link,cov) -lcmocka
$(REPLAY): %: %.o $(O)/check/tests/fuzz/replay.o $(O)/check/libmk8s.a $(check_deps)
	$(call link,check)
$(FUZZ): %: %.o $(O)/fuzz/libmk8s.a $(fuzz_deps)
	$(call link,fuzz)

# The messages of proto/, included as "gen/agent.pb-c.h". Services are left out: an rpc named Register
# would become a member named with C's keyword, and lib/net/grpc dispatches by a table of its own.
$(O)/gen/%.pb-c.c: proto/%.proto
	@mkdir -p $(@D)
	@awk '/^service / { skip = 1 } !skip { print } /^}/ { skip = 0 }' $< >$(@D)/$*.proto
	@protoc-c --proto_path=$(@D) --c_out=$(@D) $(@D)/$*.proto

# The libraries, once per variant; the lock lets several makes share them.
VENDOR_IN := $(wildcard vendor/sources.lock vendor/fetch vendor/vendor.mk vendor/config/*.h vendor/config/*/*.h)
$(V)/release/libdeps.a $(V)/check/libdeps.a: $(V)/%/libdeps.a: $(VENDOR_IN)
	@mkdir -p $(V)
	@flock $(V)/lock vendor/build.sh $(V) $* "$(MAKE)"

unit: $(UNIT)                               ## unit tests (cmocka, ASan and UBSan)
	@$(RUN) unit
e2e: $(BINS) $(O)/check/mk8s                ## tests that drive the binary, on kubesim; both builds
	@$(RUN) e2e-release e2e-check
fuzz-replay: $(REPLAY)                      ## every corpus file through its fuzz target
	@$(RUN) replay
lint: $(BINS)                               ## rooms, symbols, limits, headers, manuals
	@$(RUN) lint
check: $(BINS) $(O)/check/mk8s $(UNIT) $(REPLAY)  ## everything but a real API server; ends with the sum
	@$(RUN) lint unit replay e2e-release e2e-check
kube:                                       ## kube-apiserver, etcd, kubectl, kwok and further clients into build/kube
	tests/kube/build.sh build/kube
	PYTHON=$(PYTHON) tests/kube/clients.sh build/kube
engine:                                     ## a Docker engine and docker compose into build/engine
	@tests/engine/build.sh build/engine
check-kube: $(BINS) kube engine             ## the end-to-end tests on a real kube-apiserver
	@$(RUN) kube
fuzz: $(FUZZ)                               ## each fuzz target for FUZZ_SECONDS (60)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) $(RUN) fuzz
coverage: $(O)/cov/mk8s $(O)/kubesim $(UNIT_COV)  ## line coverage of unit and end-to-end tests; fails below 80 %
	@O=$(O) PYTHON=$(PYTHON) tests/coverage.sh
demo: $(BINS) $(if $(KUBE),kube)            ## two clusters, central and two agents on loopback
	@MK8S_BIN=$(abspath $(O)/mk8s) KUBESIM=$(abspath $(O)/kubesim) KUBE_BIN=$(abspath build/kube) tests/demo.sh
bench: $(BINS)                              ## measures, into build/bench.json
	@MK8S_BIN=$(abspath $(O)/mk8s) KUBESIM=$(abspath $(O)/kubesim) $(PYTHON) tests/bench/bench.py
warn-clang: $(GEN_C) | $(release_deps)      ## every source through clang's warnings
	@$(CLANG) -fsyntax-only $(filter-out -MMD -MP,$(FLAGS)) $(WARN) $(LIB_C) $(APP_C) $(SIM_C)
install: $(O)/mk8s                          ## into PREFIX (/usr/local), with DESTDIR
	install -D -m 755 $(O)/mk8s $(DESTDIR)$(PREFIX)/bin/mk8s
	for page in man/*.[1-8]; do install -D -m 644 $$page $(DESTDIR)$(PREFIX)/share/man/man$${page##*.}/$${page##*/} || exit 1; done
clean:                                      ## our objects and programs; the libraries stay
	rm -rf $(filter-out $(V) build/kube build/engine,$(wildcard $(O)/*))
distclean: clean                            ## everything that was built or fetched
	rm -rf build
vendor-lock:                                ## vendor/sources.lock to what the Debian mirror has now
	vendor/lock $(V)
help:                                       ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-12s %s\n", $$1, $$2 }' Makefile

-include $(shell find $(VARIANTS:%=$(O)/%) -name '*.d' 2>/dev/null)
