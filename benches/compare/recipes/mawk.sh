#!/bin/sh
# peer: mawk
# version: mawk -W version
# install: apt-get install mawk
# output: tsv method route requests rt_mean wait_mean app_mean
# leaves out: quantiles (means only), all other fields, all rules
#
# Split at the double quotes, the cheapest way to get at the fields of such a
# line: nginx never writes one inside a value. LC_ALL=C is every awk user's
# first advice on speed.
LC_ALL=C exec mawk -F'"' '
{
    split($2, request, " ")
    path = request[2]
    sub(/\?.*/, "", path)
    gsub(/\/[0-9]+/, "/:id", path)
    key = request[1] "\t" path
    requests[key]++
    total[key] += substr($7, 5)
    # nginx keeps the header of a cached answer: its time is an old one.
    if ($14 == "-" || index($15, "cs=HIT")) next
    connect = $8; header = $10
    sub(/.*, /, "", connect); sub(/.*, /, "", header)
    answers[key]++
    app[key] += $14
    left = header - connect - $14
    if (left > 0) wait[key] += left
}
END {
    for (key in requests) {
        printf "%s\t%d\t%.6f", key, requests[key], total[key] / requests[key]
        if (answers[key]) printf "\t%.6f\t%.6f\n", wait[key] / answers[key], app[key] / answers[key]
        else printf "\t\t\n"
    }
}' "$1"
