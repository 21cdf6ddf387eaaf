#!/bin/sh
# peer: alp
# version: alp --version
# install: in no package registry but Go's: go install github.com/tkuchiki/alp/cmd/alp@latest
# output: tsv method route requests rt_mean rt_p50 rt_p95 rt_p99
# leaves out: wait and application time, all rules; routes must be listed by hand
#
# Not run by us yet: written from its manual. run.py checks what it counts.
set -eu
alp regexp --file "$1" --reverse --sort sum --percentiles 50,95,99 --limit 200000 \
    --format tsv --noheaders --output method,uri,count,avg,p50,p95,p99 \
    --pattern '^\S+ - \S+ \[(?P<time>[^\]]+)\] "(?P<method>\S+) (?P<uri>\S+) [^"]*" (?P<status>\d+) (?P<body_bytes>\d+) "[^"]*" "[^"]*" rt=(?P<response_time>\S+) ' \
    --matching-groups '^/products/\d+/reviews,^/products/\d+,^/categories/\d+/filters,^/categories/\d+,^/brands/\d+,^/api/prices/\d+,^/api/recommendations/\d+,^/cart/items/\d+,^/checkout/confirmation/\d+,^/account/orders/\d+/cancel,^/account/orders/\d+/invoice,^/account/orders/\d+,^/account/addresses/\d+,^/account/wishlist/\d+,^/api/notifications/\d+/read,^/api/stock/\d+,^/api/users/\d+/orders/\d+,^/api/users/\d+,^/api/orders/\d+/status,^/admin/products/\d+'
