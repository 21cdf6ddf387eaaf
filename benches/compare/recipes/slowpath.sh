#!/bin/sh
# peer: slowpath
# version: "$SLOWPATH" --version
# install: cargo build --release
# output: report
# leaves out: nothing: the whole default report, with every rule of the diagnosis
#
# JSON instead of the table, so that run.py can check the numbers in it.
exec "$SLOWPATH" report --format json --log-format '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" app="$upstream_http_x_runtime" cs=$upstream_cache_status ua="$upstream_addr" rid=$request_id' "$1"
