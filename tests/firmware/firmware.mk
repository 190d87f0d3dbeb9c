# tests/firmware/firmware.mk -- make check-firmware: the firmware library, built for chips and run as QEMU has them
#
# For each of CHIPS it is built and its symbols are checked; where there is a MACHINE the checks run there, and
# print the hashes that they print on the host. Costs are held against figures.txt, see figures.awk.
# Costs on an M4F are held to goals.txt, too, see goals.awk: `make check-goals` does that alone.
# BUILDS are only built, and their symbols checked. CHIPS="m4f rv32" BUILDS= takes only these; REWRITE=1 writes
# figures.txt anew.
CHIPS      ?= m0plus m3 m4f m4f-O2 m7 m33 rv32 rv32f rv64
BUILDS     ?= lto rv32i rv32e rv64i rv64imac
GOALS       = Os-off Os-fast O2-off O2-fast
FIRMWARE_D  = tests/firmware
ARM         = CROSS=arm-none-eabi- BOARD=arm MEMORY='flash=0 ram=0x20000000'
MPS2        = MACHINE='qemu-system-arm -icount shift=6 -M
RISCV       = CROSS=riscv64-unknown-elf- BOARD=riscv MEMORY='flash=0x80000000 ram=0x80400000'
VIRT        = -bios none -icount shift=0 -M virt'
M4F         = $(ARM) CPU='-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard $1' $(MPS2) mps2-an386'
chip-m0plus: AS = $(ARM) CPU='-mcpu=cortex-m0plus -mthumb' $(MPS2) mps2-an385'# an M3: there is no M0+ with as much RAM
chip-m3:     AS = $(ARM) CPU='-mcpu=cortex-m3 -mthumb' $(MPS2) mps2-an385'
chip-m4f:    AS = $(call M4F,-fcallgraph-info)
chip-m4f-O2: AS = $(call M4F,-O2)
chip-m7:     AS = $(ARM) CPU='-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard' $(MPS2) mps2-an500'
chip-m33:    AS = $(ARM) CPU='-mcpu=cortex-m33 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard -DBOARD_TICK=50' $(MPS2) mps2-an505' \
                  MEMORY='flash=0x10000000 ram=0x38000000'
chip-rv32:   AS = $(RISCV) CPU='-march=rv32imac -mabi=ilp32' MACHINE='qemu-system-riscv32 $(VIRT)
chip-rv32f:  AS = $(RISCV) CPU='-march=rv32imafc -mabi=ilp32f' MACHINE='qemu-system-riscv32 $(VIRT)
chip-rv64:   AS = $(RISCV) CPU='-march=rv64imafdc -mabi=lp64d -mcmodel=medany' MACHINE='qemu-system-riscv64 $(VIRT)
build-lto:   AS = $(call M4F,-flto)
build-rv32i: AS = $(RISCV) CPU='-march=rv32i -mabi=ilp32'
build-rv32e: AS = $(RISCV) CPU='-march=rv32e -mabi=ilp32e'
build-rv64i: AS = $(RISCV) CPU='-march=rv64i -mabi=lp64'
build-rv64imac: AS = $(RISCV) CPU='-march=rv64imac -mabi=lp64'
QEMU        = timeout 300 $(MACHINE) -display none -monitor none -serial none -chardev stdio,id=semi \
              -semihosting-config enable=on,target=native,chardev=semi
