#!/usr/bin/env bash
# Runs the echo server and the engine's client against other implementations of WebSocket.
#
#   examples/echo/interop/run.sh
#
# As clients, against both styles of the server and each mode of compression that they know: Node.js with the package ws and with its own
# WebSocket, Python with the package websockets, libcurl, libwebsockets, gorilla/websocket, coder/websocket, and Chromium (go test -tags browser
# runs that one, too). As servers against the engine's client: all but Node.js' own, libcurl and Chromium, which have no server. curl does the
# opening handshake. Messages are of 0 B to 4 MiB, on both sides of every form of the length. What is missing is a SKIP line.
#
# Exit status: 0 everything that ran passed, 1 something failed, 3 nothing ran, because no peer
# is there: the last line says so. Everything is bounded: a peer that hangs fails after a minute, and what is installed has two.
#
# Environment: HAWSER_CACHE, where the peers are installed (.cache); CHROMIUM, the program.
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

# Before a command: an end to it. The peers bound themselves to a minute, too, for machines without timeout(1). What is installed may take two.
bounded=(env) installs=(env)
if command -v timeout >/dev/null; then
	bounded=(timeout -k 5 70)
	installs=(timeout -k 5 120)
fi

passed=0 failed=0 skipped=()
ok() { echo "ok    $* ($SECONDS s)"; passed=$((passed + 1)); }
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
# One for each style and each mode of compression; all log to the same file.
for style in pull push; do
	for mode in off takeover no-takeover; do
		url=$work/url.$style.$mode
		: >"$url"
		"$work/echo" -addr 127.0.0.1:0 -style "$style" -compress "$mode" >"$url" 2>>"$work/log" &
		servers+=($!)
		if ! wait_for "$url" '^http://' $!; then
			cat "$work/log"
			echo "interop: the echo server did not start"
			exit 1
		fi
	done
done
# http STYLE MODE, ws STYLE MODE: the URL of the server of that style with that compression.
http() { head -n 1 "$work/url.$1.$2"; }
ws() { sed -n '1s|^http\(.*\)$|ws\1ws|p' "$work/url.$1.$2"; }

modes=(off takeover no-takeover)
# how MODE: in words.
how() {
	case $1 in
		off) echo plain ;;
		takeover) echo "compressed, with context takeover" ;;
		no-takeover) echo "compressed, each message by itself" ;;
	esac
}
# agreed MODE: the extension that both sides have to agree on.
agreed() { [ "$1" = off ] || echo permessage-deflate; }

# --- curl: the opening handshake -----------------------------------------------------------

