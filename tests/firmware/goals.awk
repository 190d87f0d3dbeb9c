# goals.awk -- what was measured on an M4F, held to goals.txt
#
# Input: goals.txt, then lines of four words: flags, kind, what, figure. Output: goals.txt as it would be now. A figure
# is at most its goal; where what was seen is above it, at most 1 % more than that. And what was seen is within 1 % of
# what is. -v compiler: its version, nothing is compared with figures of another; -v rewrite: if set, nothing is.
FILENAME ~ /goals\.txt$/ { line[++lines] = $0; next }
{ figure[$1, $2, $3] = $4 }

END {
    for (i = 1; i <= lines; i++) {
        if (split(line[i], f, " ") == 6 && f[1] !~ /^(#|kind)/)
            line[i] = judge(f[1], f[2], f[3], f[4], f[5], f[6])
        print line[i]
    }
    note("check-goals: " judged + 0 " figures" (above ? ", above their goals:" above : ", all within their goals"))
    exit bad
}

function judge(kind, what, flags, per, goal, seen,    now) {
    if (kind == "compiler") {
        other = compiler != seen && !rewrite
        if (other)
            note("another compiler than that of goals.txt: figures are not compared")
        return sprintf("%-12s %-14s %-8s %6s %6s %7s", kind, what, flags, per, goal, rewrite ? compiler : seen)
    }
    now = measured(flags, kind, what)
    if (now == "")
        complain(flags " " kind " " what ": not measured")
    now = now / per
    judged++
    if (goal != "-" && now > goal + 0) {
        above = above " " kind " " what " " flags " (" number(now) ", not " goal ")"
        if (!other && !rewrite && (seen <= goal + 0 || now > seen * 1.01))
            complain(flags " " kind " " what ": " number(now) " is above its goal, " goal)
    }
    if (!other && !rewrite && (now > seen * 1.01 || now < seen * 0.99))
        complain(flags " " kind " " what ": " number(now) ", not " seen "; if it is meant, make check-goals REWRITE=1")
    return sprintf("%-12s %-14s %-8s %6s %6s %7s", kind, what, flags, per, goal, number(now))
}

function measured(flags, kind, what) {
    if (kind == "flash")
        return sum(figure[flags, "memory", what], figure[flags, "linked", "pruned8"], 1)
    if (kind == "marginal")
        return sum(figure[flags, "instructions", what "-80"], figure[flags, "instructions", what "-90"], -1)
    return figure[flags, kind, what]
}

function sum(a, b, sign) { return a == "" || b == "" ? "" : a + sign * b }
function number(n) { return n == int(n) ? sprintf("%d", n) : sprintf("%.3f", n) }
function note(text) { print text >"/dev/stderr" }
function complain(text) { note(text); bad = 1 }
