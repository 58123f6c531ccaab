#!/bin/sh
# The reviewer that does not tire: rules of the sources (source.py) and of the objects (here); make lint.
# From make: O, where the release objects are; LINT_CC, compiler and flags of one of our files.
set -u
O=${O:-build} PYTHON=${PYTHON:-/usr/bin/python3}
report=$(mktemp)
trap 'rm -f "$report"' EXIT

result() { # NAME VIOLATIONS
	if [ -z "$2" ]; then
		echo "ok $1"
	else
		printf '%s\n' "$2" | sed 's/^/  /'
		echo "not ok $1"
	fi
}

objects() { # of sources that exist: a renamed file's object may still lie there
	find main.c lib applets tests/kubesim -name '*.c' 2>/dev/null | while read -r source; do
		[ ! -f "$O/release/${source%.c}.o" ] || echo "$O/release/${source%.c}.o"
	done
}

# Calls that are never safe, or that have a better form in lib/base.
forbidden_calls() {
	objects | xargs -r nm -A -u 2>/dev/null | awk '
		BEGIN {
			n = split("strcpy strcat strncpy strncat sprintf vsprintf strtok atoi atol rand srand random gmtime" \
				" localtime ctime asctime system popen signal gets tmpnam mktemp", list, " ")
			for (i = 1; i <= n; i++) bad[list[i]] = 1
		}
		$NF in bad { sub(/:.*/, "", $1); print $1 ": calls " $NF }'
}

# Variables that can be written, against the list of those with a reason.
writable_symbols() {
	objects | while read -r object; do
		objdump -t "$object" | awk -v at="$object" -v list=tests/lint/writable.txt '
			BEGIN { while ((getline line < list) > 0) { split(line, word, " "); allowed[word[1]] = 1 } }
			$4 ~ /^(\.(data|bss|tdata|tbss)(\.|$)|\*COM\*)/ && $4 !~ /^\.data\.rel\.ro/ && / O / {
				name = $NF; sub(/\.[0-9]+$/, "", name)
				if (!(name in allowed)) print at ": " name " can be written; state hangs on a struct" }'
	done
}

# Functions that are global for no reason: nobody else calls them.
lonely_functions() {
	{ objects; find "$O/check/tests" -name '*.o' 2>/dev/null; } | xargs -r nm -A | awk '
		$(NF - 1) == "T" { at[$NF] = $1 } $(NF - 1) == "U" { used[$NF] = 1 }
		END { for (f in at) if (!(f in used) && f != "main" && f != "mbedtls_hardware_poll" && at[f] !~ /tests/)
			print f " has no user in another file (" substr(at[f], 1, index(at[f], ":") - 1) ")" }' | sort
}

headers_alone() {
	[ -n "${LINT_CC:-}" ] || { echo "LINT_CC is not set; run make lint"; return; }
	for header in $(find lib applets -name '*.h' | sort); do
		printf '#include "%s"\n' "$header" >"$report.c"
		sh -c "$LINT_CC -fsyntax-only $report.c" 2>&1 | grep -E 'error' | head -3
	done
	rm -f "$report.c"
}

{
	"$PYTHON" tests/lint/source.py || echo "not ok source.py"
	[ -n "$(objects)" ] || echo "not ok objects: none in $O/release; make first"
	result forbidden_calls "$(forbidden_calls)"
	result writable_symbols "$(writable_symbols)"
	result headers_alone "$(headers_alone)"
	lonely_functions | sed -e 's/^/  note: /' -e '21,$d'
} 2>&1 | tee "$report"
passed=$(grep -c '^ok ' "$report") failed=$(grep -c '^not ok ' "$report")
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
