# texts.awk -- the runtime's sources in other forms: as one file, and as texts for exported C code
#
#   awk -v out=one   -f texts.awk FILES   all of them behind each other, without their includes of each other
#   awk -v out=texts -f texts.awk FILES   C for run_text.h: every function, type and constant as a string, and for each
#                                         operation, and for what quantizes, those that it needs
#
# FILES are in the order of the ranks. Names that are a .c file's own get its name before them, so that all can share a
# file. What is read is C in the tree's own layout: items begin in the first column, and comments stand before them.
BEGIN {
    OWN = "^(static|PRN_INLINE) "
    kept = ops = 0
}
FNR == 1 && NR > 1 { end_file() }
FNR == 1 { file = FILENAME; count = 0 }
!/^\/\* FFI-(BEGIN|END) \*\/$/ { line[++count] = $0 }
END {
    end_file()
    if (out == "texts")
        print_texts()
    else
        print_one()
    exit failed
}

function end_file(    stem, i) {
    stem = file
    gsub(/.*\/|\.[a-z]+$/, "", stem)
    split("", new_name)
    splice()
    split_items()
    for (i = 1; i <= items; i++) {
        name_item(i)
        if (file ~ /\.c$/)
            make_own(i, stem)
    }
    for (i = 1; i <= items; i++) {
        text[i] = renamed(text[i])
        code[i] = renamed(code[i])
        if (kind[i] != "include")
            keep(i)
    }
}

