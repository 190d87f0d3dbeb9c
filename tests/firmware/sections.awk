# sections.awk -- bytes of code and constants, and of data, of what has been linked: from `size -A`
#
# -v name: of the set. Of loader-* only what checks blobs is counted: all but the functions that compute, and the tables
# that name them.
BEGIN {
    computes = "^\\.(text|rodata)\\.(run|run_.*|prune_blob_run|prune_blob_ops|prune_op_.*|prune_[a-z0-9]*f|prn_scaled|relu" \
               "|prn_[a-z_]*lu|prn_gelu_tanh|fading|map(\\..*)?)$"
}
/^\.(text|s?rodata)/ && !(name ~ /^loader/ && $1 ~ computes) { code += $2 }
/^\.s?(data|bss)/ { data += $2 }
END {
    print "linked", name, code
    print "data", name, data + 0
}
