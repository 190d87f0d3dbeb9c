# libprune: train a network, find out what matters in it, remove the rest
#
#   make             the static and the shared library, in build/
#   make deps        installs what building and testing need (Debian packages); deps-dev: what this whole page needs
#   make demo        the main job on real data; DATA=digits or fashion-mnist
#   make accuracy    what 90 % fewer weights cost there, over seeds; fails if it is more than is claimed
#   make int8        what int8 costs there, dense and pruned in blocks; fails if it is more than half a point
#   make bench-accuracy  ways of pruning, kept fractions and seeds, into build/bench-accuracy.csv; SEEDS= METHODS= KEPT=
#   make check       the tests, in a German locale; RUN="valgrind -q" puts each under something; check-long: takes minutes
#   make bench       speed, into build/bench.csv
#   make bench-peers the same beside PyTorch, NumPy, FANN and onnxruntime-node, into build/bench-peers.csv; deps-peers
#   make lint        architecture, headers, exported symbols, format, analysers; make format: formats the sources
#   make ffi         the shared library used from Python and LuaJIT
#   make mpi         ranks that train together, by OpenMPI, against one process; deps-mpi installs what that needs
#   make ports       the tests with -m32, musl, on big-endian s390x, ARM's kernels; Windows compiles; deps-ports: its needs
#   make firmware    the parts for microcontrollers (all, or inference alone), cross-compiled and checked; CROSS= CPU=
#   make check-firmware  the same for eight chips, run in QEMU beside the host; deps-firmware: its needs
#   make demo-chip  what the demo has pruned as C source, in an image for a Cortex-M4F, run in QEMU
#   make demo-learn  a net that learns there, is pruned, and comes back from its own blob
#   make amalgamation  the runtime for chips as two files to copy, prune_runtime.c and .h, in build/
#   make install     PREFIX=/usr/local LIBDIR= INCLUDEDIR= DESTDIR=, and the knobs of the build; uninstall
#   make clean       removes B; make help shows this page
#
# Knobs: B=build  BLAS=openblas|blas|none  SAN=address,undefined  WERROR=1  V=1  LOCALE=  CC= CFLAGS= CPPFLAGS= LDFLAGS=

# The architecture, held by `make lint` (tests/layers.awk). Lowest rank first: a module includes only lower ranks.
# HOSTED modules may use the whole C library. FIRMWARE modules go on the chip; RUNTIME are those that inference needs.
RANKS    = base \
           / inline \
           / bits words lanes \
           / wide \
           / status arena text options crc fmath real scan parallel platform system threads \
           / sparse nonlinear blob four_plain four_arm mem rng file system_posix system_windows threads_posix threads_windows decimal gemm \
           / gemm_small four panel \
           / gemm_small_avx512 \
           / gemm_ref gemm_blas gemm_none linalg sink spread sparse_vectors \
           / sparse_plain sparse_avx2 sparse_avx512 sparse_neon \
           / host bare pool \
           / linalg_ref linalg_lapack linalg_none squares \
           / tensor container \
           / encoding \
           / code_dense code_csr code_sliced code_blocks code_n_of_m code_bitmask code_deltas \
           / encode kept \
           / pack \
           / costs \
           / product \
           / race \
           / activation sample_loss \
           / initializer rows layer idx run_dense run_blocks run_deltas run_bitmask run_affine run_map run_softmax \
             run_dense8 run_blocks8 run_affine8 run_map8 run_ops run_text blob_scale blob_code blob_decode c_text \
           / run_dense_vfp blob_code8 c_check \
           / bend thin \
           / dense activate softmax dropout batch_norm loss \
           / kinds \
           / model \
           / encoded \
           / chain \
           / fuse \
           / narrow \
           / compact \
           / data fold metrics optimizer regularizer schedule sections standardize \
           / clip feed allreduce engine blob_export c_export readahead apart \
           / predict trainer roc datafile ranges \
           / passes plan update criterion averages agree refit penalty distill grid \
           / evaluate importance tiny grids rounding \
           / quantize group patience supplied calibrate outer cluster tiny_sgd tiny_adam tiny_cross_entropy tiny_draw \
             tiny_prune tiny_compact tiny_blob \
           / joint \
           / unit curvature hessian data_free activity \
           / rank \
           / mask snapshot surgery flips \
           / fraction removal \
           / threshold order row_mask split layerwise surgeon synflow snip select \
           / rule fit validate checkpoint sparsity regrow interval share \
           / compare sensitivity fit_model \
           / budget allocation \
           / summary history gradual target idle axis \
           / report plot \
           / log \
           / gone picture replay log_section log_table \
           / tables \
           / render save
