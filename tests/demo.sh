#!/bin/sh
# The demonstration (make demo): two clusters, central and two agents on loopback, all with TLS; then what a user does.
# Environment: MK8S_BIN, KUBESIM; KUBE=1 takes real API servers (KUBE_BIN); KEEP=1 leaves everything running.
set -eu
cd "$(dirname "$0")/.."
PYTHON=${PYTHON:-/usr/bin/python3}
mk8s=${MK8S_BIN:-$PWD/build/mk8s}
dir=$(mktemp -d "${TMPDIR:-/tmp}/mk8s-demo.XXXXXX")
pids=
began=$(date +%s)
bold= plain=
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && bold=$(printf '\033[1m') plain=$(printf '\033[0m')
export NO_COLOR=1 MK8S_BIN="$mk8s" PYTHONDONTWRITEBYTECODE=1

say() { printf '\n%s# %s%s\n' "$bold" "$*" "$plain"; }

show() { # Prints a command as a user types it, then runs it.
	printf '$ mk8s %s\n' "$*"
	"$mk8s" "$@"
}

stop_all() { # the newest first: agents before central before clusters
	for pid in $pids; do
		kill "$pid" 2>/dev/null || true
		i=0
		while kill -0 "$pid" 2>/dev/null && [ $i -lt 100 ]; do
			sleep 0.1
			i=$((i + 1))
		done
		! kill -0 "$pid" 2>/dev/null || kill -9 "$pid" 2>/dev/null || true
	done
	pids=
}

