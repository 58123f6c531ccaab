# How each vendored library is compiled: make -f vendor/vendor.mk B=build/vendor VARIANT=release|check
# Sources are in $(B)/src (vendor/fetch); the result is $(B)/$(VARIANT)/libdeps.a, headers in $(B)/include.
# No library's own build system runs, except musl's and SQLite's generator of its one-file form.

B       ?= build/vendor
VARIANT ?= release
CC      := gcc
S       := $(B)/src
O       := $(B)/$(VARIANT)
V       := vendor/config
version  = $(shell awk '$$1 == "$(1)" { print $$2 }' vendor/sources.lock)

ifeq ($(VARIANT),release)
CC      := $(B)/musl/bin/musl-gcc
CF      := -O2 -g0 -fPIE -ffunction-sections -fdata-sections -fno-plt -fstack-protector-strong
libc    := $(B)/musl/.done
else
CF      := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined
libc    :=
endif

.DELETE_ON_ERROR:
.SUFFIXES:
all: $(O)/libdeps.a $(B)/include/.done $(if $(libc),$(O)/mimalloc.o)

# $(call lib,NAME,SOURCE FOLDER,FILES,FLAGS,CONFIGURATION HEADERS)
# Each library is a stamp that says it is done; SQLite, the longest job, is first.
define lib
$(1)_o := $(patsubst $(S)/%.c,$(O)/obj/%.o,$(3))
OBJ += $$($(1)_o)
$$($(1)_o): FLAGS := $(4)
$$($(1)_o): $(S)/$(2)/.unpacked $(5) vendor/vendor.mk $(libc)
$(O)/obj/$(1).done: $$($(1)_o) ; @echo "  $(VARIANT): $(1) $$(call version,$(2)), $(words $(3)) files" && touch $$@
DONE += $(O)/obj/$(1).done
endef

curl_dirs := curlx vauth vquic vssh vtls
mbedtls_inc := -I. -I$(S)/mbedtls/include -DMBEDTLS_CONFIG_FILE='"$(V)/mbedtls_config.h"'
nghttp2_inc := -I$(S)/nghttp2/lib/includes -I$(V)/nghttp2 -I$(B)/gen -DNGHTTP2_STATICLIB

# its B-tree addresses one page through pointers to smaller parts of it, which object-size takes for an overflow
$(eval $(call lib,sqlite,sqlite3,$(S)/sqlite3/sqlite3.c,-DSQLITE_THREADSAFE=1 -DSQLITE_OMIT_LOAD_EXTENSION \
	-DSQLITE_OMIT_DEPRECATED -DSQLITE_OMIT_SHARED_CACHE -DSQLITE_DQS=0 -DSQLITE_DEFAULT_MEMSTATUS=0 \
	-DSQLITE_LIKE_DOESNT_MATCH_BLOBS -DSQLITE_USE_ALLOCA -DSQLITE_TEMP_STORE=2 -DHAVE_USLEEP=1 \
	-fno-sanitize=object-size))

