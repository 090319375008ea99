#!/usr/bin/env bash
# Records the benchmarks of this package, and compares two records.
#
#   bench/record.sh                   writes bench/results/<date>-<machine>.txt
#   bench/record.sh soak [FLAG...]    the soak, of ten minutes: bench/results/<date>-<machine>-soak.txt
#   bench/record.sh compare OLD NEW   benchstat of two such files
#
# Environment: BENCH (.) which benchmarks, COUNT (10) how often, BENCHTIME (1s) how long each, MACHINE (from the processor's name) what the file is called.
# Exit status: that of go test, of the soak or of benchstat; 2 wrong usage.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."

usage() {
	echo "usage: bench/record.sh [compare OLD NEW | soak [FLAG...]]" >&2
	exit 2
}

# cpu prints the processor's name.
cpu() {
	{ sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo 2>/dev/null || sysctl -n machdep.cpu.brand_string 2>/dev/null || true; } | sed -n 1p
}

# header prints what has to be known about a record, as configuration lines of the Go benchmark format.
header() {
	local commit
	commit=$(git rev-parse HEAD)
	[ -z "$(git status --porcelain -- . ':!bench/results')" ] || commit+=" with changes"
	echo "commit: $commit"
	echo "date: $(date -u +%FT%TZ)"
	echo "processor: $(cpu), $(getconf _NPROCESSORS_ONLN) threads"
	echo "kernel: $(uname -sr)"
	echo "toolchain: $(go env GOVERSION)"
}

# record SUFFIX COMMAND...: what the command prints, below a header.
record() {
	local suffix=$1
	shift
	local machine=${MACHINE:-$(cpu)}
	machine=$(tr '[:upper:]' '[:lower:]' <<<"${machine:-$(uname -m)}" | sed 's/[^a-z0-9]\{1,\}/-/g; s/^-//; s/-$//')
	file=bench/results/$(date -u +%F)-$machine$suffix.txt
	mkdir -p bench/results
	# Not the file itself before all is done: a record that was interrupted is none. The trap runs when locals are gone, so file is not one.
	trap 'rm -f "$file.part"' EXIT
	header >"$file.part"
	"$@" | tee -a "$file.part"
	mv "$file.part" "$file"
	echo "written: $file"
}

compare() {
	local old new
	old=$(cd "$caller" && realpath "$1")
	new=$(cd "$caller" && realpath "$2")
	# What differs between two records is no reason to put them into two tables.
	(cd tools && go tool benchstat -ignore commit,date,processor,kernel,toolchain,cpu "old=$old" "new=$new")
}

case ${1:-} in
	"") record "" go test -run '^$' -bench "${BENCH:-.}" -count "${COUNT:-10}" -benchtime "${BENCHTIME:-1s}" -timeout 0 ./bench ;;
	soak) record -soak go run ./bench/soak "${@:2}" ;;
	compare) [ $# = 3 ] || usage; compare "$2" "$3" ;;
	*) usage ;;
esac
