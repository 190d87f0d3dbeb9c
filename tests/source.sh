#!/bin/sh
# Exports models as C source, standing alone and against the amalgamated runtime, compiles them and runs their self-tests.
# From the environment: B, CC, RUN. firmware.mk does the same with the compilers of chips.
set -eu
rm -rf "$B/source" && mkdir -p "$B/source/alone" "$B/source/linked"
${RUN:-} "$B/tests/source/write" "$B/source/alone" - || { [ $? = 77 ] && echo "exported C: not on big-endian hosts" && exit 0; exit 1; }
${RUN:-} "$B/tests/source/write" "$B/source/linked" prune_runtime.h
cp "$B/prune_runtime.h" "$B/prune_runtime.c" "$B/source/linked"
for file in "$B/source/alone/net0.c" "$B/source/linked/prune_runtime.h" "$B/source/linked/prune_runtime.c"; do
    head -n 6 "$file" | grep -q 'SPDX-License-Identifier: MIT' || { echo "source.sh: $file names no license" >&2; exit 1; }
done
# A self-test that cannot fail is none: other weights and another output are wrong (2), the last digits rounding (1).
first="$CC -std=c99 -O1"
altered() {
    rm -rf "$B/source/altered" && cp -R "$B/source/alone" "$B/source/altered"
    sed "$2" "$B/source/alone/net0.c" >"$B/source/altered/net0.c"
    $first -ffp-contract=off -o "$B/source/altered/program" "$B"/source/altered/*.c
    status=0; ${RUN:-} "$B/source/altered/program" || status=$?
    [ $status = "$1" ] || { echo "source.sh: the self-test gave $status for $2" >&2; exit 1; }
}
altered 2 's/0x3f/0x40/g'
altered 2 '/prn_wanted.*= {/,/};/s/0x1\./0x1.8/'
altered 1 '/prn_wanted.*= {/,/};/s/\(0x1\.....\).*p/\1fp/'
# Where sums may be reordered exp would be wrong: it is refused, or Clang is told not to. Models without it come near.
for flag in -ffast-math -funsafe-math-optimizations -ffinite-math-only; do
    rm -rf "$B/source/fast" && mkdir "$B/source/fast" && cp "$B/prune_runtime.h" "$B/prune_runtime.c" "$B/source/fast"
    for file in "$B"/source/alone/*.c "$B/source/fast/prune_runtime.c"; do
        object=$B/source/fast/$(basename "$file" .c).o
        $first -O2 $flag -c -o "$object" "$file" 2>"$object.log" || {
            grep -q 'error.*exp.*wrong' "$object.log" && $first -c -o "$object" "$file"; } || { cat "$object.log" >&2; exit 1; }
    done
    grep -q error "$B/source/fast/prune_runtime.o.log" || [ $flag = -funsafe-math-optimizations ] ||
        { echo "source.sh: the runtime is not refused with $flag" >&2; exit 1; }
    status=0; $first -o "$B/source/fast/program" "$B"/source/fast/[mn]*.o && ${RUN:-} "$B/source/fast/program" || status=$?
    # 5: what NaN is quantized to.
    [ $status -le 1 ] || [ $status = 5 ] || { echo "source.sh: the self-test gave $status with $flag" >&2; exit 1; }
done
# Machines of the other byte order would read bytes of int8 in the wrong places: what float has nothing of.
for file in "$B"/source/alone/net*.c; do
    wanted=0; grep -q 'int8_t' "${file%.c}.h" && wanted=1
    status=0; $first -U__BYTE_ORDER__ -D__BYTE_ORDER__=4321 -fsyntax-only "$file" 2>/dev/null || status=1
    [ $status = $wanted ] || { echo "source.sh: $file: $status for a big-endian machine" >&2; exit 1; }
done
# Who wants no self-test has none.
nothing=$B/source/fast/no_selftest.o
$first -Wall -Wextra -Werror -DNET0_NO_SELFTEST -c -o "$nothing" "$B/source/alone/net0.c"
rm -rf "$B/source/altered" && cp -R "$B/source/alone" "$B/source/altered" && rm "$B/source/altered/net0.c"
! $first -o "$B/source/altered/program" "$B"/source/altered/*.c "$nothing" 2>"$nothing.log" && grep -q net0_selftest "$nothing.log" ||
    { echo "source.sh: there is a self-test all the same" >&2; exit 1; }
warnings='-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wundef -Wdouble-promotion -Werror'
for language in '-std=c99' '-xc++ -std=c++17'; do
    $CC $language -fsyntax-only -c /dev/null 2>"$B/source/log" || { cat "$B/source/log" && continue; }
    for kind in alone linked; do
        program=$B/source/$kind/program
        [ $kind = alone ] && blob= || blob="-xnone -Wl,-z,noexecstack -I$B/source/linked $B/source/linked/blob.S"
        $CC $language -O1 $warnings -ffp-contract=off -o "$program" "$B/source/$kind"/*.c $blob && ${RUN:-} "$program" ||
            { echo "source.sh: $language: $kind: $?" >&2; exit 1; }
    done
done
echo "exported C: compiled and run, alone and with the runtime"
