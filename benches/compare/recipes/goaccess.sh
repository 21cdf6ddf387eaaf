#!/bin/sh
# peer: GoAccess
# version: goaccess --version
# install: apt-get install goaccess
# output: at general.valid_requests
# leaves out: routes (ids stay: it has no way to mask them), quantiles, wait and application time; counts visitors, browsers and referrers instead
#
# The JSON report: its smallest output. -q drops query strings, as all others do.
set -eu
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT
goaccess --no-global-config --no-progress --no-query-string \
    --log-format='%h %^[%d:%t %^] "%r" %s %b "%R" "%u" rt=%T uct="%^" uht="%^" urt="%^" app="%^" cs=%^ ua="%^" rid=%^' \
    --date-format='%d/%b/%Y' --time-format='%T' --output="$folder/report.json" "$1" >&2
cat "$folder/report.json"
