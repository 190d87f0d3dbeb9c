#!/bin/sh
# Compiles and runs every C program that README.md shows, with the library's own warnings. Big-endian machines
# make no blobs, and so run no program that does.
# From the environment: CC, CFLAGS (as for the tests), LDLIBS (the library and what it needs), RUN (what the
# programs are put under, or nothing), B.
set -eu
work=$B/readme
rm -rf "$work" && mkdir -p "$work"
awk -v work="$work" '/^```c$/ { file = work "/program" ++n ".c"; next } /^```$/ { file = "" } file != "" { print > file }' README.md
found=0
order=$(echo __BYTE_ORDER__ | $CC -E -P -x c -)
for source in "$work"/program*.c; do
    program=${source%.c}
    [ "$order" = 1234 ] || ! grep -q prune_blob_run "$source" || continue
    $CC $CFLAGS -o "$program" "$source" $LDLIBS
    case $program in /*) ;; *) program=$PWD/$program ;; esac
    (cd "$work" && ${RUN:-} "$program")
    found=$((found + 1))
done
[ "$found" -ge 6 ] || { echo "README.md shows $found programs, not 6" >&2; exit 1; }
echo "README.md: $found programs compiled and run"