HOSTED   = system_posix system_windows threads_posix threads_windows gemm_blas host save linalg_lapack \
           gemm_small_avx512 sparse_avx2 sparse_avx512 sparse_neon
RUNTIME  = inline bits words crc fmath nonlinear blob panel run_dense run_dense_vfp run_blocks run_deltas run_bitmask \
           run_affine run_map run_softmax four_plain four_arm four run_dense8 run_blocks8 run_affine8 run_map8 run_ops blob_scale
FIRMWARE = $(RUNTIME) status arena text options scan wide mem rng gemm_ref gemm_none spread bare tensor \
           container \
           encoding code_dense code_csr code_sliced code_blocks code_n_of_m code_bitmask code_deltas encode \
           encoded activation sample_loss initializer rows layer dense activate softmax dropout batch_norm kinds \
           loss model fold data optimizer regularizer schedule clip sections predict trainer passes plan update \
           criterion averages importance supplied group unit rank mask snapshot checkpoint chain fuse narrow compact \
           joint bend thin penalty distill blob_code blob_decode blob_export tiny tiny_sgd tiny_adam tiny_cross_entropy \
           tiny_draw tiny_prune tiny_compact tiny_blob

DEPS     = gcc libc6-dev libopenblas-dev check pkg-config locales $(if $(filter fashion-mnist,$(DATA)),dataset-fashion-mnist)
DEPS_DEV = clang clang-format clang-tidy libclang-rt-dev cppcheck g++ valgrind python3 python3-cffi luajit \
           gcc-arm-none-eabi libnewlib-arm-none-eabi dataset-fashion-mnist
DEPS_FIRMWARE = gcc-arm-none-eabi libnewlib-arm-none-eabi gcc-riscv64-unknown-elf qemu-system-arm qemu-system-misc
DEPS_PORTS = gcc-i686-linux-gnu libc6-dev-i386-cross musl-tools gcc-s390x-linux-gnu libc6-dev-s390x-cross qemu-user \
           gcc-aarch64-linux-gnu libc6-dev-arm64-cross gcc-mingw-w64-x86-64-win32
DEPS_MPI = openmpi-bin libopenmpi-dev
DEPS_PEERS = python3-torch python3-numpy libfann-dev $(if $(shell command -v npm),,nodejs npm)

PREFIX     ?= /usr/local
LIBDIR     ?= $(PREFIX)/lib
INCLUDEDIR ?= $(PREFIX)/include
INSTALL    ?= install
CFLAGS     ?= -O3 -g
B          ?= build
BLAS       ?= openblas
DATA       ?= digits
LOCALE     ?= de_DE.UTF-8
PYTHON     ?= python3
CROSS      ?= arm-none-eabi-
CPU        ?= -mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard

ifndef V
.SILENT:
endif
.DELETE_ON_ERROR:
.DEFAULT_GOAL = all
.PHONY: deps deps-dev deps-ports deps-mpi deps-peers deps-firmware
deps: ; $(call install_missing,$(DEPS))
deps-dev: deps ; $(call install_missing,$(DEPS_DEV))
deps-ports: ; $(call install_missing,$(DEPS_PORTS))
deps-mpi: deps ; $(call install_missing,$(DEPS_MPI))
deps-peers: deps ; $(call install_missing,$(DEPS_PEERS))
deps-firmware: deps ; $(call install_missing,$(DEPS_FIRMWARE))

