#!/usr/bin/env bash
# Runs the echo server and the engine's client against other implementations of WebSocket.
#
#   examples/echo/interop/run.sh
#
# The peers are curl (the opening handshake only), Node.js with the package ws, and Python with
# the package websockets, each as a client and as a server. What is missing is a SKIP line.
#
# Exit status: 0 everything that ran passed, 1 something failed, 3 nothing ran, because no peer
# is there: the last line says so.
#
# Environment: HAWSER_CACHE, where the peers are installed (.cache).
set -euo pipefail

peers=$(cd "$(dirname "$0")" && pwd)/peers
cd "$peers/../../../.."
mkdir -p "${HAWSER_CACHE:-.cache}/interop/node"
cache=$(cd "${HAWSER_CACHE:-.cache}/interop" && pwd)
work=$(mktemp -d)

# --- everything that was started is stopped, however this script ends ---------------------

stop() {
	kill "$1" 2>/dev/null || true
	for _ in $(seq 100); do
		kill -0 "$1" 2>/dev/null || return 0
		sleep 0.1
	done
	kill -9 "$1" 2>/dev/null || true
}

cleanup() {
	status=$?
	trap - EXIT INT TERM HUP
	for pid in $(jobs -pr); do stop "$pid"; done
	rm -rf "$work"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# Before a command: an end to it. The peers bound themselves to a minute, too, for machines without timeout(1).
bounded=(env)
if command -v timeout >/dev/null; then bounded=(timeout -k 5 120); fi

passed=0 failed=0 skipped=()
ok() { echo "ok    $*"; passed=$((passed + 1)); }
fail() { echo "FAIL  $*"; failed=$((failed + 1)); }
skip() { echo "SKIP  $*"; skipped+=("$1"); }

# check NAME COMMAND...: shows what the command says if it fails. Waiting for a job, and not
# for a command, a signal is heard at once.
check() {
	local name=$1
	shift
	"${bounded[@]}" "$@" >"$work/out" 2>&1 &
	if wait $!; then ok "$name"; else fail "$name"; sed 's/^/      /' "$work/out"; fi
}

# wait_for FILE PATTERN PID: until a line of the file matches, or the process has ended.
wait_for() {
	for _ in $(seq 300); do
		! grep -q "$2" "$1" || return 0
		kill -0 "$3" 2>/dev/null || break
		sleep 0.1
	done
	grep -q "$2" "$1"
}

# --- our side ------------------------------------------------------------------------------

go build -o "$work/echo" ./examples/echo
go build -o "$work/client" ./examples/echo/interop/client
servers=()
# One for each of the modes of compression; all log to the same file.
for mode in off takeover no-takeover; do
	: >"$work/url.$mode"
	"$work/echo" -addr 127.0.0.1:0 -compress "$mode" >"$work/url.$mode" 2>>"$work/log" &
	servers+=($!)
	if ! wait_for "$work/url.$mode" '^http://' $!; then
		cat "$work/log"
		echo "interop: the echo server did not start"
		exit 1
	fi
done
http=$(head -n 1 "$work/url.off")
# ws MODE: the URL of the server with that compression.
ws() { sed -n '1s|^http\(.*\)$|ws\1ws|p' "$work/url.$1"; }

# --- curl: the opening handshake -----------------------------------------------------------

upgrade=(-H 'Connection: Upgrade' -H 'Upgrade: websocket')
version=(-H 'Sec-WebSocket-Version: 13')
key=(-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==') # RFC 6455, 1.3

# handshake NAME HEAD... -- CURL ARGUMENTS...: each HEAD is a line of the answer's head, as a pattern, with the name in small letters.
handshake() {
	local name=$1 want=() pid line
	shift
	while [ "$1" != -- ]; do
		want+=("$1")
		shift
	done
	shift
	: >"$work/head"
	# After 101 curl waits for what comes next, and -i keeps the head in a buffer until then; -v does not.
	curl -sv --http1.1 --noproxy '*' --max-time 20 "$@" "${http}ws" >"$work/body" 2>"$work/head" &
	pid=$!
	if ! wait_for "$work/head" $'^< \r$' "$pid"; then
		echo "      no complete head" >>"$work/head"
	fi
	kill "$pid" 2>/dev/null || true
	wait "$pid" 2>/dev/null || true
	# The names of fields are case-insensitive, their values here are not.
	sed -n 's/^< //p' "$work/head" | tr -d '\r' |
		awk '{ i = index($0, ":"); print tolower(substr($0, 1, i)) substr($0, i + 1) }' >"$work/fields"
	for line in "${want[@]}"; do
		if ! grep -qx -e "$line" "$work/fields"; then
			fail "curl: $name: no line \"$line\""
			sed 's/^/      /' "$work/head"
			return
		fi
	done
	ok "curl: $name"
}

if command -v curl >/dev/null; then
	handshake "4.2.2 valid request" 'HTTP/1.1 101 .*' 'upgrade: websocket' 'connection: Upgrade' 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=' -- \
		"${upgrade[@]}" "${version[@]}" "${key[@]}"
	handshake "10.2 own origin" 'HTTP/1.1 101 .*' -- \
		"${upgrade[@]}" "${version[@]}" "${key[@]}" -H "Origin: ${http%/}"
	handshake "4.2.1 POST" 'HTTP/1.1 405 .*' 'allow: GET' -- \
		"${upgrade[@]}" "${version[@]}" "${key[@]}" -X POST
	handshake "4.2.1 no key" 'HTTP/1.1 400 .*' -- \
		"${upgrade[@]}" "${version[@]}"
	handshake "4.4 version 8" 'HTTP/1.1 426 .*' 'sec-websocket-version: 13' -- \
		"${upgrade[@]}" "${key[@]}" -H 'Sec-WebSocket-Version: 8'
	handshake "4.2.1 no upgrade" 'HTTP/1.1 426 .*' 'upgrade: websocket' --
	handshake "10.2 foreign origin" 'HTTP/1.1 403 .*' -- \
		"${upgrade[@]}" "${version[@]}" "${key[@]}" -H 'Origin: http://example.com'
else
	skip curl "there is no curl"
fi

# --- others as client and as server --------------------------------------------------------

# as_server MODE NAME COMMAND...: our client with that compression against their server, which judges the client, too.
as_server() {
	local mode=$1 name=$2 pid
	shift 2
	: >"$work/peer"
	"${bounded[@]}" "$@" >"$work/peer" 2>&1 &
	pid=$!
	if ! wait_for "$work/peer" '^ws://' "$pid"; then
		fail "$name: did not start"
		sed 's/^/      /' "$work/peer"
		return
	fi
	check "$name" "$work/client" -compress "$mode" "$(head -n 1 "$work/peer")"
	if wait "$pid"; then ok "$name, as it sees it"; else fail "$name, as it sees it"; sed 's/^/      /' "$work/peer"; fi
}

# A lock file that names a registry would be of no use to whoever uses another one.
if grep -q '"resolved"' "$peers/package-lock.json"; then
	fail "package-lock.json names a registry: remove its \"resolved\" lines (npm: omit-lockfile-registry-resolved)"
fi

node_peer() {
	command -v node >/dev/null || { echo "there is no node"; return 1; }
	cp "$peers"/*.mjs "$peers/package.json" "$cache/node"
	if ! cmp -s "$peers/package-lock.json" "$cache/node/installed"; then
		command -v npm >/dev/null || { echo "there is no npm"; return 1; }
		cp "$peers/package-lock.json" "$cache/node"
		(cd "$cache/node" && "${bounded[@]}" npm ci --ignore-scripts --no-audit --no-fund) >"$work/install" 2>&1 ||
			{ echo "npm cannot install ws: $(tail -n 1 "$work/install")"; return 1; }
		cp "$peers/package-lock.json" "$cache/node/installed"
	fi
}

if why=$(node_peer); then
	peer="ws $(node -p "require('$cache/node/node_modules/ws/package.json').version")"
	check "$peer as client" node "$cache/node/client.mjs" "$(ws off)" ""
	check "$peer as client, compressed, with context takeover" node "$cache/node/client.mjs" "$(ws takeover)" permessage-deflate
	check "$peer as client, compressed, each message by itself" node "$cache/node/client.mjs" "$(ws no-takeover)" permessage-deflate
	as_server off "ws as server" node "$cache/node/server.mjs"
	as_server takeover "ws as server, compressed, with context takeover" node "$cache/node/server.mjs"
	as_server no-takeover "ws as server, compressed, each message by itself" node "$cache/node/server.mjs"
else
	skip ws "$why"
fi

python_peer() {
	if ! cmp -s "$peers/requirements.txt" "$cache/venv/installed"; then
		command -v python3 >/dev/null || { echo "there is no python3"; return 1; }
		rm -rf "$cache/venv"
		"${bounded[@]}" python3 -m venv "$cache/venv" >"$work/install" 2>&1 || { echo "python3 -m venv does not work here: $(tail -n 1 "$work/install")"; return 1; }
		"${bounded[@]}" "$cache/venv/bin/python" -m pip install --disable-pip-version-check --require-hashes -r "$peers/requirements.txt" >"$work/install" 2>&1 ||
			{ echo "pip cannot install websockets: $(tail -n 1 "$work/install")"; return 1; }
		cp "$peers/requirements.txt" "$cache/venv/installed"
	fi
}

# -B: no __pycache__ in the tree.
if why=$(python_peer); then
	python=("$cache/venv/bin/python" -B)
	peer="websockets $("${python[@]}" -c 'import websockets; print(websockets.__version__)')"
	check "$peer as client" "${python[@]}" "$peers/client.py" "$(ws off)" ""
	check "$peer as client, compressed, with context takeover" "${python[@]}" "$peers/client.py" "$(ws takeover)" permessage-deflate
	check "$peer as client, compressed, each message by itself" "${python[@]}" "$peers/client.py" "$(ws no-takeover)" permessage-deflate
	as_server off "websockets as server" "${python[@]}" "$peers/server.py"
	as_server takeover "websockets as server, compressed, with context takeover" "${python[@]}" "$peers/server.py"
	as_server no-takeover "websockets as server, compressed, each message by itself" "${python[@]}" "$peers/server.py"
else
	skip websockets "$why"
fi

# --- the server ends as it should ----------------------------------------------------------

for server in "${servers[@]}"; do
	stop "$server"
	if wait "$server"; then ok "the echo server stops"; else fail "the echo server does not stop as it should: $?"; fi
done
# It logs what it received, whoever sent it.
for reason in ws websockets; do
	case " ${skipped[*]-} " in *" $reason "*) continue ;; esac
	check "the close reason of $reason arrived" grep -F "$reason has had enough" "$work/log"
done

if [ "$failed" -gt 0 ]; then
	echo "--- the echo server's log"
	tail -n 40 "$work/log"
	echo "interop: $failed failed, $passed passed"
	exit 1
fi
if [ ${#skipped[@]} = 3 ]; then
	echo "interop: not run: curl, node with ws, and python3 with websockets are all missing"
	exit 3
fi
echo "interop: $passed passed, ${#skipped[@]} of 3 peers skipped${skipped[*]:+: ${skipped[*]}}"
