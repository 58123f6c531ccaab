#!/bin/sh
# Line coverage of unit and end-to-end tests, by gcov; fails below COVERAGE_MIN (80) percent. From make: O, PYTHON.
# Much of the built-in kubectl is driven only beside the real one: make kube first, for all of it.
set -u
O=${O:-build} min=${COVERAGE_MIN:-80}
find "$O/cov" -name '*.gcda' -exec rm -f {} +
parts="unit e2e-cov"
[ ! -x build/kube/kube-apiserver ] || parts="$parts kube-cov"
UNIT_VARIANT=cov tests/run.sh $parts
status=$?

# gcov says "File 'lib/base/buf.c'" and "Lines executed:93.33% of 45" for each source of an object.
find "$O/cov/lib" "$O/cov/applets" "$O/cov/main.gcno" -name '*.gcno' | while read -r notes; do
	source=${notes#"$O/cov/"}
	[ -f "${source%.gcno}.c" ] || continue # of a file that has gone
	gcov -n "$notes" 2>/dev/null
done | awk -v min="$min" '
	/^File / { file = substr($2, 2, length($2) - 2) }
	/^Lines executed:/ && file ~ /^(main|applets|lib)/ {
		share = substr($2, index($2, ":") + 1) + 0
		if ($4 > total[file]) { total[file] = $4; done[file] = share * $4 / 100 }
		file = ""
	}
	END {
		for (f in total) {
			if (!total[f]) continue
			printf "%5.1f %% of %5d  %s\n", 100 * done[f] / total[f], total[f], f | "sort -n"
			lines += total[f]
			hit += done[f]
			room = f
			sub(/\/[^\/]*$/, "", room)
			room_lines[room] += total[f]
			room_hit[room] += done[f]
		}
		close("sort -n")
		for (r in room_lines)
			printf "%5.1f %% of %5d in %s\n", 100 * room_hit[r] / room_lines[r], room_lines[r], r | "sort -n"
		close("sort -n")
		all = lines ? 100 * hit / lines : 0
		printf "coverage: %.1f %% of %d lines; at least %d %%\n", all, lines, min
		exit all < min
	}' || status=1
exit $status
