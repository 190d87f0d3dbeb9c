# headers.awk -- which public headers are on chips, as they and README.md say it, against the libraries' symbols
#
#   awk -f headers.awk SYMBOLS HEADERS README.md
#
# SYMBOLS: for each library a line with its name, and behind it what nm says. All functions and objects of a header are
# in a library, or none is; the former says "On chips: LIBRARY" among its first lines, or "LIBRARY and LIBRARY".
# README.md lists them: indented, a library's name, then headers.
FNR == 1 { end_header(); file = FILENAME; text = ""; says = ""; in_comment = 0 }
FNR == NR && /^libprune-/ { library[++libraries] = $1; next }
FNR == NR { if (NF == 3 && $3 ~ /^prune_/) has[libraries, $3] = 1; next }
file ~ /README\.md$/ {
    if (/^    libprune-[a-z]+\.a /)
        listing = $1
    else if (!/^     +[a-z]/)
        listing = ""
    for (i = 1; i <= NF && listing != ""; i++)
        if ($i != listing)
            listed[listing, $i] = 1
    next
}
/^ \* On chips: / { says = substr($0, 14) }
{ text = text without_comments($0) "\n" }
END {
    end_header()
    for (key in listed)
        if (!(key in found)) {
            split(key, part, SUBSEP)
            complain("README.md: " part[1] " has nothing of " part[2] ".h")
        }
    for (key in found)
        if (!(key in listed)) {
            split(key, part, SUBSEP)
            complain("README.md: it does not list " part[2] ".h in " part[1])
        }
    exit bad
}

function end_header(    name, i, n, missing, count, where) {
    if (file !~ /\.h$/)
        return
    name = file
    gsub(/.*\/|\.h$/, "", name)
    where = ""
    for (i = 1; i <= libraries; i++) {
        n = count_names(i)
        if (n == 0 || absent == n)
            continue
        if (absent != 0)
            complain(file ": " library[i] " has no " first_absent "(), but others of it")
        found[library[i], name] = 1
        where = where (where == "" ? "" : " and ") library[i]
    }
    if (says != (where == "" ? "" : where "."))
        complain(file ": it should say \"On chips: " where ".\", not \"" says "\"")
}

# How many functions and objects the header declares; absent: how many of them library i has not.
function count_names(i,    rest, name, n) {
    n = absent = 0
    rest = text
    while (match(rest, /prune_[a-z0-9_]+[(;]/)) {
        name = substr(rest, RSTART, RLENGTH - 1)
        if (substr(rest, RSTART + RLENGTH - 1, 1) == "(" || is_object(name)) {
            n++
            if (!((i, name) in has)) {
                first_absent = name
                absent++
            }
        }
        rest = substr(rest, RSTART + RLENGTH)
    }
    return n
}

function is_object(name) { return text ~ ("\nextern [^;\n]* " name ";\n") }

function without_comments(line,    kept) {
    kept = ""
    while (line != "") {
        if (!in_comment && !index(line, "/*"))
            return kept line
        if (!in_comment) {
            kept = kept substr(line, 1, index(line, "/*") - 1)
            line = substr(line, index(line, "/*") + 2)
        }
        in_comment = !index(line, "*/")
        line = in_comment ? "" : substr(line, index(line, "*/") + 2)
    }
    return kept
}

function complain(what) { print what; bad = 1 }
