#!/bin/sh
# peer: lnav
# version: lnav -V
# install: apt-get install lnav
# output: rows
# routes: cut
# leaves out: quantiles (SQLite has none), ids inside a route (a path is cut at its first digit, as regexp_replace of 0.11.1 returns text of earlier rows behind its result), all rules
#
# Its own format for this log is in lnav/formats, as a user would keep it. A
# home of its own keeps the user's formats out.
set -eu
recipes=$(cd "$(dirname "$0")" && pwd)
home=$(mktemp -d)
trap 'rm -r "$home"' EXIT
HOME=$home XDG_CONFIG_HOME=$home lnav -n -I "$recipes/lnav" -c ";
    SELECT method, route, count(*) AS requests, avg(rt) AS rt_mean,
           avg(CASE WHEN cache <> 'HIT' AND app <> '-' THEN max(uht - uct - app, 0) END) AS wait_mean,
           avg(CASE WHEN cache <> 'HIT' AND app <> '-' THEN app END) AS app_mean
    FROM nginx_timed GROUP BY method, route ORDER BY requests * app_mean DESC" \
    -c ':write-json-to -' "$1"