$(eval $(call lib,mbedtls,mbedtls,$(wildcard $(S)/mbedtls/library/*.c),$(mbedtls_inc) -I$(S)/mbedtls/library,\
	$(V)/mbedtls_config.h))

$(eval $(call lib,curl,curl,$(wildcard $(S)/curl/lib/*.c $(curl_dirs:%=$(S)/curl/lib/%/*.c)),-DHAVE_CONFIG_H \
	-DBUILDING_LIBCURL -D_GNU_SOURCE -DCURL_STATICLIB -DCURL_HIDDEN_SYMBOLS -I$(V)/curl -I$(S)/curl/lib -I$(S)/curl/include \
	$(mbedtls_inc) $(nghttp2_inc),$(V)/curl/curl_config.h $(V)/mbedtls_config.h \
	$(B)/gen/nghttp2/nghttp2ver.h))

$(eval $(call lib,nghttp2,nghttp2,$(wildcard $(S)/nghttp2/lib/*.c),-DHAVE_CONFIG_H -DBUILDING_NGHTTP2 \
	$(nghttp2_inc) -I$(S)/nghttp2/lib,$(V)/nghttp2/config.h $(B)/gen/nghttp2/nghttp2ver.h))

$(eval $(call lib,llhttp,nghttp2,$(wildcard $(S)/nghttp2/third-party/llhttp/src/*.c),\
	-I$(S)/nghttp2/third-party/llhttp/include))

uv_common := fs-poll idna inet random strscpy strtok thread-common threadpool timer uv-common \
	uv-data-getter-setters version
uv_unix := async core dl fs getaddrinfo getnameinfo loop loop-watcher pipe poll process random-devurandom signal \
	stream tcp thread tty udp proctitle linux procfs-exepath random-getrandom random-sysctl-linux
$(eval $(call lib,libuv,libuv1,$(uv_common:%=$(S)/libuv1/src/%.c) $(uv_unix:%=$(S)/libuv1/src/unix/%.c),\
	-D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -I$(S)/libuv1/include -I$(S)/libuv1/src))

yaml_version := $(call version,libyaml)
yaml_numbers := $(subst ., ,$(yaml_version))
$(eval $(call lib,libyaml,libyaml,$(wildcard $(S)/libyaml/src/*.c),-I$(S)/libyaml/include -DYAML_DECLARE_STATIC \
	-DYAML_VERSION_MAJOR=$(word 1,$(yaml_numbers)) -DYAML_VERSION_MINOR=$(word 2,$(yaml_numbers)) \
	-DYAML_VERSION_PATCH=$(word 3,$(yaml_numbers)) -DYAML_VERSION_STRING='"$(yaml_version)"'))

$(eval $(call lib,cjson,cjson,$(S)/cjson/cJSON.c,))

zlib_files := adler32 crc32 deflate inffast inflate inftrees trees zutil
$(eval $(call lib,zlib,zlib,$(zlib_files:%=$(S)/zlib/%.c),-DHAVE_UNISTD_H -DHAVE_STDARG_H))

pbc_version := $(call version,protobuf-c)
$(eval $(call lib,protobuf-c,protobuf-c,$(S)/protobuf-c/protobuf-c/protobuf-c.c,-I$(S)/protobuf-c \
	-DPACKAGE_VERSION='"$(pbc_version)"' -DPACKAGE_STRING='"protobuf-c $(pbc_version)"'))

$(O)/libdeps.a: $(DONE)
	@rm -f $@ && gcc-ar rcs $@ $(sort $(OBJ))

$(O)/obj/%.o: $(S)/%.c
	@mkdir -p $(@D) && $(CC) $(CF) $(FLAGS) -w -c $< -o $@

# SQLite's one-file form; the release tarball that may stand in for Debian's brings it ready.
$(S)/sqlite3/sqlite3.c: $(S)/sqlite3/.unpacked
	@cd $(@D) && if [ ! -f sqlite3.c ]; then ./configure --disable-readline >gen.log 2>&1 && \
		$(MAKE) sqlite3.c >>gen.log 2>&1 || { tail -5 gen.log >&2; exit 1; }; fi && touch sqlite3.c

# nghttp2's version header, as its configure would write it: 1.64.0 is 0x014000.
nghttp2_version := $(call version,nghttp2)
$(B)/gen/nghttp2/nghttp2ver.h: $(S)/nghttp2/.unpacked vendor/vendor.mk
	@mkdir -p $(@D) && sed -e 's/@PACKAGE_VERSION@/$(nghttp2_version)/' \
		-e "s/@PACKAGE_VERSION_NUM@/$$(printf '0x%02x%02x%02x' $(subst ., ,$(nghttp2_version)))/" \
		$(S)/nghttp2/lib/includes/nghttp2/nghttp2ver.h.in >$@

# musl's allocator has one lock; mimalloc replaces it and must come first on the link line.
$(O)/mimalloc.o: $(S)/mimalloc/.unpacked $(libc) vendor/vendor.mk
	@mkdir -p $(@D) && $(CC) $(CF) -std=gnu11 -I$(S)/mimalloc/include -DMI_MALLOC_OVERRIDE=1 -DMI_STATIC_LIB -DNDEBUG \
		-ftls-model=local-exec -fno-builtin-malloc -w -c $(S)/mimalloc/src/static.c -o $@

# musl, with a specs file that knows -static-pie, and the kernel's headers beside its own.
PFX   := $(abspath $(B)/musl)
KINC  := /usr/include
$(B)/musl/.done: $(S)/musl/.unpacked vendor/vendor.mk
	@rm -rf $(B)/musl $(B)/musl-obj && mkdir -p $(B)/musl-obj && cd $(B)/musl-obj && { \
		$(abspath $(S))/musl/configure --prefix=$(PFX) --syslibdir=$(PFX)/lib --disable-shared --enable-wrapper=gcc \
		CC=gcc CFLAGS="-O2 -g0 -fPIE -ffunction-sections -fdata-sections" && $(MAKE) install; } >log 2>&1 || \
		{ tail -5 log >&2; exit 1; }
	@sed -i -e 's|%{!shared: \(.*\)/Scrt1.o}|%{static-pie: \1/rcrt1.o; !shared: \1/Scrt1.o}|' \
		-e 's|^-dynamic-linker \([^ ]*\) |%{static-pie:-static -pie --no-dynamic-linker -z text;:-dynamic-linker \1} |' \
		$(PFX)/lib/musl-gcc.specs
	@ln -sfn $(KINC)/linux $(PFX)/include/linux && ln -sfn $(KINC)/asm-generic $(PFX)/include/asm-generic && \
		ln -sfn $(KINC)/$(shell gcc -print-multiarch)/asm $(PFX)/include/asm
	@echo "  $(VARIANT): musl $(call version,musl)" && touch $@

# One include folder for both variants.
$(B)/include/.done: $(S)/sqlite3/sqlite3.c $(B)/gen/nghttp2/nghttp2ver.h $(wildcard $(S)/*/.unpacked) vendor/vendor.mk
	@rm -rf $(@D) && mkdir -p $(@D)/cjson $(@D)/protobuf-c
	@cp -r $(S)/mbedtls/include/mbedtls $(S)/mbedtls/include/psa $(S)/curl/include/curl $(S)/libuv1/include/. \
		$(S)/nghttp2/lib/includes/nghttp2 $(@D)
	@cp $(B)/gen/nghttp2/nghttp2ver.h $(@D)/nghttp2/
	@cp $(S)/cjson/cJSON.h $(@D)/cjson/ && cp $(S)/protobuf-c/protobuf-c/protobuf-c.h $(@D)/protobuf-c/
	@cp $(S)/libyaml/include/yaml.h $(S)/sqlite3/sqlite3.h $(S)/nghttp2/third-party/llhttp/include/llhttp.h \
		$(S)/zlib/zlib.h $(S)/zlib/zconf.h $(@D)
	@touch $@
