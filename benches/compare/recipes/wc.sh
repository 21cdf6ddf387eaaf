#!/bin/sh
# peer: wc -l
# version: wc --version
# install: part of every system
# output: number
# leaves out: everything but the newlines: the floor for any reader
exec wc -l "$1"
