#!/bin/sh
# Fetches further clients that the tests run: an old kubectl and Python's client. usage: clients.sh OUTDIR
#	OUTDIR/old/kubectl: KUBECTL_OLD=file, else Debian's package kubernetes-client where it is 1.31 or older.
#	OUTDIR/python: the packages of requirements.txt, for PYTHONPATH.
# What cannot be had is said; the tests that need it are skipped, then.
set -u

NEWEST_OLD=31 # five minor versions before the kubectl of go.mod

say() {
	echo "clients.sh: $*"
}

[ $# -eq 1 ] || { say "usage: clients.sh OUTDIR" >&2; exit 2; }
mkdir -p "$1/old"
out=$(cd "$1" && pwd)
cd "$(dirname "$0")" || exit 1

fetch_old_kubectl() {
	[ ! -x "$out/old/kubectl" ] || return 0
	if [ -n "${KUBECTL_OLD:-}" ]; then
		ln -sfn "$(realpath "$KUBECTL_OLD")" "$out/old/kubectl"
		return 0
	fi
	version=$(apt-cache policy kubernetes-client 2>/dev/null | sed -n 's/^ *Candidate: //p')
	minor=$(echo "$version" | sed -n 's/^1\.\([0-9]*\).*/\1/p')
	if [ -z "$minor" ] || [ "$minor" -gt $NEWEST_OLD ]; then
		say "no kubectl of 1.$NEWEST_OLD or older: the package kubernetes-client is ${version:-not known}; KUBECTL_OLD=file names one"
		return 0
	fi
	work=$(mktemp -d "$out/.work.XXXXXX")
	# Unpacked, not installed: what is on PATH stays what it was.
	if (cd "$work" && apt-get -q download kubernetes-client && dpkg-deb -x kubernetes-client_*.deb .) >"$work/log" 2>&1; then
		mv "$work/usr/bin/kubectl" "$out/old/kubectl"
		say "kubectl $version: from Debian's package"
	else
		cat "$work/log" >&2
		say "kubernetes-client $version could not be fetched"
	fi
	rm -rf "$work"
}

fetch_python_client() {
	cmp -s requirements.txt "$out/python/.requirements" && return 0
	rm -rf "$out/python"
	if "${PYTHON:-/usr/bin/python3}" -m pip install -q --disable-pip-version-check --no-deps --require-hashes \
		--only-binary=:all: --platform any --target "$out/python" -r requirements.txt; then
		cp requirements.txt "$out/python/.requirements"
		say "Python's client: installed"
	else
		rm -rf "$out/python"
		say "Python's client could not be installed"
	fi
}

fetch_old_kubectl
fetch_python_client
