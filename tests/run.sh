#!/bin/sh
# Runs parts of the tests, prints what each part counted, ends with the sum: tests/run.sh PART...
# Parts: lint unit replay e2e-release e2e-check kube fuzz; e2e-cov and kube-cov for coverage.sh. From make: O, PYTHON, FUZZ_SECONDS. TEST_JOBS: how many
# end-to-end tests run at once, where pytest-xdist is installed; 1 is one after the other.
set -u
O=${O:-build} PYTHON=${PYTHON:-/usr/bin/python3}
TEST_JOBS=${TEST_JOBS:-4}
LIMIT_S=${TEST_LIMIT_S:-2400} # one part that hangs must not hold up the sum
logs=$O/test-logs
mkdir -p "$logs"
passed=0 failed=0
KUBE_DIR=$PWD/build/kube # make kube links ready binaries there, too
absolute=$(cd "$O" && pwd)
# Leaks are failures; the suppression of nothing keeps it so.
export ASAN_OPTIONS="${ASAN_OPTIONS:-abort_on_error=0:detect_leaks=1:strict_string_checks=1}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"

add() { # PART PASSED FAILED
	printf '%-12s %s passed, %s failed\n' "$1" "$2" "$3"
	passed=$((passed + $2)) failed=$((failed + $3))
}

# A part that counted nothing has failed: it ran no test.
add_or_fail() {
	if [ $(($2 + $3)) -eq 0 ]; then
		echo "$1: no test ran"
		add "$1" 0 1
	else
		add "$1" "$2" "$3"
	fi
}

# Runs a command, shows and keeps what it prints; $status is its exit status.
logged() { # LOG COMMAND...
	log=$1
	shift
	{ timeout -k 10 "$LIMIT_S" "$@" 2>&1; echo $? >"$log.status"; } | tee "$log"
	status=$(cat "$log.status")
}