# Installs those of the Debian packages $1 that are missing.
define install_missing
set -e; command -v apt-get >/dev/null || { echo "$@: no apt-get; install what Debian calls $1" >&2; exit 1; }; \
missing=$$(for p in $1; do dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || echo $$p; done); \
[ -n "$$missing" ] || { echo "$@: all packages are there"; exit 0; }; \
[ "$$(id -u)" = 0 ] && root= || root=sudo; \
echo "$@: installing" $$missing "by $${root:+$$root }apt-get"; \
$$root apt-get update -qq; \
$$root env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends $$missing >/dev/null
endef

# In `make deps demo` all else waits, in a make of its own, so that it finds the tools that deps brings.
FIRST := $(filter deps deps-dev deps-ports deps-mpi deps-peers deps-firmware,$(MAKECMDGOALS))
THEN  := $(filter-out $(FIRST),$(MAKECMDGOALS))
ifneq ($(and $(FIRST),$(THEN)),)
.PHONY: then $(THEN)
$(THEN): then ; @:
then: $(FIRST) ; +$(MAKE) $(THEN)
else

# What it is built from, and how.
$(if $(filter openblas blas none,$(BLAS)),,$(error BLAS is openblas, blas or none, not $(BLAS)))
BLAS_PC      = $(filter-out none,$(BLAS))
BLAS_CFLAGS := $(if $(BLAS_PC),$(shell pkg-config --cflags $(BLAS_PC) 2>/dev/null))
BLAS_LIBS   := $(if $(BLAS_PC),$(shell pkg-config --libs $(BLAS_PC) 2>/dev/null))
CHECK_LIBS  := $(if $(CHECK),,$(shell pkg-config --libs check 2>/dev/null))
CHECK_OWN    = $(if $(CHECK),tests/support/check)
LIBS         = $(strip $(BLAS_LIBS) -lm $(if $(filter posix,$(SYSTEM)),-pthread))
version_of   = $(shell sed -n 's/^.define PRUNE_VERSION_$1 //p' include/libprune/base.h)
MAJOR       := $(call version_of,MAJOR)
MINOR       := $(call version_of,MINOR)
VERSION     := $(MAJOR).$(MINOR).$(call version_of,PATCH)
SONAME       = libprune.so.$(MAJOR)$(if $(filter 0,$(MAJOR)),.$(MINOR))

WARN     = -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wvla -Wcast-qual -Wwrite-strings \
           -Wstrict-prototypes -Wmissing-prototypes -Wdouble-promotion -Wformat=2
EXACT    = -ffp-contract=off -fno-math-errno -DPRN_NO_MATH_ERRNO -fno-trapping-math $(ROUNDED)
ROUNDED := $(if $(findstring clang,$(shell $(CC) --version 2>/dev/null)),,-fexcess-precision=fast)# clang never exceeds
INTERNAL = -Iinclude -Ilib $(addprefix -I,$(wildcard src/*))
SANITIZE = $(if $(SAN),-fsanitize=$(SAN) -fno-sanitize-recover=all -fno-omit-frame-pointer)
C11      = -std=c11 -Iinclude $(EXACT) $(WARN) $(if $(WERROR),-Werror) $(SANITIZE) $(CPPFLAGS) $(CFLAGS)
OWN      = $(INTERNAL) $(BLAS_CFLAGS) -fPIC -fvisibility=hidden
LINK     = $(CC) $(SANITIZE) $(CFLAGS) $(LDFLAGS)
SHARED   = -shared -Wl,-soname,$(SONAME) -Wl,--version-script=pkgconfig/libprune.map -Wl,-z,relro -Wl,-z,now \
           $(if $(SAN),,-Wl,-z,defs)
CHIP     = $(CROSS)gcc -std=c11 -Os -ffunction-sections -fdata-sections $(INTERNAL) $(EXACT) $(WARN) -Werror $(CPU) $(BARE)
# The declarations of mem* for compilers that come without a C library, like Debian's for RISC-V.
BARE     = $(eval BARE := $(shell $(CROSS)gcc $(CPU) -include string.h -E -xc /dev/null >/dev/null 2>&1 || \
           echo -ffreestanding -isystem tests/firmware/bare))$(BARE)

sources  = $(foreach module,$1,$(wildcard lib/$(module).c src/*/$(module).c))
programs = $(patsubst %.c,$B/%,$(sort $(wildcard $1)))
SYSTEM  := $(if $(findstring mingw,$(shell $(CC) -dumpmachine 2>/dev/null)),windows,posix)
SRC      = $(call sources,$(filter-out bare %_$(if $(filter posix,$(SYSTEM)),windows,posix) \
           $(if $(BLAS_PC),gemm_none,gemm_blas gemm_small gemm_small_avx512) \
           $(if $(filter openblas,$(BLAS)),linalg_none,linalg_lapack),$(RANKS)))
