#!/bin/sh
# Fetches and builds the libraries of one variant: vendor/build.sh OUTDIR release|check MAKE
set -eu
out=$1 variant=$2
case $variant in release) minutes=1 ;; *) minutes=2 ;; esac
[ -f "$out/$variant/libdeps.a" ] ||
	echo "building the libraries ($variant), about $minutes minute(s) on two cores the first time"
vendor/fetch "$out"
# Jobs of its own: the make that called may hold its slots for one that waits for this one's lock.
MAKEFLAGS='' $3 --no-print-directory -j"$(nproc)" -f vendor/vendor.mk B="$out" VARIANT="$variant"
touch "$out/$variant/libdeps.a"
