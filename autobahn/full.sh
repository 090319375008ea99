#!/usr/bin/env bash
# Judges our server by groups 1 to 10, then our server and our client by all 517 cases of the
# package autobahn, with the testsuite's own 1000 messages in each case of groups 12 and 13, and
# compares with the real testsuite's verdicts. The time of each run is in its last line. What it prints is the record in results/native:
#
#   autobahn/full.sh >autobahn/results/native/full.txt
#
# Exit status: 0 all verdicts are the testsuite's, 1 one is not, or the run broke.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/.."
work=$(mktemp -d)
cleanup() {
	for pid in $(jobs -pr); do kill "$pid" 2>/dev/null || true; done
	wait
	rm -rf "$work"
}
trap cleanup EXIT
go build -buildvcs=false -o "$work/" ./autobahn/cmd/autobahn ./autobahn/testee

# first_line FILE: of a process that is starting.
first_line() {
	local line
	for _ in {1..100}; do
		read -r line <"$1" && break
		sleep 0.1
	done
	[ -n "${line:-}" ] || { echo "full: $1 stayed empty" >&2; return 1; }
	echo "$line"
}

processor=$(sed -n 's/^model name.*: //p' /proc/cpuinfo 2>/dev/null | head -n 1 || true)
echo "# All 517 cases, with 1000 messages in each of groups 12 and 13: autobahn/full.sh"
echo "# commit: $(git rev-parse HEAD), date: $(date +%F), $(go env GOVERSION GOOS GOARCH | tr '\n' ' ')"
echo "# processor: ${processor:-unknown}, $(getconf _NPROCESSORS_ONLN) of them; load before: $(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)"

status=0
echo
echo "our server, groups 1 to 10"
"$work/testee" server -addr 127.0.0.1:0 >"$work/server" &
url=$(first_line "$work/server")
"$work/autobahn" -exclude 'H.*,12.*,13.*' -agent hawser -expect autobahn/results/server.json "$url" || status=1
echo
echo "our server"
"$work/autobahn" -cases '*' -agent hawser -expect autobahn/results/server.json "$url" || status=1
kill %%
wait %% || true

echo
echo "our client"
"$work/autobahn" -cases '*' -listen 127.0.0.1:0 -expect autobahn/results/client.json >"$work/client" &
suite=$!
url=$(first_line "$work/client")
if ! "$work/testee" client -url "$url" >"$work/cases"; then
	status=1
	kill "$suite" # it would wait for the rest
fi
wait "$suite" || status=1
tail -n +2 "$work/client"
echo
echo "# $SECONDS s in all; load after: $(cut -d ' ' -f 1 /proc/loadavg 2>/dev/null || echo unknown)"
exit "$status"