CHECKS      = $(patsubst %.c,%.o,$(filter-out $(FIRMWARE_D)/board%,$(wildcard $(FIRMWARE_D)/*.c)))
BOARD_CHIP  = $(patsubst %,$B/firmware/$(FIRMWARE_D)/%.o,board_chip board_$(BOARD) bare/string)
CHECKS_HOST = $(CHECKS:%=$B/%) $B/$(FIRMWARE_D)/board_host.o
# What programs link that name no more than this: NAME:FUNCTION, and more of them behind ,-u, each.
RUNNING     = prune_blob_run,-u,prune_op_dense
RUNNING8    = prune_blob_run,-u,prune_op_widen,-u,prune_op_dense8,-u,prune_op_narrow
FUNCTIONS   = prune_expf,-u,prune_tanhf,-u,prune_logf
ACTIVATED   = prune_activation_relu,-u,prune_activation_linear
LEARN       = prune_tiny_init,-u,prune_tiny_step,-u,prune_tiny_mse,-u,$(ACTIVATED),-u,prune_tiny_sgd
LINKED      = run:$(RUNNING) run8:$(RUNNING8) run+check:$(RUNNING),-u,prune_blob_check \
              run-all+check:prune_blob_run,-u,prune_blob_ops,-u,prune_blob_check \
              functions:$(FUNCTIONS) \
              tiny-sgd:$(LEARN) tiny+adam:$(LEARN),-u,prune_tiny_adam

# How a program comes onto a board.
ON_BOARD    = -nostdlib -T $(FIRMWARE_D)/chip.ld $(MEMORY:%=-Wl,--defsym=%)

# What each of the sets $1 takes, linked from $2.
linked = for set in $1; do $(CROSS)gcc $(CPU) -nostdlib -r -Wl,--gc-sections,--unique,-u,$${set\#*:} -o $B/linked.o $2 && \
         $(CROSS)size -A $B/linked.o | awk -v name=$${set%%:*} -f $(FIRMWARE_D)/sections.awk || exit 1; done

.PHONY: check-firmware chip chip-nets chip-learn chip-linked demo-chip demo-learn $(CHIPS:%=chip-%) $(BUILDS:%=build-%) \
        chip-host chip-readme check-goals goals $(GOALS:%=goals-%)
check-firmware: $(CHIPS:%=chip-%) $(BUILDS:%=build-%) chip-host chip-readme $(if $(filter m4f,$(CHIPS)),check-goals)
	awk -v chips='$(CHIPS)' -v rewrite='$(REWRITE)' -f $(FIRMWARE_D)/figures.awk $(FIRMWARE_D)/figures.txt \
	    $(patsubst %,$B/chips/%/figures,host $(CHIPS)) >$B/chips/figures.txt
	$(if $(REWRITE),cp $B/chips/figures.txt $(FIRMWARE_D)/figures.txt)
$(CHIPS:%=chip-%): chip-%: $B/chips/nets
	$(call need,arm-none-eabi-g++ riscv64-unknown-elf-g++ qemu-system-arm qemu-system-riscv32,make deps-firmware)
	+$(MAKE) B=$B/chips/$* NAME=$* NETS=$< $(AS) chip
$(BUILDS:%=build-%): build-%:
	$(call need,arm-none-eabi-gcc riscv64-unknown-elf-gcc,make deps-firmware)
	+$(MAKE) B=$B/chips/$* $(AS) $(CHIP_LIBS:$B/%=$B/chips/$*/%)
chip-host: $B/$(FIRMWARE_D)/checks
	mkdir -p $B/chips/host && $< >$B/chips/host/output || { cat $B/chips/host/output; exit 1; }
	sed 's/^/host /' $B/chips/host/output >$B/chips/host/figures
# What README.md shows: a program for the host leaves a model as C source, which one for the chip runs.
$B/readme/waves.c: README.md tests/readme.sh $B/libprune.a
	$(README_PROGRAMS)
chip-readme: $B/readme/waves.c
	B=$(abspath $B) sh $(FIRMWARE_D)/readme.sh

# One chip: NAME, CPU, BOARD, MEMORY and MACHINE are given.
chip: $(CHIP_LIBS) $(if $(MACHINE),$B/firmware/checks.elf chip-nets chip-linked)
	$(if $(MACHINE),$(QEMU) -kernel $B/firmware/checks.elf </dev/null >$B/output || { sed 's/^/$(NAME): /' $B/output; exit 1; })
	! find $B -name '*.ci' -exec cat {} + | awk -f $(FIRMWARE_D)/calls.awk | tsort 2>&1 >/dev/null | grep .
	{ echo "compiler gcc $$($(CROSS)gcc -dumpfullversion)"; \
	  $(CROSS)size $(CHIP_OBJ) | awk 'NR > 1 { n = split($$NF, path, "/"); text[path[n - 1]] += $$1 } \
	      END { for (folder in text) print "text", folder, text[folder] }' | sort; \
	  $(call linked,$(LINKED),$(CHIP_LIBS)); \
	  cat $(if $(MACHINE),$B/output,/dev/null); } | sed 's/^/$(NAME) /' >$B/figures
$B/firmware/checks.elf: $(CHECKS:%=$B/firmware/%)
$B/firmware/learn.elf: $B/firmware/$(FIRMWARE_D)/board_learn.o
$B/firmware/%.elf: $(BOARD_CHIP) $B/firmware/libprune-firmware.a $(FIRMWARE_D)/chip.ld
	$(CROSS)gcc $(CPU) $(ON_BOARD) -Wl,--gc-sections -o $@ \
	    $(filter %.o,$^) $(filter %.a,$^) -lgcc
$B/firmware/$(FIRMWARE_D)/bare/string.o: private override CPU += -fno-builtin -fno-tree-loop-distribute-patterns
$B/$(FIRMWARE_D)/checks: $(CHECKS_HOST) $B/libprune.a
	$(LINK) -o $@ $^ $(LIBS)

# Models exported as C source: NETS has them, standing alone, and a main() that gives 0 if all self-tests do; in
# linked/ they use the amalgamated runtime, and one is a blob too: as C++.
NET_FLAGS  = $(filter-out -fcallgraph-info,$(CPU)) $(BARE) -Os $(filter -O2,$(CPU)) -Wall -Wextra -Wpedantic -Wconversion \
             -Wdouble-promotion -Werror -ffp-contract=off
$B/chips/nets: $B/tests/source/write $B/prune_runtime.c $B/prune_runtime.h
	rm -rf $@ && mkdir -p $@/linked && $< $@ - && $< $@/linked prune_runtime.h && cp $B/prune_runtime.[ch] $@/linked
chip-nets: $(BOARD_CHIP)
	$(CROSS)gcc -std=c11 $(NET_FLAGS) -I$(FIRMWARE_D) -I$(NETS) $(ON_BOARD) -o $B/nets.elf $(NETS)/*.c $^ -lgcc
	$(QEMU) -kernel $B/nets.elf </dev/null
chip-linked: $(BOARD_CHIP)
	$(CROSS)g++ -xc++ -std=c++17 $(NET_FLAGS) -fsyntax-only $(NETS)/*.c
	$(CROSS)g++ -xc++ -std=c++17 $(NET_FLAGS) -fno-exceptions -I$(NETS)/linked $(ON_BOARD) -o $B/linked.elf $(NETS)/linked/*.c \
	    -xnone $(NETS)/linked/blob.S $^ -lgcc
	$(QEMU) -kernel $B/linked.elf </dev/null

# What goals.txt holds, on an M4F built with each of the flags GOALS.
GOALS_OBJ   = $(call chip_obj,$(RUNTIME) status activation tiny tiny_sgd tiny_adam)
GOALS_CHIP  = $(addprefix $B/firmware/$(FIRMWARE_D)/,board_goals.o tell.o)
WEIGHTS     = prune_op_dense,-u,prune_op_blocks,-u,prune_op_deltas,-u,prune_op_bitmask
WEIGHTS8    = prune_op_widen,-u,prune_op_dense8,-u,prune_op_blocks8,-u,prune_op_narrow
GOALS_SETS  = run:$(RUNNING) run8:$(RUNNING8) pruned8:prune_blob_run,-u,prune_blob_check,-u,$(WEIGHTS8) \
              functions:$(FUNCTIONS) train:$(LEARN),-u,prune_tiny_adam,-u,memset \
              loader-dense:$(RUNNING),-u,prune_blob_check loader-float:prune_blob_check,-u,$(WEIGHTS) \
              loader-weights:prune_blob_check,-u,$(WEIGHTS),-u,$(WEIGHTS8) loader-all:prune_blob_check,-u,prune_blob_ops
check-goals: $(GOALS:%=goals-%)
	awk -v rewrite='$(REWRITE)' -v compiler=$$(arm-none-eabi-gcc -dumpfullversion) -f $(FIRMWARE_D)/goals.awk \
	    $(FIRMWARE_D)/goals.txt $B/chips/goals/host $(GOALS:%=$B/chips/goals-%/figures) >$B/chips/goals.txt
	$(if $(REWRITE),cp $B/chips/goals.txt $(FIRMWARE_D)/goals.txt)
$B/chips/goals/host: $B/tests/source/goals
	rm -rf $(@D) && mkdir -p $(@D) && $< $(@D) >$@
$(GOALS:%=goals-%): goals-%: $B/chips/goals/host
	$(call need,arm-none-eabi-gcc qemu-system-arm,make deps-firmware)
	+$(MAKE) B=$B/chips/$@ NAME=$* NETS=$B/chips/goals $(call M4F,-$(subst -, -ffp-contract=,$*)) goals
goals: $B/firmware/goals.elf $B/firmware/$(FIRMWARE_D)/bare/string.o
	$(QEMU) -kernel $< </dev/null >$B/output || { cat $B/output; exit 1; }
	$(call linked,$(GOALS_SETS),$(GOALS_OBJ) $(lastword $^)) >>$B/output
	sed 's/^/$(NAME) /' $B/output >$B/figures
$B/firmware/goals.elf: $(BOARD_CHIP) $(GOALS_CHIP) $(GOALS_OBJ) $(NETS)/goals.S
	$(CROSS)gcc $(CPU) $(ON_BOARD) -Wl,--gc-sections -Wa,-I$(NETS) -o $@ $^ -lgcc

# What `make demo` has pruned, in an image for a Cortex-M4F, running.
DEMO_MODEL = $B/demo-weights.prune
$(DEMO_MODEL): ; $(MAKE) demo
demo-chip: $B/bench/to_c $(DEMO_MODEL)
	$(call need,arm-none-eabi-gcc qemu-system-arm,make deps-firmware)
	rm -rf $B/demo-chip && mkdir -p $B/demo-chip && $< $(DEMO_MODEL) $B/demo-chip digits && cp $(FIRMWARE_D)/board_demo.c $B/demo-chip
	+$(MAKE) --no-print-directory B=$B/chips/demo NETS=$B/demo-chip $(call M4F,-O2) chip-nets

# A net that learns, is pruned and compacted there, and comes back from its own blob.
demo-learn:
	$(call need,arm-none-eabi-gcc qemu-system-arm,make deps-firmware)
	+$(MAKE) --no-print-directory B=$B/chips/learn $(call M4F,) chip-learn
chip-learn: $B/firmware/learn.elf
	$(QEMU) -kernel $< </dev/null
