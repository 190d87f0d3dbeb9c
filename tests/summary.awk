# summary.awk -- adds up what the test programs reported into their .log files; shows those that are not all well.
# A program must end with status 0, have run at least one test, and have skipped none.
FNR == 1 { finish(); name = FILENAME; text = ""; checks = failures = 0; ended = skipped = 0 }
{ text = text $0 "\n" }
/Checks: [0-9]+, Failures: [0-9]+, Errors: [0-9]+/ {
    split($0, number, /[^0-9]+/)
    checks += number[2]
    failures += number[3] + number[4]
}
/^exit status 0$/ { ended = 1 }
tolower($0) ~ /skipped/ { skipped = 1 }
END {
    finish()
    printf "%d passed, %d failed\n", passed, failed
    exit failed > 0
}

function finish() {
    if (name == "")
        return
    if (!failures && (!ended || !checks || skipped))
        failures = 1
    if (failures)
        printf "\n%s:\n%s\n", name, text
    failed += failures
    passed += checks > failures ? checks - failures : 0
}
