#!/usr/bin/env python3
# peer: ClickHouse (chdb), regular expression
# version: python3 -c 'import chdb; print(chdb.__version__, "with ClickHouse", chdb.engine_version)'
# install: pip install chdb (install.sh pip)
# output: tsv method route requests rt_mean rt_p50 rt_p95 rt_p99 wait_mean wait_p50 wait_p95 wait_p99 app_mean app_p50 app_p95 app_p99
# quantiles: estimated
# leaves out: minimum and maximum, the phases but two, time windows, upstreams, all rules; quantiles are of a sample of 8,192 values
#
# quantiles() is what one writes first, and the cheapest.
import sys

import chdb

LINE = (
    r'"(\S+) ([^ ?"]*)[^"]*" \d+ \d+ "[^"]*" "[^"]*" rt=(\S+) uct="([^"]*)" uht="([^"]*)"'
    r' urt="[^"]*" app="([^"]*)" cs=(\S+)'
)


def quoted(text: str) -> str:
    """The text as a string of ClickHouse's SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


print(chdb.query(f"""
    WITH lines AS (
        SELECT extractGroups(line, {quoted(LINE)}) AS f
        FROM file({quoted(sys.argv[1])}, 'LineAsString', 'line String')
    ), times AS (
        SELECT f[1] AS method,
               replaceRegexpAll(f[2], '/[0-9]+', '/:id') AS route,
               toFloat64(f[3]) AS rt,
               -- Of a list the last attempt; '-' becomes NULL.
               toFloat64OrNull(splitByString(', ', f[5])[-1])
                   - toFloat64OrNull(splitByString(', ', f[4])[-1]) AS server,
               -- nginx keeps the header of a cached answer: its time is an old one.
               if(f[7] = 'HIT', NULL, toFloat64OrNull(f[6])) AS app
        FROM lines
    ), phases AS (
        -- greatest() alone would turn NULL into 0.
        SELECT method, route, rt, app, if(server - app < 0, 0, server - app) AS wait FROM times
    ), endpoints AS (
        SELECT method, route, count() AS requests,
               avg(rt) AS rt_mean, quantiles(0.5, 0.95, 0.99)(rt) AS rt_q,
               avg(wait) AS wait_mean, quantiles(0.5, 0.95, 0.99)(wait) AS wait_q,
               avg(app) AS app_mean, quantiles(0.5, 0.95, 0.99)(app) AS app_q
        FROM phases GROUP BY method, route
    )
    SELECT method, route, requests, rt_mean, rt_q[1], rt_q[2], rt_q[3],
           wait_mean, wait_q[1], wait_q[2], wait_q[3], app_mean, app_q[1], app_q[2], app_q[3]
    FROM endpoints ORDER BY requests * app_mean DESC
""", "TabSeparated"), end="")
