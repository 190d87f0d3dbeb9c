#!/bin/sh
# Does what README.md says of a chip: its program there (```c chip), by its own commands (```sh), of the model that one
# of its programs for the host leaves (tests/readme.sh). From the environment: B.
set -eu
work=$B/readme-chip
rm -rf "$work" && mkdir -p "$work"
ln -s "$PWD/tests" "$work/tests"
cp "$B/readme/waves.c" "$B/readme/waves.h" "$work"
awk -v work="$work" '/^```c chip$/ { file = work "/main.c"; next } /^```sh$/ { file = work "/commands" }
    /^```$/ { file = "" } file != "" && !/^```/ { print > file }' README.md
cd "$work" && timeout 60 sh -eu commands
