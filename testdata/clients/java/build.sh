#!/bin/sh
# Compiles the clients and their driver into a folder:
#
#   testdata/clients/java/build.sh DIR
#   java -XX:TieredStopAtLevel=1 -Xshare:auto -cp DIR Driver
set -eu
: "${1:?usage: build.sh DIR}"
mkdir -p "$1"
exec javac --release 17 -Xlint:all -d "$1" "$(dirname "$0")"/*.java