# One cmocka program. Its report in TAP counts; a crash, or a leak found at exit, is one failure more.
unit_program() {
	log=$logs/${1##*/}.log
	CMOCKA_MESSAGE_OUTPUT=TAP timeout -k 10 "$LIMIT_S" "$1" >"$log" 2>&1
	status=$?
	ok=$(grep -c '^ok ' "$log") bad=$(grep '^not ok ' "$log" | grep -vc '# SKIP') # cmocka's "not ok N # SKIP"
	if [ "$status" -ne 0 ] && [ "$bad" -eq 0 ]; then
		bad=1
		echo "${1##*/}: exit status $status"
	fi
	[ "$bad" -eq 0 ] || cat "$log"
	unit_ok=$((unit_ok + ok)) unit_bad=$((unit_bad + bad))
}

run_unit() {
	unit_ok=0 unit_bad=0
	for source in tests/unit/test_*.c; do
		[ -f "$source" ] || continue
		unit_program "$O/${UNIT_VARIANT:-check}/${source%.c}"
	done
	add_or_fail unit $unit_ok $unit_bad
}

# Each file of a target's corpus is one test; the program stops at the first that fails.
run_replay() {
	ok=0 bad=0
	for source in tests/fuzz/fuzz_*.c; do
		[ -f "$source" ] || continue
		name=${source##*/fuzz_} name=${name%.c}
		for file in tests/fuzz/corpus/"$name"/*; do
			if [ ! -f "$file" ]; then
				echo "replay: tests/fuzz/corpus/$name is empty"
				bad=$((bad + 1))
			elif timeout 60 "$O/check/${source%.c}" "$file" >"$logs/replay.log" 2>&1; then
				ok=$((ok + 1))
			else
				bad=$((bad + 1))
				echo "replay: $file:"
				cat "$logs/replay.log"
			fi
		done
	done
	[ -z "$(ls tests/fuzz/fuzz_*.c 2>/dev/null)" ] || add_or_fail replay $ok $bad
}

run_fuzz() {
	ok=0 bad=0
	for source in tests/fuzz/fuzz_*.c; do
		[ -f "$source" ] || continue
		name=${source##*/fuzz_} name=${name%.c}
		mkdir -p "$O/fuzz/found/$name"
		logged "$logs/fuzz_$name.log" "$O/fuzz/${source%.c}" -max_total_time="${FUZZ_SECONDS:-60}" -timeout=10 \
			-rss_limit_mb=2048 -print_final_stats=0 -artifact_prefix="$O/fuzz/found/$name-" \
			"$O/fuzz/found/$name" "tests/fuzz/corpus/$name"
		if [ "$status" -eq 0 ]; then ok=$((ok + 1)); else bad=$((bad + 1)); fi
	done
	add_or_fail fuzz $ok $bad
}

# pytest's last line: "2 failed, 31 passed, 1 skipped, 1 error in 4.2s"
pytest_count() { # LOG WORD
	sed -n 's/\x1b\[[0-9;]*m//g; s/=//g; / in [0-9.]*s/p' "$1" | tail -1 | grep -oE "[0-9]+ $2" | grep -oE '^[0-9]+'
}

# These tests wait more than they compute, so several share a processor. Each worker has servers and a cluster of its own.
jobs() {
	[ "$TEST_JOBS" -gt 1 ] && "$PYTHON" -c 'import xdist' 2>/dev/null && echo "-n $TEST_JOBS --dist loadgroup"
}

run_pytest() { # PART FOLDER...
	part=$1
	shift
	logged "$logs/$part.log" "$PYTHON" -m pytest -q -p no:cacheprovider --durations=5 --durations-min=2 $(jobs) ${PYTEST_ARGS:-} "$@"
	ok=$(pytest_count "$logs/$part.log" passed) bad=$(pytest_count "$logs/$part.log" failed)
	errors=$(pytest_count "$logs/$part.log" 'errors?') skipped=$(pytest_count "$logs/$part.log" skipped)
	bad=$((${bad:-0} + ${errors:-0}))
	[ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || bad=1
	[ -z "$skipped" ] || echo "$part: $skipped skipped"
	add_or_fail "$part" "${ok:-0}" $bad
}

run_e2e() { # PART BINARY
	export MK8S_BIN="$absolute/$2" KUBESIM="$absolute/kubesim" KUBE_BIN="$KUBE_DIR"
	run_pytest "$1" tests/e2e
}

# These ask no API server and have run in both builds already.
without_cluster() {
	for name in deploy deploy_bad deploy_connect deploy_leaks dispatch op op_bad; do
		echo "--ignore=tests/e2e/test_$name.py"
	done
}

run_lint() {
	logged "$logs/lint.log" tests/lint/lint.sh
	ok=$(sed -n 's/^\([0-9]*\) passed, [0-9]* failed$/\1/p' "$logs/lint.log" | tail -1)
	bad=$(sed -n 's/^[0-9]* passed, \([0-9]*\) failed$/\1/p' "$logs/lint.log" | tail -1)
	[ "$status" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
	add_or_fail lint "${ok:-0}" "${bad:-0}"
}

for part; do
	echo "== $part"
	case $part in
	lint) run_lint ;;
	unit) run_unit ;;
	replay) run_replay ;;
	fuzz) run_fuzz ;;
	e2e-release) run_e2e "$part" mk8s ;;
	e2e-check) run_e2e "$part" check/mk8s ;;
	e2e-cov) run_e2e "$part" cov/mk8s ;;
	kube-cov)
		export KUBE=1 MK8S_BIN="$absolute/cov/mk8s" KUBESIM="$absolute/kubesim" KUBE_BIN="$KUBE_DIR"
		TEST_JOBS=1 run_pytest kube-cov tests/kube/test_compare_kubectl.py
		;;
	kube)
		export KUBE=1 MK8S_BIN="$absolute/mk8s" KUBESIM="$absolute/kubesim" KUBE_BIN="$KUBE_DIR"
		run_pytest kube $(without_cluster) tests/e2e tests/kube
		# The clients that make kube has brought, on the simulated cluster, too.
		export KUBE=0
		run_pytest kube-clients tests/e2e/test_clients.py tests/e2e/test_filter.py
		;;
	*)
		echo "tests/run.sh: no part '$part'" >&2
		exit 2
		;;
	esac
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
