#!/usr/bin/env bash
# Runs the real Autobahn testsuite against our testees and judges its reports.
#
#   autobahn/run.sh server|client|both [CASES]
#
# CASES is a selection such as 1.*,2.* or 6.4.1; the default is all of them. "server" tests
# our server, "client" our client. README.md says where the testsuite comes from.
#
# Exit status: 0 every case passes, 1 one does not (or the run broke), 2 wrong usage,
# 3 not run, because this machine cannot run the testsuite: the last line says why.
#
# Environment:
#   HAWSER_CACHE         where the testsuite is installed and reports are kept (.cache)
#   AUTOBAHN_PROCESSES   how many testsuites share the cases (one for each processor)
#   AUTOBAHN_TESTEE      another testee with the same commands, to try this script
#   AUTOBAHN_RESULTS     a directory for server.json and client.json, the stripped results
set -euo pipefail

version=25.10.1
here=$(cd "$(dirname "$0")" && pwd)
root=$(dirname "$here")
cd "$root"

usage() { echo "usage: autobahn/run.sh server|client|both [CASES]" >&2; exit 2; }
if [ $# -lt 1 ] || [ $# -gt 2 ]; then usage; fi
case $1 in
	server | client) roles=("$1") ;;
	both) roles=(server client) ;;
	*) usage ;;
esac
selection=${2:-*}
mkdir -p "${HAWSER_CACHE:-.cache}/autobahn"
cache=$(cd "${HAWSER_CACHE:-.cache}" && pwd)/autobahn

# not_run REASON: the honest end on a machine that cannot run the testsuite.
not_run() { echo "autobahn: not run: $1"; exit 3; }

# --- everything that was started is stopped, however this script ends ---------------------

containers=()
work=$(mktemp -d "$cache/run.XXXXXX")

# stop PID: and wait until it is gone, which it has 5 s for. One that has ended already is fine.
stop() {
	kill "$1" 2>/dev/null || true
	for _ in $(seq 50); do
		kill -0 "$1" 2>/dev/null || break
		sleep 0.1
	done
	kill -9 "$1" 2>/dev/null || true
	wait "$1" 2>/dev/null || true
}

# kill_containers: a signal to "docker run" need not end the container.
kill_containers() {
	for name in ${containers[@]+"${containers[@]}"}; do docker kill "$name" >/dev/null 2>&1 || true; done
}

cleanup() {
	status=$?
	trap - EXIT INT TERM HUP
	kill_containers
	for pid in $(jobs -pr); do stop "$pid"; done
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# --- the testsuite -------------------------------------------------------------------------

works() { "$1" --autobahnversion 2>/dev/null | grep AutobahnTestSuite >/dev/null; }

# python27 prints a Python 2.7 that works and has pip. A version manager may leave a
# python2.7 on PATH that only prints an error.
python27() {
	local candidate
	for candidate in python2.7 "${PYENV_ROOT:-${HOME:-}/.pyenv}"/versions/2.7*/bin/python2.7 "${HOME:-}"/.pyenv/versions/2.7*/bin/python2.7; do
		if "$candidate" -c 'import sys, ssl; sys.exit(sys.version_info[:2] != (2, 7))' >/dev/null 2>&1 &&
			"$candidate" -m pip --version >/dev/null 2>&1; then
			echo "$candidate"
			return
		fi
	done
	return 1
}

# install_testsuite PYTHON: into the cache. The last Python 2.7 releases, pinned.
install_testsuite() {
	local log=$cache/install.log
	echo "autobahn: installing autobahntestsuite $version with $("$1" --version 2>&1)"
	rm -rf "${cache:?}/env" "${cache:?}/lib"
	if "$1" -m pip install --target "$cache/lib" virtualenv==20.15.1 >"$log" 2>&1 &&
		PYTHONPATH=$cache/lib "$1" -m virtualenv "$cache/env" >>"$log" 2>&1 &&
		"$cache/env/bin/pip" install "autobahntestsuite==$version" >>"$log" 2>&1 &&
		works "$cache/env/bin/wstest"; then
		return
	fi
	echo "autobahn: the installation failed; the end of $log:"
	tail -n 5 "$log"
	return 1
}

wstest=
image=
reason="no wstest on PATH, no working Python 2.7 with pip to install it with, and no Docker engine that answers"
if works wstest; then
	wstest=wstest
elif works "$cache/env/bin/wstest"; then
	wstest=$cache/env/bin/wstest
elif python=$(python27) && install_testsuite "$python"; then
	wstest=$cache/env/bin/wstest
elif command -v docker >/dev/null && docker info >/dev/null 2>&1; then
	image=$(sed -n 's/^ *image: *//p' "$here/compose.yaml")
	docker image inspect "$image" >/dev/null 2>&1 || docker pull "$image" || not_run "the image $image cannot be pulled"
else
	[ -z "${python:-}" ] || reason="autobahntestsuite could not be installed with Python 2.7, and no Docker engine answers"
	not_run "$reason"
fi

# start_testsuite MODE DIRECTORY: in the background; $! is its id.
start_testsuite() {
	local args=(--mode "$1" --spec "$2/spec.json" --webport 0)
	if [ -n "$wstest" ]; then
		(cd "$2" && PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here/loopback exec "$wstest" "${args[@]}") >"$2/log" 2>&1 &
	else
		local name
		name="hawser-autobahn-$$-${#containers[@]}"
		containers+=("$name")
		docker run --rm --init --name "$name" --network host --user "$(id -u):$(id -g)" \
			--env PYTHONPATH=/loopback --volume "$here/loopback:/loopback:ro" \
			--volume "$2:$2" --workdir "$2" "$image" wstest "${args[@]}" >"$2/log" 2>&1 &
	fi
}

# --- our side ------------------------------------------------------------------------------

processes=${AUTOBAHN_PROCESSES:-$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)}
go build -buildvcs=false -o "$work/" ./autobahn/cmd/report ./autobahn/cmd/spec
if [ -n "${AUTOBAHN_TESTEE:-}" ]; then
	testee=$AUTOBAHN_TESTEE
