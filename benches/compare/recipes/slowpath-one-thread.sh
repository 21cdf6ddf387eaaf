#!/bin/sh
# peer: slowpath, one thread
# version: "$SLOWPATH" --version
# install: cargo build --release
# output: report
# leaves out: nothing
#
# For the peers that use one core only, and for what a second thread brings.
exec "$SLOWPATH" report --threads 1 --format json --log-format '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" app="$upstream_http_x_runtime" cs=$upstream_cache_status ua="$upstream_addr" rid=$request_id' "$1"
