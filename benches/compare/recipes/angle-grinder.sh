#!/bin/sh
# peer: angle-grinder
# version: agrind --version
# install: cargo install ag (install.sh cargo)
# output: rows
# routes: cut
# quantiles: estimated
# leaves out: ids inside a route (a path is cut at its first digit, as it has no replacing function), the phases but two, time windows, upstreams, all rules
exec agrind --file "$1" --output json '* | parse regex "\"(?P<method>\S+) (?P<route>/[^0-9 ?\"]*)[^\"]*\" \d+ \d+ \"[^\"]*\" \"[^\"]*\" rt=(?P<rt>\S+) uct=\"(?:[^\"]*, )?(?P<uct>[^\"]*)\" uht=\"(?:[^\"]*, )?(?P<uht>[^\"]*)\" urt=\"[^\"]*\" app=\"(?P<header>[^\"]*)\" cs=(?P<cs>\S+)"
    | if(cs == "HIT", "-", header) as app
    | if(isNumeric(app), if(uht - uct - app > 0, uht - uct - app, 0), "-") as wait
    | count as requests, avg(rt) as rt_mean, p50(rt) as rt_p50, p95(rt) as rt_p95, p99(rt) as rt_p99, avg(wait) as wait_mean, p50(wait) as wait_p50, p95(wait) as wait_p95, p99(wait) as wait_p99, avg(app) as app_mean, p50(app) as app_p50, p95(app) as app_p95, p99(app) as app_p99 by method, route'
