#!/bin/sh
# What the tests need that deploy to a real Docker engine: Debian's, and docker compose at the version pinned in go.mod.
# usage: build.sh OUTDIR. GO=/path names another go command. The engine is unpacked below OUTDIR, not installed: an
#	installed one would be started. What cannot be had is said, and its tests are skipped.
set -eu

[ $# -eq 1 ] || { echo "usage: build.sh OUTDIR" >&2; exit 1; }
mkdir -p "$1/cli-plugins"
out=$(cd "$1/cli-plugins" && pwd)
go=${GO:-go}
cd "$(dirname "$0")"
version=$(awk '$1 == "github.com/docker/compose/v2" { print $2; exit }' go.mod)

root=${out%/*}/root
if ! command -v dockerd >/dev/null && [ ! -x "$root/usr/sbin/dockerd" ]; then
	work=$(mktemp -d "${out%/*}/work.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	if (cd "$work" && apt-get -q download docker.io containerd runc $(apt-cache -q show docker-cli >/dev/null 2>&1 && echo docker-cli)) >"$work/log" 2>&1; then
		for package in "$work"/*.deb; do dpkg -x "$package" "$work/root"; done
		rm -rf "$root" && mv "$work/root" "$root"
	else
		tail -3 "$work/log" >&2
		echo "engine: Debian's docker.io cannot be fetched; its tests are skipped" >&2
		exit 0
	fi
fi
if [ -x "$out/docker-compose" ] && [ "$(cat "$out/.version" 2>/dev/null)" = "$version" ]; then
	exit 0
fi
case $(cd / && GOTOOLCHAIN=local "$go" env GOVERSION 2>/dev/null) in
go1.2[1-9]* | go1.[3-9]* | go[2-9]*) ;;
*)
	echo "engine: docker compose needs Go 1.21 or later to be built; its tests are skipped" >&2
	exit 0
	;;
esac
echo "engine: building docker compose $version; the first time takes 2 minutes on two cores"
CGO_ENABLED=0 GOWORK=off GOFLAGS='-trimpath -buildvcs=false -mod=readonly' nice "$go" build -p 2 \
	-ldflags "-s -w -X github.com/docker/compose/v2/internal.Version=$version" \
	-o "$out/docker-compose.new" github.com/docker/compose/v2/cmd
mv "$out/docker-compose.new" "$out/docker-compose"
echo "$version" >"$out/.version"
