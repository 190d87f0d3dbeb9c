# calls.awk -- the calls in GCC's -fcallgraph-info, as pairs for tsort, which complains of loops: of recursion
#
# tsort does not mind a pair of the same, so a function that calls itself does so by way of another name. Calls
# through pointers are not seen.
/^edge: / {
    split($0, part, "\"")
    if (part[4] == "__indirect_call")
        next
    if (part[2] == part[4])
        print part[4] ":itself", part[2]
    print part[2], part[4] (part[2] == part[4] ? ":itself" : "")
}
