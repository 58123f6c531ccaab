#!/bin/sh
# Builds the real Kubernetes programs that the tests run against, at the versions pinned in go.mod.
# usage: build.sh OUTDIR
#	What OUTDIR holds at the pinned version already is left alone.
#	KUBE_BIN=dir names ready kube-apiserver, kube-controller-manager, etcd, kubectl and kwok (and h2spec, helm,
#	clientgo and auditread, else they are built): they are linked into OUTDIR. GO=/path names another go command.
set -eu

die() {
	echo "build.sh: $*" >&2
	exit 1
}

say() {
	echo "build.sh: $*"
}

[ $# -eq 1 ] || die "usage: build.sh OUTDIR"
mkdir -p "$1"
out=$(cd "$1" && pwd)
go=$(command -v "${GO:-go}" || true)
if [ -n "${KUBE_BIN:-}" ]; then
	[ -d "$KUBE_BIN" ] || die "KUBE_BIN=$KUBE_BIN is not a directory"
	KUBE_BIN=$(cd "$KUBE_BIN" && pwd)
	[ "$KUBE_BIN" != "$out" ] || KUBE_BIN=
fi
cd "$(dirname "$0")"

module_version() { # MODULE
	awk -v m="$1" '$1 == m && $2 ~ /^v/ { print $2; exit }' go.mod
}

module_of() { # PROGRAM
	case $1 in
	kube-apiserver | kube-controller-manager | kubectl) echo k8s.io/kubernetes ;;
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	kwok) echo sigs.k8s.io/kwok ;;
	h2spec) echo github.com/summerwind/h2spec ;;
	helm) echo helm.sh/helm/v3 ;;
	clientgo) echo k8s.io/client-go ;;
	auditread) echo k8s.io/apiserver ;;
	esac
}

package_of() { # PROGRAM
	case $1 in
	etcd) echo go.etcd.io/etcd/server/v3 ;;
	clientgo | auditread) echo "./$1" ;;
	*) echo "$(module_of "$1")/cmd/$1" ;;
	esac
}

own_source() { # PROGRAM: what tells versions of our own programs apart
	[ ! -f "$1/main.go" ] || cksum <"$1/main.go" | sed 's/^/ /'
}

stamp_of() { # PROGRAM
	if [ -n "${KUBE_BIN:-}" ] && [ -x "$KUBE_BIN/$1" ]; then
		echo "linked $KUBE_BIN/$1"
	else
		echo "$(module_of "$1") $(module_version "$(module_of "$1")")$(own_source "$1")"
	fi
}

is_there() { # PROGRAM
	[ -x "$out/$1" ] && [ "$(cat "$out/.$1.version" 2>/dev/null)" = "$(stamp_of "$1")" ]
}

link_ready() { # PROGRAM
	ln -sfn "$KUBE_BIN/$1" "$out/$1"
	stamp_of "$1" >"$out/.$1.version"
	say "$1: linked from $KUBE_BIN"
}

older() { # A B: whether version A comes before version B
	[ "$1" != "$2" ] && [ "$(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1)" = "$1" ]
}

# A go before 1.21 cannot switch toolchains: the module that newer ones switch to is fetched here
# the same way, through the proxy and checked with the checksum database that go is set up with.
fetch_toolchain() { # VERSION
	[ "$("$go" env GOSUMDB)" != off ] ||
		die "GOSUMDB=off: toolchain $1 could not be verified; set GOSUMDB or install Go ${1#go}"
	arch=$("$go" env GOHOSTARCH)
	say "fetching toolchain $1 for linux/$arch: $("$go" version) is too old"
	json=$(cd "$work" && GO111MODULE=on GOFLAGS='' GONOSUMDB='' GOPRIVATE='' GONOSUMCHECK='' \
		"$go" mod download -json "golang.org/toolchain@v0.0.1-$1.linux-$arch") ||
		die "toolchain $1 for linux/$arch cannot be had: $json"
	root=$(printf '%s\n' "$json" | sed -n 's/^[[:space:]]*"Dir": "\(.*\)",\{0,1\}$/\1/p')
	[ -d "$root" ] || die "toolchain $1: no folder in the answer: $json"
	chmod a+x "$root"/bin/* "$root"/pkg/tool/*/*
	go=$root/bin/go
	unset GOROOT
}