upgrade=(-H 'Connection: Upgrade' -H 'Upgrade: websocket')
version=(-H 'Sec-WebSocket-Version: 13')
key=(-H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==') # RFC 6455, 1.3

# handshake STYLE NAME HEAD... -- CURL ARGUMENTS...: each HEAD is a line of the answer's head, as a pattern, with the name in small letters.
handshake() {
	local url name="$2, $1" want=() pid line
	url=$(http "$1" off)ws
	shift 2
	while [ "$1" != -- ]; do
		want+=("$1")
		shift
	done
	shift
	: >"$work/head"
	# After 101 curl waits for what comes next, and -i keeps the head in a buffer until then; -v does not.
	curl -sv --http1.1 --noproxy '*' --max-time 20 "$@" "$url" >"$work/body" 2>"$work/head" &
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
	for style in pull push; do
		handshake "$style" "4.2.2 valid request" 'HTTP/1.1 101 .*' 'upgrade: websocket' 'connection: Upgrade' 'sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=' -- \
			"${upgrade[@]}" "${version[@]}" "${key[@]}"
		handshake "$style" "10.2 own origin" 'HTTP/1.1 101 .*' -- \
			"${upgrade[@]}" "${version[@]}" "${key[@]}" -H "Origin: $(http "$style" off | sed 's|/$||')"
		handshake "$style" "4.2.1 POST" 'HTTP/1.1 405 .*' 'allow: GET' -- \
			"${upgrade[@]}" "${version[@]}" "${key[@]}" -X POST
		handshake "$style" "4.2.1 no key" 'HTTP/1.1 400 .*' -- \
			"${upgrade[@]}" "${version[@]}"
		handshake "$style" "4.4 version 8" 'HTTP/1.1 426 .*' 'sec-websocket-version: 13' -- \
			"${upgrade[@]}" "${key[@]}" -H 'Sec-WebSocket-Version: 8'
		handshake "$style" "4.2.1 no upgrade" 'HTTP/1.1 426 .*' 'upgrade: websocket' --
		handshake "$style" "10.2 foreign origin" 'HTTP/1.1 403 .*' -- \
			"${upgrade[@]}" "${version[@]}" "${key[@]}" -H 'Origin: http://example.com'
	done
else
	skip curl "there is no curl"
fi

# --- others as client and as server --------------------------------------------------------

# as_clients NAME MODE COMMAND...: their client against both styles. The command is called with the URL, and what has to be agreed on.
as_clients() {
	local style name=$1 mode=$2
	shift 2
	for style in pull push; do
		check "$name as client, $style, $(how "$mode")" "$@" "$(ws "$style" "$mode")" "$(agreed "$mode")"
	done
}

# as_server MODE NAME COMMAND...: our client with that compression against their server, which judges the client, too.
client_flags=()
as_server() {
	local mode=$1 name pid
	name="$2 as server, $(how "$mode")"
	shift 2
	: >"$work/peer"
	"${bounded[@]}" "$@" >"$work/peer" 2>&1 &
	pid=$!
	if ! wait_for "$work/peer" '^ws://' "$pid"; then
		fail "$name: did not start"
		sed 's/^/      /' "$work/peer"
		return
	fi
	check "$name" "$work/client" ${client_flags[@]+"${client_flags[@]}"} -compress "$mode" "$(head -n 1 "$work/peer")"
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
		(cd "$cache/node" && "${installs[@]}" npm ci --ignore-scripts --no-audit --no-fund) >"$work/install" 2>&1 ||
			{ echo "npm cannot install ws: $(tail -n 1 "$work/install")"; return 1; }
		cp "$peers/package-lock.json" "$cache/node/installed"
	fi
}

if why=$(node_peer); then
	peer="ws $(node -p "require('$cache/node/node_modules/ws/package.json').version")"
	for mode in "${modes[@]}"; do
		as_clients "$peer" "$mode" node "$cache/node/client.mjs"
		as_server "$mode" ws node "$cache/node/server.mjs"
	done
else
	skip ws "$why"
fi

# Node.js has a WebSocket of its own since 22; before, since 20.10, behind a flag.
builtin=()
for flag in "" --experimental-websocket; do
	if command -v node >/dev/null && [ "$(node ${flag:+"$flag"} -p 'typeof WebSocket' 2>/dev/null)" = function ]; then
		builtin=(node ${flag:+"$flag"} "$peers/builtin.mjs")
		break
	fi
done
if [ ${#builtin[@]} -gt 0 ]; then
	for mode in "${modes[@]}"; do
		as_clients "the WebSocket of node $(node --version)" "$mode" "${builtin[@]}"
	done
else
	skip undici "there is no node with a WebSocket of its own"
fi

python_peer() {
	cmp -s "$peers/requirements.txt" "$cache/venv/installed" && return
	command -v python3 >/dev/null || { echo "there is no python3"; return 1; }
	rm -rf "$cache/venv"
	"${installs[@]}" python3 -m venv "$cache/venv" >"$work/install" 2>&1 || { echo "python3 -m venv does not work here: $(tail -n 1 "$work/install")"; return 1; }
	pip_install websockets requirements.txt || return
	cp "$peers/requirements.txt" "$cache/venv/installed"
}

# pip_install WHAT REQUIREMENTS ARGUMENTS...
pip_install() {
	local what=$1 requirements=$2
	shift 2
	"${installs[@]}" "$cache/venv/bin/python" -m pip install --disable-pip-version-check --require-hashes "$@" -r "$peers/$requirements" >"$work/install" 2>&1 ||
		{ echo "pip cannot install $what: $(tail -n 1 "$work/install")"; return 1; }
}

# What comes with libcurl has compiled code, which not every machine can have: so it is apart from the other.
libcurl_peer() {
	cmp -s "$peers/requirements-curl.txt" "$cache/libcurl/installed" && return
	rm -rf "$cache/libcurl"
	pip_install curl_cffi requirements-curl.txt --only-binary :all: --target "$cache/libcurl" || return
	cp "$peers/requirements-curl.txt" "$cache/libcurl/installed"
}

# -B: no __pycache__ in the tree.
python=("$cache/venv/bin/python" -B)
if why=$(python_peer); then
	peer="websockets $("${python[@]}" -c 'import websockets; print(websockets.__version__)')"
	for mode in "${modes[@]}"; do
		as_clients "$peer" "$mode" "${python[@]}" "$peers/client.py"
		as_server "$mode" websockets "${python[@]}" "$peers/server.py"
	done
else
	skip websockets "$why"
fi

# libcurl does not compress.
if why=$(python_peer && libcurl_peer); then
	python=(env "PYTHONPATH=$cache/libcurl" "${python[@]}")
	peer=$("${python[@]}" -c 'import curl_cffi; print(curl_cffi.__curl_version__.split()[0])')
	as_clients "$peer" off "${python[@]}" "$peers/curl.py"
else
	skip libcurl "$why"
fi

# libwebsockets wants a C compiler, and Debian's package where it is not there: root may install it.
lws_peer() {
	local cc
	cc=$(command -v cc || command -v gcc || command -v clang) || { echo "there is no C compiler"; return 1; }
	for try in 1 2; do
		# shellcheck disable=SC2046 # the flags are words
		if "$cc" -O1 -o "$work/lws" "$peers/lws/lws.c" $(pkg-config --cflags --libs libwebsockets 2>/dev/null || echo -lwebsockets) >"$work/install" 2>&1; then
			return
		fi
		if [ "$try" = 2 ] || [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
			echo "no libwebsockets: $(grep -m 1 -i error "$work/install" | cut -c 1-100)"
			return 1
		fi
		export DEBIAN_FRONTEND=noninteractive
		{ "${installs[@]}" apt-get update && "${installs[@]}" apt-get install -y --no-install-recommends libwebsockets-dev; } >"$work/apt" 2>&1 ||
			{ echo "apt-get cannot install libwebsockets-dev"; return 1; }
	done
}

# Its client is called with the port. Compressed, its server is sent no empty message.
lws_client() {
	local port=${2%/ws}
	exec "$1" client "${port##*:}" "$3"
}
if why=$(lws_peer); then
	export -f lws_client
	for mode in "${modes[@]}"; do
		as_clients libwebsockets "$mode" bash -c 'lws_client "$@"' lws_client "$work/lws"
		[ "$mode" = off ] || client_flags=(-smallest 1)
		as_server "$mode" libwebsockets "$work/lws" server
	done
	client_flags=()
else
	skip libwebsockets "$why"
fi

if (cd "$peers/golang" && "${installs[@]}" go build -o "$work/golang" .) >"$work/install" 2>&1; then
	for library in gorilla coder; do
		for mode in "${modes[@]}"; do
			# gorilla has no context takeover, and answers an offer with it accordingly.
			as_clients "$library" "$mode" "$work/golang" "$library" client "$mode"
			as_server "$mode" "$library" "$work/golang" "$library" server "$mode"
		done
	done
else
	skip gorilla "go cannot build it: $(tail -n 1 "$work/install")"
	skip coder "go cannot build it: $(tail -n 1 "$work/install")"
fi

# Chromium's servers are the test's own, of both styles and every mode.
for name in ${CHROMIUM:+"$CHROMIUM"} chromium chromium-browser google-chrome google-chrome-stable ""; do
	[ -n "$name" ] || break
	! command -v "$name" >/dev/null || break
done
if [ -n "$name" ]; then
	export CHROMIUM=$name
	check "$("$name" --version 2>/dev/null | sed 's/ *$//') as client, pull and push, plain and compressed" go test -count=1 -tags browser -run '^TestBrowserInterop$' ./examples/echo
else
	skip Chromium "there is no Chromium"
fi

# --- the server ends as it should ----------------------------------------------------------

for server in "${servers[@]}"; do
	stop "$server"
	if wait "$server"; then ok "the echo server stops"; else fail "the echo server does not stop as it should: $?"; fi
done
# It logs what it received, whoever sent it.
for reason in ws undici websockets libcurl libwebsockets gorilla coder; do
	case " ${skipped[*]-} " in *" $reason "*) continue ;; esac
	check "the close reason of $reason arrived" grep -F "$reason has had enough" "$work/log"
done

if [ "$failed" -gt 0 ]; then
	echo "--- the echo server's log"
	tail -n 40 "$work/log"
	echo "interop: $failed failed, $passed passed"
	exit 1
fi
all=9
if [ ${#skipped[@]} = "$all" ]; then
	echo "interop: not run: curl, node, python3, libwebsockets, other Go libraries and Chromium are all missing"
	exit 3
fi
echo "interop: $passed passed, ${#skipped[@]} of $all peers skipped${skipped[*]:+: ${skipped[*]}}"
