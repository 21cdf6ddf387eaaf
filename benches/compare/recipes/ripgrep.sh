#!/bin/sh
# peer: ripgrep, count
# version: rg --version
# install: apt-get install ripgrep
# output: number
# leaves out: everything but the search: no fields, no groups, no numbers (it maps the file, which counts as its memory)
#
# A pattern that every line has, so that the count can be checked.
exec rg --no-config --count ' rt=[0-9]+\.[0-9]+ ' "$1"