finish() {
	status=$?
	trap - EXIT INT TERM
	if [ $status -ne 0 ]; then
		echo "demo: failed; the ends of the logs:" >&2
		tail -n 5 "$dir"/*.log >&2 || true
	fi
	stop_all
	rm -rf "$dir"
	exit $status
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

start() { # NAME COMMAND...: in the background, output in NAME.log
	name=$1
	shift
	setsid "$@" >"$dir/$name.out" 2>"$dir/$name.log" </dev/null &
	pids="$! $pids"
}

wait_line() { # FILE PATTERN PID: until a line of the file has the pattern
	i=0
	until grep -q "$2" "$1"; do
		kill -0 "$3" 2>/dev/null || { echo "demo: a server ended before it was ready" >&2; exit 1; }
		[ $i -lt 900 ] || { echo "demo: no '$2' in $1 after 90 s" >&2; exit 1; }
		sleep 0.1
		i=$((i + 1))
	done
}

value() { grep 'central ready' "$dir/central.log" | tail -n 1 | sed -n "s/.* $1=\"*\([^ \"]*\).*/\1/p"; } # NAME

as() { export MK8S_CONFIG="$dir/$1/config.yaml"; } # USER: whose session the next commands use

sign_in() { # USER E-MAIL PASSWORD
	as "$1"
	printf '$ mk8s login https://127.0.0.1:%s --email %s\n' "$port" "$2"
	printf '%s\n' "$3" | "$mk8s" login "https://127.0.0.1:$port" --email "$2" --password-stdin --ca-sha256 "$pin"
}

mkdir "$dir/admin" "$dir/dev"
kind=simulated
[ -z "${KUBE:-}" ] || kind=real
say "two $kind clusters, central"
start east "$PYTHON" tests/e2e/demo_cluster.py --state-dir "$dir/east"
east_pid=${pids%% *}
start west "$PYTHON" tests/e2e/demo_cluster.py --state-dir "$dir/west"
west_pid=${pids%% *}
(umask 077 && openssl rand -hex 12 >"$dir/admin-password" && openssl rand -hex 12 >"$dir/dev-password")
MK8S_CENTRAL_SERVER_ADDRESS=127.0.0.1 MK8S_CENTRAL_SERVER_HTTP_PORT=0 MK8S_CENTRAL_SERVER_GRPC_PORT=0 \
	MK8S_CENTRAL_AUTH_ADMIN_PASSWORD_FILE="$dir/admin-password" start central "$mk8s" central --state-dir "$dir/state"
wait_line "$dir/central.log" 'central ready' "${pids%% *}"
port=$(value http_port) agent_port=$(value grpc_port) pin=$(value ca_sha256)
echo "central listens on https://127.0.0.1:$port for users, on 127.0.0.1:$agent_port for agents"
wait_line "$dir/east.out" kubeconfig "$east_pid"
wait_line "$dir/west.out" kubeconfig "$west_pid"
echo "the clusters are up"

say "the administrator signs in, adds the clusters; their agents dial out to central"
sign_in admin admin@localhost "$(cat "$dir/admin-password")"
for cluster in east west; do
	printf '$ mk8s clusters add dev-%s >manifest-%s.yaml\n' $cluster $cluster
	"$mk8s" clusters add "dev-$cluster" >"$dir/manifest-$cluster.yaml"
	token=$(sed -n 's/^ *token: *"*\([^"]*\)"*$/\1/p' "$dir/manifest-$cluster.yaml" | head -n 1 | base64 -d)
	CENTRAL_URL="https://127.0.0.1:$agent_port" CLUSTER_NAME="dev-$cluster" AGENT_TOKEN="$token" \
		MK8S_AGENT_TLS_CA_SHA256="$pin" \
		start "agent-$cluster" "$mk8s" agent --kubeconfig "$(cat "$dir/$cluster.out")"
done
i=0
until [ "$("$mk8s" clusters list | grep -c ' connected')" -eq 2 ]; do
	[ $i -lt 200 ] || { echo "demo: the agents did not connect in 20 s" >&2; exit 1; }
	sleep 0.1
	i=$((i + 1))
done
show clusters list

say "every cluster's pods, through central"
for cluster in dev-east dev-west; do
	show clusters use $cluster
	show kubectl get pods -A
done

say "a manifest is applied, a log is followed"
cat >"$dir/app.yaml" <<'MANIFEST'
apiVersion: v1
kind: ConfigMap
metadata:
  name: greeting
data:
  text: hello from central
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector:
    matchLabels: {app: web}
  template:
    metadata:
      labels: {app: web}
    spec:
      containers:
      - {name: web, image: nginx}
MANIFEST
show kubectl apply -f "$dir/app.yaml"
show kubectl get configmap greeting
printf '$ mk8s kubectl logs -f talker   # for three seconds\n'
timeout 3 "$mk8s" kubectl logs -f talker --tail 2 || [ $? -eq 124 ]

say "a developer may look, not delete"
cat >"$dir/roles.yaml" <<'ROLES'
roles:
  - name: developer
    clusters:
      - name: "dev-*"
        namespaces: ["*"]
        verbs: ["get", "list", "logs", "exec"]
        resources: ["pods", "services", "deployments"]
ROLES
show roles apply -f "$dir/roles.yaml"
printf '$ mk8s users add dev@example.com --role developer\n'
"$mk8s" users add dev@example.com --role developer --password-stdin <"$dir/dev-password"
sign_in dev dev@example.com "$(cat "$dir/dev-password")"
show clusters use dev-west
show kubectl get pods -n shop
if show kubectl delete pod talker; then
	echo "demo: the deletion was not denied" >&2
	exit 1
fi

say "the audit trail has it, and verifies"
as admin
sleep 0.3 # rows of reads and denials may take 100 ms
show audit list --user dev@example.com --limit 2
show audit verify

say "done in $(($(date +%s) - began)) s"
if [ -n "${KEEP:-}" ]; then
	cat >"$dir/stop" <<STOP
#!/bin/sh
kill $pids 2>/dev/null
sleep 1
rm -rf "$dir"
STOP
	chmod +x "$dir/stop"
	cat <<KEPT
Everything is still running. To use it as the administrator:

    export MK8S_CONFIG=$dir/admin/config.yaml
    $mk8s kubectl get pods -A

as the developer: export MK8S_CONFIG=$dir/dev/config.yaml
logs of the servers: $dir/*.log
To stop it and remove what it wrote: $dir/stop
KEPT
	trap - EXIT INT TERM
fi