OBJ      = $(SRC:%.c=$B/%.o) $B/run_text.o
files    = $(foreach module,$1,$(wildcard $(foreach suffix,h c,lib/$(module).$(suffix) src/*/$(module).$(suffix))))
public   = $(foreach module,$1,$(wildcard include/libprune/$(module).h))
chip_obj = $(patsubst %.c,$B/firmware/%.o,$(call sources,$1))
CHIP_OBJ = $(call chip_obj,$(FIRMWARE))
CHIP_LIBS = $(addprefix $B/firmware/libprune-,firmware.a runtime.a)
TESTS    = $(call programs,tests/*_test.c)
BENCHES  = $(call programs,bench/*_bench.c)
PEERS    = $(addprefix $B/bench/,ours $(if $(shell pkg-config --exists fann 2>/dev/null && echo 1),peers/fann))
DEMOS    = $(call programs,bench/demo.c bench/accuracy.c bench/int8.c bench/tradeoff.c)
TOOLS    = $(call programs,bench/to_c.c tests/install/consumer.c tests/source/write.c tests/source/goals.c)
HEADERS  = include/libprune.h $(sort $(wildcard include/libprune/*.h))
CODE     = $(HEADERS) $(sort $(shell find lib src tests bench -name '*.[ch]' -o -name '*.cc'))

.PHONY: all check check-long demo accuracy int8 bench-accuracy bench bench-peers lint format ffi mpi ports firmware \
        amalgamation install uninstall clean help FORCE
all: $B/libprune.a $B/libprune.so $B/libprune.pc

$B/libprune.a: $(OBJ)
	rm -f $@ && $(AR) rcs $@ $^
$B/libprune.so: pkgconfig/libprune.map $(OBJ)
	$(LINK) $(SHARED) -o $B/$(SONAME) $(OBJ) $(LIBS) && ln -sf $(SONAME) $@
$B/libprune.pc: pkgconfig/libprune.pc.in FORCE
	mkdir -p $B && sed -e 's|@PREFIX@|$(PREFIX)|; s|@LIBDIR@|$(LIBDIR:$(PREFIX)/%=$${prefix}/%)|' \
	    -e 's|@INCLUDEDIR@|$(INCLUDEDIR:$(PREFIX)/%=$${prefix}/%)|; s|@VERSION@|$(VERSION)|; s|@LIBS@|$(LIBS)|' $< >$@
$B/%.o: %.c $B/flags
	mkdir -p $(@D) && echo "CC $<" && $(CC) $(C11) $(if $(filter lib/% src/%,$<),$(OWN),$(CHECK_OWN:%=-isystem %)) -MMD -MP -c -o $@ $<
# The runtime's sources as strings, and as two files for trees that copy those.
# Headers that four.h includes under #if come with it.
TEXTS    = awk -f src/run/texts.awk
text_of  = $(filter-out %/four_plain.h %/four_arm.h,$(filter %.h %.c,$1))
$B/run_text.c: src/run/texts.awk include/libprune/blob.h $(call files,$(RUNTIME)) $B/flags
	$(TEXTS) -v out=texts $(call text_of,$^) >$@
$B/run_text.o: $B/run_text.c src/run/run_text.h
	echo "CC $<" && $(CC) $(C11) $(OWN) -MMD -MP -c -o $@ $<
amalgamation: $B/prune_runtime.h $B/prune_runtime.c
$B/prune_runtime.h: src/run/texts.awk $(call public,base activation $(RUNTIME))
	mkdir -p $(@D) && { echo '/* prune_runtime.h -- libprune $(VERSION): its runtime for chips, as one header'; \
	    printf ' *\n * SPDX-License-Identifier: MIT */\n'; \
	    $(TEXTS) -v out=one $(filter %.h,$^); } >$@
$B/prune_runtime.c: src/run/texts.awk $(call files,$(RUNTIME)) $B/prune_runtime.h
	{ printf '/* prune_runtime.c -- libprune $(VERSION): its runtime for chips, as one file\n *\n * %s */\n#include "prune_runtime.h"\n\n' \
	    'SPDX-License-Identifier: MIT'; \
	    $(TEXTS) -v out=one $(filter lib/% src/%,$(call text_of,$^)); } >$@
$B/lib/gemm_small.o: private EXACT += -ffp-contract=fast# beside a BLAS, which does so too
$(TESTS): %: %.o $(addsuffix .o,$(call programs,tests/support/*.c $(CHECK_OWN:%=%/*.c))) $B/libprune.a
	$(LINK) -o $@ $^ $(CHECK_LIBS) $(LIBS)
$(BENCHES) $(DEMOS): %: %.o $(addsuffix .o,$(call programs,bench/common/*.c)) $B/libprune.a
	$(LINK) -o $@ $^ $(LIBS)
$B/bench/ours: $B/bench/common/noise.o
$(PEERS): %: %.o $B/libprune.a
	$(LINK) -o $@ $(filter %.o,$^) $(if $(filter %fann,$@),-lfann -lm,$B/libprune.a $(LIBS))
-include $(shell find $B -name '*.d' 2>/dev/null)

# All is built anew when what it is built with changes.
$B/flags: export WITH = $(CC) $(C11) $(OWN) $(LINK) $(SHARED) $(LIBS) $(CHECK) $(OBJ)
$B/firmware/flags: export WITH = $(CHIP) $(CHIP_OBJ)
$B/flags: | have-compiler
$B/flags $B/firmware/flags: FORCE
	mkdir -p $(@D); printf '%s\n' "$$WITH" | cmp -s - $@ || printf '%s\n' "$$WITH" >$@

# What is missing is called by its name. need: the programs $1 must be there; $2 brings them.
need = for p in $1; do command -v $$p >/dev/null || { echo "$$p is missing: run '$2'" >&2; exit 1; }; done
$(TESTS:=.o): | have-check
.PHONY: have-compiler have-check have-linters have-cross have-mpi
have-mpi:
	$(call need,mpicc mpirun,make deps-mpi)
have-cross:
	$(call need,$(CROSS)gcc,make deps-firmware)
have-compiler:
	$(call need,$(firstword $(CC)),make deps)
	[ -z "$(BLAS_PC)" ] || [ -n "$(BLAS_LIBS)" ] || \
	    { echo "pkg-config finds no $(BLAS): run 'make deps', or build with BLAS=none" >&2; exit 1; }
have-check:
	[ -n "$(CHECK_LIBS)$(CHECK)" ] || { echo "pkg-config finds no check: run 'make deps'" >&2; exit 1; }
have-linters:
	$(call need,gcc g++ clang clang++ clang-format clang-tidy cppcheck,make deps-dev)

# Running it. A program of tests that fails, skips or tests nothing ends `check`, but after all have run.
$(TESTS:=.log): %.log: % $(LOCALE:%=$B/locale/%) FORCE
	LOCPATH=$(abspath $B/locale) LC_ALL=$(or $(LOCALE),C) $(RUN) $< >$@ 2>&1; echo "exit status $$?" >>$@; echo "$(<F): $$(grep Checks: $@ || echo 'no report')"
README_PROGRAMS = CC='$(CC)' CFLAGS='$(C11)' LDLIBS='$B/libprune.a $(LIBS)' B='$B' RUN='$(RUN)' sh tests/readme.sh
check: $(TESTS:=.log) $B/tests/source/write amalgamation
	awk -f tests/summary.awk $(TESTS:=.log)
	$(README_PROGRAMS)
	LC_ALL=$(or $(LOCALE),C) LOCPATH=$(abspath $B/locale) CC='$(CC)' B='$B' RUN='$(RUN)' sh tests/source.sh
# As root or not, made in the build folder.
$B/locale/%:
	mkdir -p $(@D) && localedef -i $(basename $*) -f $(subst .,,$(suffix $*)) $@ || \
	    { echo "there is no locale $*: run 'make deps', or test without it by LOCALE=" >&2; exit 1; }
check-long: check
	MONK_SEEDS=20 $B/tests/textbook_test
	COMPARE_DRAWS=50 $B/tests/compare_test
	+for data in digits fashion-mnist; do $(MAKE) accuracy int8 DATA=$$data || exit 1; done
demo accuracy int8: %: $B/bench/% $(if $(filter fashion-mnist,$(DATA)),$B/fashion-mnist)
	$< $(DATA) $(or $(word 2,$^),bench) $(if $(filter demo,$@),$B)
# Fashion-MNIST unless DATA is given. Hours; it goes on where it was stopped.
bench-accuracy: DATA := $(if $(filter file,$(origin DATA)),fashion-mnist,$(DATA))
bench-accuracy: $B/bench/tradeoff
	$(if $(filter fashion-mnist,$(DATA)),$(MAKE) --no-print-directory $B/fashion-mnist)
	mkdir -p $B/bench-accuracy
	$< $(DATA) $(if $(filter fashion-mnist,$(DATA)),$B/fashion-mnist,bench) $B $(or $(SEEDS),3) $(or $(METHODS),all) $(or $(KEPT),all)
bench: $(BENCHES)
	echo 'name,value,unit,reference,reference_value,ratio' >$B/bench.csv
	for b in $^; do $$b $B/bench.csv || exit 1; done; echo "written: $B/bench.csv"
DEBIAN = /usr/bin/python3# sees Debian's packages, whatever else is called python3
# What is not installed is left out. npm brings onnxruntime-node into the build folder, once.
bench-peers: $(PEERS)
	command -v npm >/dev/null && { [ -d $B/peers/node_modules ] || npm install --prefix $B/peers --ignore-scripts --no-audit \
	    --no-fund --loglevel=error onnxruntime-node; } || echo "bench-peers: without onnxruntime-node" >&2
	export OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE=1 NODE_PATH='$(abspath $B)/peers/node_modules'; \
	$(PYTHON) bench/peers/peers.py $B/bench-peers.csv $B/bench/ours torch='$(DEBIAN) bench/peers/torch_peer.py' \
	    numpy='$(DEBIAN) bench/peers/numpy_peer.py' fann=$B/bench/peers/fann onnxruntime='node bench/peers/onnx_peer.js'
	echo "written: $B/bench-peers.csv"
ffi: $B/libprune.so
	$(call need,$(PYTHON) luajit,make deps-dev)
	for f in $(sort $(wildcard tests/ffi/*_test.py)); do LIBPRUNE=$(abspath $<) $(PYTHON) $$f || exit 1; done
	for f in $(sort $(wildcard tests/ffi/*_test.lua)); do LIBPRUNE=$(abspath $<) luajit $$f || exit 1; done
# More ranks than processors may be, and root. mpi.h has warnings of its own.
MPIRUN ?= mpirun --allow-run-as-root --oversubscribe
$B/bench/mpi.o: private override CFLAGS += $(addprefix -isystem ,$(shell mpicc --showme:incdirs))
$B/bench/mpi.o: | have-mpi
$B/bench/mpi: $(addsuffix .o,$B/bench/mpi $(call programs,bench/common/*.c)) $B/libprune.a
	$(LINK) -o $@ $^ $(LIBS) $(shell mpicc --showme:link)
mpi: $B/bench/mpi
	for n in 1 2 4; do OMPI_MCA_plm_rsh_agent= $(MPIRUN) -n $$n $< bench || exit 1; done
FASHION = /usr/share/datasets/fashion-mnist
$B/fashion-mnist:
	[ -d $(FASHION) ] || { echo "$(FASHION) is missing: install Debian's dataset-fashion-mnist ('make deps-dev')" >&2; exit 1; }
	rm -rf $@.part && mkdir -p $@.part && for f in $(FASHION)/*.gz; do gzip -dc $$f >$@.part/$$(basename $$f .gz) || exit 1; done
	mv $@.part $@

# The tests as they are for other machines and C libraries: with BLAS=none the same bits, in both byte orders.
# Windows is compiled and linked, not run.
PORTS = m32 musl s390x aarch64
SYSTEM32 = /usr/i686-linux-gnu/lib
# Where the kernel runs no programs of 32 bits, QEMU does.
RUN32    = $(shell $(SYSTEM32)/ld-linux.so.2 --version >/dev/null 2>&1 || echo qemu-i386 -E CK_TIMEOUT_MULTIPLIER=5)
port-m32:   AS = CC='i686-linux-gnu-gcc -m32 -msse2 -mfpmath=sse' \
                 RUN='$(RUN32) $(SYSTEM32)/ld-linux.so.2 --library-path $(SYSTEM32)'
port-musl:  AS = CC=musl-gcc
# Blobs are little-endian: a big-endian machine refuses them, so who writes and reads them is not tested there.
LITTLE   = blob8 blob_data blob_export blob_hostile blob_save c_export c_save quantize quantize_bound quantize_use rounding \
           rounding_use tiny_blob vanishing
port-s390x: AS = CC=s390x-linux-gnu-gcc RUN='qemu-s390x -E CK_TIMEOUT_MULTIPLIER=5 -L /usr/s390x-linux-gnu' \
                 TESTS='$(filter-out $(LITTLE:%=$B/s390x/tests/%_test),$(TESTS:$B/%=$B/s390x/%))'
# Of 64-bit ARM the kernels that are its own: the rest is C as on s390x.
port-aarch64: AS = CC=aarch64-linux-gnu-gcc RUN='qemu-aarch64 -E CK_TIMEOUT_MULTIPLIER=5 -L /usr/aarch64-linux-gnu' \
                   TESTS='$(patsubst %,$B/aarch64/tests/%_test,product product_use thin)'
.PHONY: $(PORTS:%=port-%) port-windows
ports: $(PORTS:%=port-%) port-windows
$(PORTS:%=port-%): port-%:
	$(call need,i686-linux-gnu-gcc musl-gcc s390x-linux-gnu-gcc aarch64-linux-gnu-gcc qemu-s390x,make deps-ports)
	+echo "$@" && $(MAKE) B=$B/$* BLAS=none CHECK=own LOCALE= $(AS) check
port-windows:
	$(call need,x86_64-w64-mingw32-gcc,make deps-ports)
	+echo "$@" && $(MAKE) B=$B/windows BLAS=none CC=x86_64-w64-mingw32-gcc $(patsubst %,$B/windows/%,libprune.a $(DEMOS:$B/%=%) tests/install/consumer)
$(TOOLS): %: %.o $B/libprune.a
	$(LINK) -o $@ $^ $(LIBS)

# Holding it to the rules.
LINTS = lint-layers lint-headers lint-symbols lint-format lint-cppcheck
.PHONY: $(LINTS)
TIDY  = $(patsubst %.c,$B/%.tidy,$(sort $(SRC) $(call sources,$(FIRMWARE))))
lint: $(LINTS) $(TIDY)
	echo "lint: nothing to complain of"
$(LINTS) $(TIDY): | have-linters
LAYERS = awk -v ranks='$(RANKS)' -v hosted='$(HOSTED)' -v firmware='$(FIRMWARE)' -f tests/layers.awk $(CODE)
lint-layers:
	$(LAYERS)
lint-headers:
	for h in $(HEADERS); do for c in 'gcc -std=c11 -xc' 'clang -std=c11 -xc' 'g++ -std=c++17 -xc++' 'clang++ -std=c++17 -xc++'; do \
	    $$c -Wall -Wextra -Wpedantic -Wundef -Werror -Iinclude -fsyntax-only $$h || exit 1; done; done
lint-symbols: $B/libprune.so $B/libprune.a
	nm -D --defined-only $< | sed -n 's/.* [^A] \([^@]*\).*/\1/p' | LC_ALL=C sort >$B/symbols.txt
	diff -u tests/symbols.txt $B/symbols.txt || { echo "exported symbols changed; if meant: cp $B/symbols.txt tests/" >&2; exit 1; }
	! nm -g --defined-only $B/libprune.a | grep ' [A-Z] ' | grep -v ' prune_\| prn_'
	! size -A $B/libprune.a | grep -v '^\.data\.rel\.ro' | grep '^\.t*\(data\|bss\).* [1-9][0-9]* ' # no globals
lint-format:
	clang-format --dry-run -Werror $(CODE)
lint-cppcheck:
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,style,performance,portability --inline-suppr \
	    --suppress=ctunullpointer `# it takes a sizeof for an access` \
	    $(INTERNAL) lib src
$B/%.tidy: %.c $B/%.o .clang-tidy
	echo "TIDY $<" && clang-tidy --quiet $< -- -std=c11 $(INTERNAL) $(BLAS_CFLAGS) && touch $@
format:
	clang-format -i $(CODE)

# The part for microcontrollers asks for nothing but mem*() and what the compiler has for a core without the unit,
# and keeps no data of its own. It knows no double: not by name (LAYERS), not by promotion (CHIP's warnings), and
# arithmetic in it would ask for a library.
$B/firmware/%.o: %.c $B/firmware/flags | have-cross
	mkdir -p $(@D) && echo "$(CROSS)gcc $<" && $(CHIP) -MMD -MP -c -o $@ $<
$B/firmware/libprune-firmware.a: $(CHIP_OBJ)
$B/firmware/libprune-runtime.a: $(call chip_obj,$(RUNTIME))
$(CHIP_LIBS): tests/firmware/symbols.txt
	rm -f $@ && $(CROSS)ar rcs $@ $(filter %.o,$^)
	$(CHIP) $(if $(findstring -flto,$(CPU)),-flinker-output=nolto-rel) -nostdlib -r -o $@.o -Wl,--whole-archive $@
	! $(CROSS)nm -u $@.o | grep -vwFf $< || \
	    { echo "firmware: the compiler asks for these, which $< has not: CPU= with -fstack-protector, -msave-restore, -fpic?"; exit 1; }
	$(CROSS)size $@.o | awk 'END { if ($$1 == 0 || $$2 + $$3) { print "firmware: there are globals, or no code"; exit 1 } }'
firmware: $(CHIP_LIBS)
	$(CROSS)size -t $^
	$(LAYERS)
	for lib in $^; do basename $$lib && $(CROSS)nm -g --defined-only $$lib || exit 1; done >$B/firmware/symbols
	awk -f tests/firmware/headers.awk $B/firmware/symbols $(filter include/libprune/%,$(HEADERS)) README.md
include tests/firmware/firmware.mk

install: all
	$(INSTALL) -d $(DESTDIR)$(LIBDIR)/pkgconfig $(DESTDIR)$(INCLUDEDIR)/libprune
	$(INSTALL) -m 644 include/libprune.h $(DESTDIR)$(INCLUDEDIR)
	$(INSTALL) -m 644 $(filter-out include/libprune.h,$(HEADERS)) $(DESTDIR)$(INCLUDEDIR)/libprune
	$(INSTALL) -m 644 $B/libprune.a $(DESTDIR)$(LIBDIR)
	$(INSTALL) -m 755 $B/$(SONAME) $(DESTDIR)$(LIBDIR)/libprune.so.$(VERSION)
	ln -sf libprune.so.$(VERSION) $(DESTDIR)$(LIBDIR)/$(SONAME)
	ln -sf $(SONAME) $(DESTDIR)$(LIBDIR)/libprune.so
	$(INSTALL) -m 644 $B/libprune.pc $(DESTDIR)$(LIBDIR)/pkgconfig
uninstall:
	rm -f $(addprefix $(DESTDIR)$(INCLUDEDIR)/,$(HEADERS:include/%=%)) $(DESTDIR)$(LIBDIR)/pkgconfig/libprune.pc \
	    $(addprefix $(DESTDIR)$(LIBDIR)/,libprune.a libprune.so $(SONAME) libprune.so.$(VERSION))
	[ ! -d $(DESTDIR)$(INCLUDEDIR)/libprune ] || rmdir $(DESTDIR)$(INCLUDEDIR)/libprune
clean:
	rm -rf $B
help:
	sed '/^#/!Q; s/^# \{0,1\}//' Makefile
endif