# Sets $go and GOTOOLCHAIN so that go is at least what go.mod demands. Asked in /: inside the
# module a newer go would answer for the toolchain it switches to, and an old one refuses go.mod.
choose_go() {
	[ -n "$go" ] ||
		die "no go command found: apt-get install golang-go, or KUBE_BIN=dir with ready binaries"
	need=$(awk '$1 == "go" { print $2; exit }' go.mod)
	pinned=$(awk '$1 == "toolchain" { print $2; exit }' go.mod)
	have=$(cd / && GOTOOLCHAIN=local "$go" env GOVERSION)
	have=${have#go}
	export GOTOOLCHAIN=local
	if older "${have:-0}" 1.21; then
		fetch_toolchain "$pinned"
	elif older "$have" "$need"; then
		export GOTOOLCHAIN="$pinned"
		say "go $have is older than $need: it will fetch and use $pinned"
	fi
}

version_flags() { # MODULE VERSION: what kube-apiserver and kubectl say about themselves
	minor=${2#v*.}
	for at in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
		printf -- '-X %s.gitVersion=%s ' "$at" "$2"
		printf -- '-X %s.gitMajor=1 -X %s.gitMinor=%s ' "$at" "$at" "${minor%%.*}"
		printf -- '-X %s.gitTreeState=archive ' "$at"
	done
}

build_one() { # PROGRAM
	module=$(module_of "$1")
	version=$(module_version "$module")
	flags='-s -w'
	[ "$module" != k8s.io/kubernetes ] || flags="$flags $(version_flags "$module" "$version")"
	rm -f "$out/$1" "$out/.$1.version"
	began=$(date +%s)
	nice "$go" build -v -p 2 -ldflags "$flags" -o "$work/$1" "$(package_of "$1")" >"$work/log" 2>&1 &
	pid=$!
	trap 'kill $pid 2>/dev/null; rm -rf "$work"; exit 1' INT TERM
	while kill -0 $pid 2>/dev/null; do
		sleep 1
		[ $((($(date +%s) - began) % 20)) -ne 19 ] ||
			say "$1 $version: $(grep -cv '^go: ' "$work/log") packages compiled"
	done
	wait $pid || {
		grep -v '^[A-Za-z0-9./_-]*$' "$work/log" >&2 || true
		die "$1 $version does not build"
	}
	mv "$work/$1" "$out/$1"
	stamp_of "$1" >"$out/.$1.version"
	say "$1 $version: built in $(($(date +%s) - began)) s"
}

is_extra() { # PROGRAM
	case $1 in h2spec | helm | clientgo | auditread) ;; *) return 1 ;; esac
}

todo=
for program in kube-apiserver kube-controller-manager etcd kubectl kwok h2spec helm clientgo auditread; do
	if is_there $program; then
		continue
	elif [ -n "${KUBE_BIN:-}" ] && [ -x "$KUBE_BIN/$program" ]; then
		link_ready $program
	elif [ -n "${KUBE_BIN:-}" ] && ! is_extra $program; then
		die "KUBE_BIN=$KUBE_BIN holds no executable $program"
	else
		todo="$todo $program"
	fi
done
[ -n "$todo" ] || exit 0

work=$(mktemp -d "$out/.work.XXXXXX")
trap 'rm -rf "$work"' EXIT
choose_go
export CGO_ENABLED=0 GO111MODULE=on GOWORK=off GOFLAGS='-trimpath -buildvcs=false -mod=readonly'
say "building$todo from source; the first time takes 5 to 10 minutes on two cores"
for program in $todo; do
	build_one $program
done