else
	testee=$work/testee
	go build -buildvcs=false -o "$testee" ./autobahn/testee
fi

# The testsuite connects to our server, with all its processes at once.
run_server() {
	local dir=$1 pid url="" d peer pids=()
	"$testee" server -addr 127.0.0.1:0 >"$work/url" 2>"$dir/testee.log" &
	local server=$!
	for _ in $(seq 100); do
		read -r url <"$work/url" && break
		kill -0 "$server" 2>/dev/null || break
		sleep 0.1
	done
	if [ -z "$url" ]; then
		echo "autobahn: the testee did not start: $(tail -n 1 "$dir/testee.log")"
		return 1
	fi
	"$work/spec" -mode fuzzingclient -dir "$dir" -n "$processes" -cases "$selection" -url "$url" >"$work/list" || exit 2
	while read -r d peer; do
		start_testsuite fuzzingclient "$d"
		pids+=($!)
	done <"$work/list"
	for pid in "${pids[@]}"; do wait "$pid" || echo "autobahn: a testsuite ended with status $?, see log"; done
	stop "$server"
}

# Our client connects to the testsuite, one client for each of its processes.
run_client() {
	local dir=$1 pid d peer suites=() pids=()
	"$work/spec" -mode fuzzingserver -dir "$dir" -n "$processes" -cases "$selection" >"$work/list" || exit 2
	while read -r d peer; do
		start_testsuite fuzzingserver "$d"
		suites+=($!)
		"$testee" client -url "$peer" -agent hawser >"$d/testee.log" 2>&1 &
		pids+=($!)
	done <"$work/list"
	for pid in "${pids[@]}"; do wait "$pid" || echo "autobahn: a testee ended with status $?, see testee.log"; done
	kill_containers
	for pid in "${suites[@]}"; do stop "$pid"; done
}

status=0
for role in "${roles[@]}"; do
	dir=$cache/$role
	rm -rf "$dir"
	mkdir -p "$dir"
	started=$SECONDS
	if ! "run_$role" "$dir"; then
		status=1
		continue
	fi
	echo "autobahn $role: ran in $((SECONDS - started)) s, reports under $dir"
	args=(-expect "$selection")
	if [ -n "${AUTOBAHN_RESULTS:-}" ]; then
		mkdir -p "$AUTOBAHN_RESULTS"
		args+=(-write "$AUTOBAHN_RESULTS/$role.json")
	fi
	shopt -s nullglob
	indexes=("$dir"/*/reports/index.json)
	if [ ${#indexes[@]} -eq 0 ]; then
		echo "autobahn $role: no testsuite wrote a report; the end of a log:"
		tail -n 5 "$dir"/*/testee.log "$dir"/*/log 2>/dev/null || true
		status=1
		continue
	fi
	"$work/report" "${args[@]}" "${indexes[@]}" || status=1
done
exit "$status"
