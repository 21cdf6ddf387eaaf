#!/usr/bin/env python3
# peer: DuckDB, CSV reader
# version: python3 -c 'import duckdb; print(duckdb.__version__)'
# install: pip install duckdb (install.sh pip)
# output: tsv method route requests rt_mean rt_p50 rt_p95 rt_p99 wait_mean wait_p50 wait_p95 wait_p99 app_mean app_p50 app_p95 app_p99
# leaves out: minimum and maximum, the phases but two, time windows, upstreams, all rules; and any check of a line: whatever has 17 parts is taken for a request
#
# The double quote as the delimiter: the CSV reader cuts the very same file, and
# faster than by spaces, where lists of attempts would break into columns.
import sys

import duckdb

columns = ", ".join(f"'c{number}': 'VARCHAR'" for number in range(17))

duckdb.sql(f"""
    WITH times AS (
        SELECT split_part(c1, ' ', 1) AS method,
               regexp_replace(split_part(split_part(c1, ' ', 2), '?', 1), '/[0-9]+', '/:id', 'g') AS route,
               -- ` rt=0.123 uct=`
               CAST(split_part(substr(c6, 5), ' ', 1) AS DOUBLE) AS rt,
               -- Of a list the last attempt; '-' becomes NULL.
               TRY_CAST(split_part(c9, ', ', -1) AS DOUBLE)
                   - TRY_CAST(split_part(c7, ', ', -1) AS DOUBLE) AS server,
               -- nginx keeps the header of a cached answer: its time is an old one.
               CASE WHEN c14 NOT LIKE ' cs=HIT %' THEN TRY_CAST(c13 AS DOUBLE) END AS app
        FROM read_csv($file, columns = {{{columns}}}, auto_detect = false, header = false,
                      delim = '"', quote = '', escape = '')
    ), phases AS (
        -- greatest() alone would turn NULL into 0.
        SELECT method, route, rt, app, CASE WHEN server - app < 0 THEN 0 ELSE server - app END AS wait
        FROM times
    ), endpoints AS (
        SELECT method, route, count(*) AS requests,
               avg(rt) AS rt_mean, quantile_disc(rt, [0.5, 0.95, 0.99]) AS rt,
               avg(wait) AS wait_mean, quantile_disc(wait, [0.5, 0.95, 0.99]) AS wait,
               avg(app) AS app_mean, quantile_disc(app, [0.5, 0.95, 0.99]) AS app
        FROM phases GROUP BY method, route
    )
    SELECT method, route, requests, rt_mean, rt[1], rt[2], rt[3],
           wait_mean, wait[1], wait[2], wait[3], app_mean, app[1], app[2], app[3]
    FROM endpoints ORDER BY requests * app_mean DESC
""", params={"file": sys.argv[1]}).write_csv("/dev/stdout", sep="\t", header=False)