# Files that are included under #if come in place of it, without their own guards and includes.
function splice(    i, n, deep, part, copy, other, text_line) {
    for (i = 1; i <= count; i++) {
        deep += (line[i] ~ /^#if/ && !is_guard(i)) - (line[i] ~ /^#endif/ && deep > 0)
        if (!deep || line[i] !~ /^#include "/) {
            copy[++n] = line[i]
            continue
        }
        other = file
        sub(/[^\/]*$/, "", other)
        split(line[i], part, "\"")
        other = other part[2]
        while ((getline text_line <other) > 0)
            if (text_line !~ /^#(ifndef|include|endif)|^#define [A-Z_]+_H$|^\/\* [a-z_]+\.h -- /)
                copy[++n] = text_line
        close(other)
    }
    for (count = 0; count < n; count++)
        line[count + 1] = copy[count + 1]
}

# ---- items: comment[i] is a part of text[i], which code[i] has without comments ----

function split_items(    i, inside, deep, head) {
    items = inside = deep = in_comment = 0
    for (i = 1; i <= count; i++) {
        if (!inside && line[i] == "")
            continue
        if (!inside) {
            inside = 1
            text[++items] = code[items] = comment[items] = ""
        }
        head = without_comments(line[i])
        if (code[items] == "" && head ~ /^[ \t]*$/)
            comment[items] = comment[items] line[i] "\n"
        else
            code[items] = code[items] head "\n"
        text[items] = text[items] line[i] "\n"
        deep += (head ~ /^#if/ && !is_guard(i)) - (head ~ /^#endif/ && deep > 0)
        if (!deep && !in_comment && ends_item(head, line[i + 1]))
            inside = 0
    }
}

# #ifndef X, then #define X.
function is_guard(i) { return line[i] ~ /^#ifndef [A-Z_]+_H$/ && line[i + 1] == "#define " substr(line[i], 9) }

function ends_item(head, next_line) {
    if (code[items] == "")
        return next_line == ""
    return head !~ /\\$/ && (head ~ /^#/ || head ~ /^PRUNE_API_/ || (head ~ /[;}][ \t]*$/ && is_balanced(code[items])))
}

function is_balanced(s) { return gsub(/{/, "", s) == gsub(/}/, "", s) }

function without_comments(s,    kept) {
    kept = ""
    while (s != "") {
        if (!in_comment && !index(s, "/*"))
            return kept s
        if (!in_comment) {
            kept = kept substr(s, 1, index(s, "/*") - 1)
            s = substr(s, index(s, "/*") + 2)
        }
        in_comment = !index(s, "*/")
        s = in_comment ? "" : substr(s, index(s, "*/") + 2)
    }
    return kept
}

# ---- names ----

# kind[i], and what it defines: names[i], with a space before each.
function name_item(i,    c) {
    c = code[i]
    names[i] = ""
    kind[i] = "other"
    if (c ~ /^#include/)
        kind[i] = c ~ /"/ ? "include" : "other"
    else if (c ~ /^#(if|define)/)
        name_group(i, c)
    else if (c ~ /^typedef/)
        set_name(i, "type", c ~ /^[^{]*\(/ ? before(c, "(") : last_of(c))
    else if (c ~ /^enum/)
        name_constants(i, c)
    else if (c ~ /^[^={]*=/ && c !~ /^[^=]*\(/)
        set_name(i, "object", before(c, c ~ /^[^=]*\[/ ? "[" : "="))
    else if (c ~ /^[^={]*\([^{]*{/)
        set_name(i, "function", before(c, "("))
}

function set_name(i, what, name) {
    kind[i] = what
    names[i] = names[i] " " name
}

function name_group(i, c,    n, part, k) {
    n = split(c, part, "\n")
    for (k = 1; k <= n; k++)
        if (part[k] ~ /^#[ \t]*define/) {
            sub(/^#[ \t]*define[ \t]+/, "", part[k])
            match(part[k], /^[A-Za-z_0-9]+/)
            if (part[k] !~ /_H$/)
                set_name(i, "group", substr(part[k], 1, RLENGTH))
        } else if (part[k] ~ OWN && part[k] ~ /\(/)
            set_name(i, "group", before(part[k], "("))
        else if (part[k] ~ /^(}|typedef) .*[a-z];$/)
            set_name(i, "group", last_of(part[k]))
}

function name_constants(i, c,    n, part, k) {
    gsub(/^[^{]*{|}[^}]*$/, "", c)
    n = split(c, part, ",")
    for (k = 1; k <= n; k++)
        if (match(part[k], /[A-Za-z_][A-Za-z_0-9]*/))
            set_name(i, "constants", substr(part[k], RSTART, RLENGTH))
}

function before(c, mark) { return last_of(substr(c, 1, index(c, mark) - 1)) }

function last_of(c) {
    gsub(/[^A-Za-z_0-9]+$/, "", c)
    sub(/^.*[^A-Za-z_0-9]/, "", c)
    return c
}

function make_own(i, stem,    n, part, k, word) {
    if (code[i] !~ /^(static|PRN_INLINE|typedef|enum|#)/)
        return
    n = split(names[i], part, " ")
    for (k = 1; k <= n; k++) {
        word = "prn_" stem "_" part[k]
        if (part[k] !~ /^(prn|prune|PRN|PRUNE)_/)
            new_name[part[k]] = part[k] ~ /[a-z]/ ? word : toupper(word)
    }
    names[i] = renamed(names[i])
}

function renamed(s,    done, word, head) {
    done = ""
    while (match(s, /[A-Za-z_][A-Za-z_0-9]*|[0-9][A-Za-z_0-9.]*|\/\*/)) {
        head = substr(s, 1, RSTART - 1)
        word = substr(s, RSTART, RLENGTH)
        s = substr(s, RSTART + RLENGTH)
        done = done head
        if (word == "/*") {
            word = word substr(s, 1, index(s, "*/") - 1)
            s = substr(s, index(s, "*/"))
        } else if (word in new_name && done !~ /(\.|->)$/)
            word = new_name[word]
        done = done word
    }
    return done s
}

# ---- what comes out ----

function keep(i,    n, part, k) {
    if (kind[i] == "object" && names[i] ~ / prune_op_/) {
        op[++ops] = substr(names[i], 2)
        run[ops] = before(code[i], "}")
    }
    if (names[i] != "" && code[i] !~ /^extern/) {
        n = split(names[i], part, " ")
        for (k = 1; k <= n; k++)
            home[part[k]] = kept
    }
    if (out == "texts" && kind[i] == "function" && code[i] !~ OWN)
        text[i] = comment[i] "static " substr(text[i], length(comment[i]) + 1)
    is_root[kept] = kind[i] !~ /^(function|object)$/ || code[i] !~ OWN
    kept_code[kept] = code[i]
    kept_text[kept++] = text[i]
}

# Marks what item i stands on, and itself.
function mark(i,    s, word) {
    if (i in needed)
        return
    needed[i]
    s = kept_code[i]
    while (match(s, /[A-Za-z_][A-Za-z_0-9]*/)) {
        word = substr(s, RSTART, RLENGTH)
        s = substr(s, RSTART + RLENGTH)
        if (word in home)
            mark(home[word])
    }
}

# All but functions and constants that nobody needs.
function print_one(    i) {
    for (i = 0; i < kept; i++)
        if (is_root[i])
            mark(i)
    for (i = 0; i < kept; i++)
        if (i in needed)
            printf "%s\n", kept_text[i]
}

function print_texts(    i, o, total) {
    run[ops + 1] = "prn_blob_scale_integer"
    for (o = 1; o <= ops + 1; o++)
        mark(home[run[o]])
    print "/* run_text.c -- made by texts.awk */\n#include \"run_text.h\"\n"
    print "const char *const prn_run_items[] = {"
    for (i = 0; i < kept; i++)
        if (i in needed) {
            number[i] = total++
            print "    " quoted(kept_text[i]) ","
        }
    print "};\n\nconst uint32_t prn_run_item_count = " total ";\n"
    for (o = 1; o <= ops + 1; o++)
        print "static const uint8_t needs_" o "[] = { " needs_of(home[run[o]]) " };"
    print "\nconst prn_run_text prn_run_texts[] = {"
    for (o = 1; o <= ops; o++)
        print "    { &" op[o] ", \"" op[o] "\", \"" run[o] "\", needs_" o ", sizeof needs_" o " },"
    print "};\n\nconst uint32_t prn_run_text_count = " ops ";\n"
    print "const prn_run_text prn_run_integer = { NULL, NULL, \"" run[o] "\", needs_" o ", sizeof needs_" o " };"
    failed = ops == 0 || total > 256
}

function needs_of(item,    i, list) {
    split("", needed)
    mark(item)
    for (i = 0; i < kept; i++)
        if (i in needed)
            list = list (list == "" ? "" : ", ") number[i]
    return list
}

function quoted(s) {
    sub(/\n$/, "", s)
    gsub(/\\/, "&&", s)
    gsub(/"/, "\\\"", s)
    gsub(/\n/, "\\n\"\n    \"", s)
    return "\"" s "\\n\""
}
