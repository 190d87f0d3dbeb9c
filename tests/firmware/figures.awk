# figures.awk -- what the chips have printed, held against figures.txt and against the host
#
# Input: figures.txt, then lines of four words: chip, kind, what, figure. Output: figures.txt as it would be now.
# Kinds: hash: on every chip that runs, the host's. instructions: within 1 % of the table. text, linked, stack,
# memory: at most 2 % above it. compiler: where it is another than the table's, the chip's figures are not compared.
# -v chips: those that are here; -v rewrite: if set, hashes alone are compared.
BEGIN {
    chip_count = split(chips, chip, " ")
    split("compiler text linked memory stack instructions", kinds, " ")
}

FILENAME ~ /figures\.txt$/ {
    if (/^#/)
        print
    else if (!columns)
        columns = split($0, column, " ")
    else
        for (i = 3; i <= columns; i++)
            if ($i != "-")
                table[column[i], $1, $2] = $i
    next
}
NF != 4 { complain("not a figure: " $0); next }
$2 == "hash" { hash[$1, $3] = $4; hashed[$1] = 1; hashes[$3] = 1; next }
$1 != "host" {
    figure[$1, $2, $3] = $4
    if (!(($2, $3) in seen))
        order[$2, ++rows[$2]] = $3
    seen[$2, $3] = 1
}

END {
    for (c = 1; c <= chip_count; c++) {
        for (name in hashes)
            if (hashed[chip[c]] && hash[chip[c], name] != hash["host", name])
                complain(chip[c] ": the bits of \"" name "\" are not the host's")
            else
                same += hashed[chip[c]]
        if (!rewrite)
            compare(chip[c])
    }
    write()
    if (!bad)
        note("check-firmware: " (rewrite ? "figures written, " : judged + 0 " figures as in figures.txt, ") \
             same + 0 " hashes the host\047s")
    else if (!rewrite)
        note("figures.txt is to say what is so: if it is meant, make check-firmware REWRITE=1")
    exit bad
}

function compare(name,    k, i, key, part) {
    if (table[name, "compiler", "gcc"] == "") {
        complain(name ": not in figures.txt")
        return
    }
    if (figure[name, "compiler", "gcc"] != table[name, "compiler", "gcc"]) {
        note(name ": another compiler than that of figures.txt: its figures are not compared")
        return
    }
    for (k = 2; k in kinds; k++)
        for (i = 1; i <= rows[kinds[k]]; i++)
            judge(name, kinds[k], order[kinds[k], i])
    for (key in table) {
        split(key, part, SUBSEP)
        if (part[1] == name && !(key in figure))
            complain(name " " part[2] " " part[3] ": in figures.txt, but not here")
    }
}

function judge(name, kind, what,    now, was, place) {
    if (!((name, kind, what) in figure))
        return
    now = figure[name, kind, what]
    was = table[name, kind, what]
    judged++
    place = name " " kind " " what ": " now
    if (was == "")
        complain(place " is not in figures.txt")
    else if (now > was * (kind == "instructions" ? 1.01 : 1.02))
        complain(place ", more than " was)
    else if (now < was * 0.99 && kind == "instructions")
        complain(place ", less than " was)
}

function write(    k, i, c, line) {
    line = sprintf("%-12s %-12s", "kind", "what")
    for (c = 1; c <= chip_count; c++)
        line = line sprintf(" %7s", chip[c])
    print line
    for (k = 1; k in kinds; k++)
        for (i = 1; i <= rows[kinds[k]]; i++) {
            line = sprintf("%-12s %-12s", kinds[k], order[kinds[k], i])
            for (c = 1; c <= chip_count; c++)
                line = line sprintf(" %7s", value(figure[chip[c], kinds[k], order[kinds[k], i]]))
            print line
        }
}

function value(number) { return number == "" ? "-" : number }
function note(text) { print text >"/dev/stderr" }
function complain(text) { note(text); bad = 1 }
