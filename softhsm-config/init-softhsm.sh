#!/bin/sh
# Prepares a SoftHSM configuration and an empty token directory; tokens are made by the ceremony.
#
#   init-softhsm.sh DIRECTORY
#
# Idempotent: what is there already is left alone.  Prints the path for SOFTHSM2_CONF.
set -eu
umask 077

if [ "$#" -ne 1 ]; then
    echo "usage: init-softhsm.sh DIRECTORY" >&2
    exit 2
fi

mkdir -p "$1/tokens"
directory=$(cd "$1" && pwd)
template=$(cd "$(dirname "$0")" && pwd)/softhsm2.conf.template
configuration=$directory/softhsm2.conf

case $directory in
    *'|'* | *'&'* | *'\'*)
        echo "init-softhsm.sh: the directory's path must not contain | & or \\" >&2
        exit 1
        ;;
esac

if [ ! -f "$configuration" ]; then
    # Written beside and renamed, so that nobody ever reads half a file.
    sed "s|@TOKENS@|$directory/tokens|" "$template" >"$configuration.$$"
    mv "$configuration.$$" "$configuration"
fi
printf '%s\n' "$configuration"
