# layers.awk -- holds every source file to the three lines of the Makefile that are the architecture.
#
# A module is a stem: include/libprune/X.h, lib|src/X.h, lib|src/X.c. Its files include their own headers and
# those of modules of a lower rank. Only HOSTED modules may use the whole C library; FIRMWARE modules know
# no double. lib/ never includes src/. Tests and benchmarks see what a user sees: the installed headers.
BEGIN {
    count = split(ranks, word, " ")
    for (i = 1; i <= count; i++)
        if (word[i] == "/")
            level++
        else
            rank[word[i]] = level + 1
    members(hosted, is_hosted, "HOSTED")
    members(firmware, is_firmware, "FIRMWARE")
    small_libc = "^<(stddef|stdint|stdbool|limits|float|string)\\.h>$"
    other = "[^A-Za-z0-9_]"
}

FNR == 1 {
    place = FILENAME
    top = dir = file = place
    sub(/\/.*/, "", top)
    sub(/\/[^\/]*$/, "", dir)
    sub(/.*\//, "", file)
    me = stem(file)
    inside = top == "lib" || top == "src" || dir == "include/libprune"
    in_comment = body = 0
    if (inside && !(me in rank))
        complain(me " is not in RANKS")
    if (top != "include" && me in home && home[me] != dir)
        complain("the stem " me " is taken by " home[me] "/")
    if (top != "include")
        home[me] = dir
    present[me] = 1
    if (index($0, "/* " file " ") != 1)
        complain("the first line is not \"/* " file " -- ...\"")
}

{ code = without_comments($0) }
length($0) > 110 && dir !~ /fixtures$/ { complain("longer than 110") }
FNR == 501 && dir !~ /fixtures$/ { complain("longer than 500 lines") }

# Nothing that this file could not read.
code ~ /^[ \t]*(#|%:|\?\?=)/ && code !~ /^[ \t]*#[ \t]*(include|define|undef|ifn?def|if|elif|else|endif|error|pragma)([^A-Za-z]|$)/ {
    complain("a directive that layers.awk does not know")
}
inside && code ~ /[^#]##|%:%:/ { complain("names pasted together") }

code ~ /^[ \t]*#[ \t]*include/ {
    name = code
    gsub(/^[ \t]*#[ \t]*include[ \t]*["<]?|[">].*$/, "", name)
    ours = code ~ /"/ || name ~ /^libprune/ || name ~ /\.\./ || (name !~ /\// && stem(name) in rank)
    if (code !~ /[<"]/)
        complain("an include by a macro")
    else if (ours)
        check_include(name)
    else if (inside && !(me in is_hosted) && ("<" name ">") !~ small_libc)
        complain("<" name "> is for HOSTED modules")
}
inside && me in is_firmware && code ~ ("(^|" other ")double(" other "|$)") { complain("double in a FIRMWARE module") }

code ~ /^\{/ { body = FNR }
body && inside && code ~ /^[ \t]*#[ \t]*(if|elif|else)/ { complain("#if inside a function") }
code ~ /^\}/ {
    if (body && FNR - body >= 60)
        complain("a function longer than 60 lines")
    body = 0
}

END {
    for (target in from_lib)
        if (home[target] ~ /^src/)
            report(from_lib[target] ": lib/ looks into src/ (" target ")")
    for (name in rank)
        if (!(name in present))
            report("Makefile: RANKS names " name ", but there is no such file")
    exit bad
}

function check_include(name) {
    if (name ~ /\.\./)
        complain("a path with .. in " name)
    else if (inside)
        look_down(stem(name))
    else if (name !~ /^libprune(\.h|\/)/ && !exists(dir "/" name))
        complain(name " is neither an installed header nor in " dir "/")
}

function look_down(target) {
    if (top == "lib" && target != me)
        from_lib[target] = place ":" FNR
    if (target != me && !(target in rank))
        complain(target " is not in RANKS")
    else if (target != me && me in rank && rank[target] >= rank[me])
        complain(me " may not look " (rank[target] > rank[me] ? "up" : "sideways") " to " target)
}

function members(list, set, title,    names, i, n) {
    n = split(list, names, " ")
    for (i = 1; i <= n; i++) {
        set[names[i]] = 1
        if (!(names[i] in rank))
            report("Makefile: " title " names " names[i] ", which is not in RANKS")
    }
}

function stem(path) {
    sub(/.*\//, "", path)
    sub(/\.[a-z]+$/, "", path)
    return path
}

function exists(path,    line, found) {
    found = (getline line < path) >= 0
    close(path)
    return found
}

# The line without comments, and with every literal emptied. A comment may begin on an earlier line.
function without_comments(line,    kept, c, pair) {
    kept = ""
    while (line != "") {
        c = substr(line, 1, 1)
        pair = substr(line, 1, 2)
        if (in_comment || pair == "/*") {
            line = in_comment ? line : substr(line, 3)
            in_comment = !index(line, "*/")
            line = in_comment ? "" : substr(line, index(line, "*/") + 2)
        } else if (pair == "//") {
            line = ""
        } else if ((c == "\"" || c == "'") && !(kept ~ /^[ \t]*#[ \t]*include/)) {
            kept = kept c c
            line = after_literal(substr(line, 2), c)
        } else {
            kept = kept c
            line = substr(line, 2)
        }
    }
    return kept
}

function after_literal(line, quote) {
    while (line != "" && substr(line, 1, 1) != quote)
        line = substr(line, substr(line, 1, 1) == "\\" ? 3 : 2)
    return substr(line, 2)
}

function complain(what) { report(place ":" FNR ": " what) }
function report(text) { print text; bad = 1 }
