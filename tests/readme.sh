#!/bin/sh
# Compiles and runs every C program that README.md shows, with the library's own warnings.
# From the environment: CC, CFLAGS (as for the tests), LDLIBS (the library and what it needs), RUN (what the
# programs are put under, or nothing), B.
set -eu
work=$B/readme
rm -rf "$work" && mkdir -p "$work"
awk -v work="$work" '/^```c$/ { file = work "/program" ++n ".c"; next } /^```$/ { file = "" } file != "" { print > file }' README.md
found=0
for source in "$work"/program*.c; do
    program=${source%.c}
    $CC $CFLAGS -o "$program" "$source" $LDLIBS
    case $program in /*) ;; *) program=$PWD/$program ;; esac
    (cd "$work" && ${RUN:-} "$program")
    found=$((found + 1))
done
[ "$found" -ge 5 ] || { echo "README.md shows $found programs, not 5" >&2; exit 1; }
echo "README.md: $found programs compiled and run"
