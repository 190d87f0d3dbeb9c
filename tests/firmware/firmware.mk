# tests/firmware/firmware.mk -- make check-firmware: the firmware library, built for chips and run as QEMU has them
#
# For each of CHIPS it is built and its symbols are checked; where there is a MACHINE the checks run there too, and
# print the hashes that they print on the host. Costs are held against figures.txt, see figures.awk.
# CHIPS="m4f rv32" takes only these; REWRITE=1 writes figures.txt anew.
CHIPS      ?= m0plus m3 m4f m4f-O2 m7 m33 rv32 rv32f rv64
FIRMWARE_D  = tests/firmware
ARM         = CROSS=arm-none-eabi- BOARD=arm MEMORY='flash=0 ram=0x20000000'
MPS2        = MACHINE='qemu-system-arm -icount shift=6 -M
RISCV       = CROSS=riscv64-unknown-elf- BOARD=riscv MEMORY='flash=0x80000000 ram=0x80400000'
BARE        = -ffreestanding -isystem $(FIRMWARE_D)/bare# the toolchain for RISC-V comes without a C library
VIRT        = -bios none -icount shift=0 -M virt'
chip-m0plus: AS = $(ARM) CPU='-mcpu=cortex-m0plus -mthumb'
chip-m3:     AS = $(ARM) CPU='-mcpu=cortex-m3 -mthumb' $(MPS2) mps2-an385'
chip-m4f:    AS = $(ARM) CPU='-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -fcallgraph-info' $(MPS2) mps2-an386'
chip-m4f-O2: AS = $(ARM) CPU='-mcpu=cortex-m4 -mthumb -mfpu=fpv4-sp-d16 -mfloat-abi=hard -O2' $(MPS2) mps2-an386'
chip-m7:     AS = $(ARM) CPU='-mcpu=cortex-m7 -mthumb -mfpu=fpv5-d16 -mfloat-abi=hard' $(MPS2) mps2-an500'
chip-m33:    AS = $(ARM) CPU='-mcpu=cortex-m33 -mthumb -mfpu=fpv5-sp-d16 -mfloat-abi=hard'
chip-rv32:   AS = $(RISCV) CPU='-march=rv32imac -mabi=ilp32 $(BARE)' MACHINE='qemu-system-riscv32 $(VIRT)
chip-rv32f:  AS = $(RISCV) CPU='-march=rv32imafc -mabi=ilp32f $(BARE)' MACHINE='qemu-system-riscv32 $(VIRT)
chip-rv64:   AS = $(RISCV) CPU='-march=rv64imafdc -mabi=lp64d -mcmodel=medany $(BARE)' MACHINE='qemu-system-riscv64 $(VIRT)
QEMU        = timeout 300 $(MACHINE) -display none -monitor none -serial none -chardev stdio,id=semi \
              -semihosting-config enable=on,target=native,chardev=semi
CHECKS      = $(patsubst %.c,%.o,$(filter-out $(FIRMWARE_D)/board%,$(wildcard $(FIRMWARE_D)/*.c)))
CHECKS_CHIP = $(CHECKS:%=$B/firmware/%) $(patsubst %,$B/firmware/$(FIRMWARE_D)/%.o,board_chip board_$(BOARD) bare/string)
CHECKS_HOST = $(CHECKS:%=$B/%) $B/$(FIRMWARE_D)/board_host.o
# What programs link of the runtime that name no more than this: NAME:FUNCTION, and more of them behind ,-u, each.
CORE        = prune_blob_run,-u,prune_op_dense
CORE8       = prune_blob_run,-u,prune_op_widen,-u,prune_op_dense8,-u,prune_op_narrow
LINKED      = core:$(CORE) core8:$(CORE8) core+check:$(CORE),-u,prune_blob_check \
              all+check:prune_blob_run,-u,prune_blob_ops,-u,prune_blob_check

.PHONY: check-firmware chip $(CHIPS:%=chip-%) chip-host
check-firmware: $(CHIPS:%=chip-%) chip-host
	awk -v chips='$(CHIPS)' -v rewrite='$(REWRITE)' -f $(FIRMWARE_D)/figures.awk $(FIRMWARE_D)/figures.txt \
	    $(patsubst %,$B/chips/%/figures,host $(CHIPS)) >$B/chips/figures.txt
	$(if $(REWRITE),cp $B/chips/figures.txt $(FIRMWARE_D)/figures.txt)
$(CHIPS:%=chip-%): chip-%:
	$(call need,arm-none-eabi-gcc riscv64-unknown-elf-gcc qemu-system-arm qemu-system-riscv32,make deps-firmware)
	+$(MAKE) B=$B/chips/$* NAME=$* $(AS) chip
chip-host: $B/$(FIRMWARE_D)/checks
	mkdir -p $B/chips/host && $< >$B/chips/host/output || { cat $B/chips/host/output; exit 1; }
	sed 's/^/host /' $B/chips/host/output >$B/chips/host/figures

# One chip: NAME, CPU, BOARD, MEMORY and MACHINE are given.
chip: $(CHIP_LIBS) $(if $(MACHINE),$B/firmware/checks.elf)
	$(if $(MACHINE),$(QEMU) -kernel $B/firmware/checks.elf </dev/null >$B/output || { sed 's/^/$(NAME): /' $B/output; exit 1; })
	! find $B -name '*.ci' -exec cat {} + | awk -f $(FIRMWARE_D)/calls.awk | tsort 2>&1 >/dev/null | grep .
	{ echo "compiler gcc $$($(CROSS)gcc -dumpfullversion)"; \
	  $(CROSS)size $(CHIP_OBJ) | awk 'NR > 1 { n = split($$NF, path, "/"); text[path[n - 1]] += $$1 } \
	      END { for (folder in text) print "text", folder, text[folder] }' | sort; \
	  for set in $(LINKED); do $(CROSS)gcc $(CPU) -nostdlib -r -Wl,--gc-sections,-u,$${set#*:} -o $B/linked.o \
	      $B/firmware/libprune-runtime.a && $(CROSS)size $B/linked.o | awk -v name=$${set%%:*} 'END { print "linked", name, $$1 }'; done; \
	  cat $(if $(MACHINE),$B/output,/dev/null); } | sed 's/^/$(NAME) /' >$B/figures
$B/firmware/checks.elf: $(CHECKS_CHIP) $(CHIP_LIBS) $(FIRMWARE_D)/chip.ld
	$(CROSS)gcc $(CPU) -nostdlib -T $(FIRMWARE_D)/chip.ld $(MEMORY:%=-Wl,--defsym=%) -Wl,--gc-sections -o $@ $(filter-out %.ld,$^) -lgcc
$B/firmware/$(FIRMWARE_D)/bare/string.o: private override CPU += -fno-builtin -fno-tree-loop-distribute-patterns
$B/$(FIRMWARE_D)/checks: $(CHECKS_HOST) $B/libprune.a
	$(LINK) -o $@ $^ $(LIBS)
