const element = (id) => document.getElementById(id);

const states = ["CONNECTING", "OPEN", "CLOSING", "CLOSED"];

// RFC 6455, 7.4.1, and IANA's WebSocket Close Code Number Registry.
const codeNames = new Map([
	[1000, "Normal Closure"],
	[1001, "Going Away"],
	[1002, "Protocol error"],
	[1003, "Unsupported Data"],
	[1005, "No Status Rcvd"],
	[1006, "Abnormal Closure"],
	[1007, "Invalid frame payload data"],
	[1008, "Policy Violation"],
	[1009, "Message Too Big"],
	[1010, "Mandatory Ext."],
	[1011, "Internal Error"],
	[1012, "Service Restart"],
	[1013, "Try Again Later"],
]);

const codeName = (code) => codeNames.has(code) ? `${code} ${codeNames.get(code)}` : `${code}`;

const maxEntries = 200; // in the log
const maxText = 2000; // characters of a text that are shown
const maxHex = 32; // bytes of a binary message that are shown

const address = new URL("ws", location.href);
address.protocol = location.protocol === "https:" ? "wss:" : "ws:";

let socket = null;
let waiting = []; // what was sent and has not come back: the server echoes in order
let trips = { count: 0, best: Infinity };

// --- the connection ---------------------------------------------------------------------

function connect() {
	waiting = [];
	const s = new WebSocket(address);
	s.binaryType = "arraybuffer";
	s.addEventListener("open", () => {
		element("subprotocol").textContent = s.protocol || "none";
		element("extensions").textContent = s.extensions || "none";
		addEntry("opened", "Connected");
		update();
	});
	s.addEventListener("message", (event) => received(event.data));
	s.addEventListener("close", (event) => ended(event));
	socket = s;
	update();
}

function close() {
	const code = element("code");
	const reason = element("reason");
	code.removeAttribute("aria-invalid");
	reason.removeAttribute("aria-invalid");
	try {
		socket.close(code.value.trim() === "" ? undefined : Number(code.value), reason.value);
		addEntry("closing", `Closing ${codeName(Number(code.value) || 1005)}`, { facts: ["waiting for the server"], body: reason.value });
	} catch (error) {
		const [wrong, why] = error.name === "SyntaxError"
			? [reason, "The reason is longer than 123 bytes."]
			: [code, `A page may not send the code ${code.value}, only 1000 and 3000 to 4999.`];
		wrong.setAttribute("aria-invalid", "true");
		wrong.focus();
		addEntry("problem", "Not closed", { body: why });
	}
	update();
}

function ended(event) {
	const code = codeName(event.code);
	const how = event.wasClean ? "after a closing handshake" : "without a closing handshake";
	element("closed").textContent = event.reason ? `${code}: ${event.reason}` : code;
	addEntry("ended", `Closed ${code}`, { facts: [how], body: event.reason });
	update();
}

// --- messages ---------------------------------------------------------------------------

const encoder = new TextEncoder();

// size returns the payload's size in bytes: text travels as UTF-8.
function size(data) {
	return typeof data === "string" ? encoder.encode(data).length : data.byteLength;
}

function send(data, name) {
	if (socket.readyState !== WebSocket.OPEN) {
		addEntry("problem", "Not sent", { body: "The connection is not open." });
		update();
		return;
	}
	addEntry("sent", "Sent", { data, facts: name ? [name] : [] });
	waiting.push({ data, at: performance.now() });
	socket.send(data);
}

function received(data) {
	const now = performance.now();
	const sent = waiting.shift();
	const facts = [];
	if (sent) {
		const trip = now - sent.at;
		trips.count++;
		trips.best = Math.min(trips.best, trip);
		element("rtt").textContent = `${duration(trip)}, best ${duration(trips.best)} of ${trips.count}`;
		facts.push(duration(trip));
	}
	addEntry("received", "Received", { data, facts, equal: sent !== undefined && same(sent.data, data) });
}

function same(a, b) {
	if (typeof a === "string" || typeof b === "string") {
		return a === b;
	}
	const x = new Uint8Array(a);
	const y = new Uint8Array(b);
	return x.length === y.length && x.every((value, i) => value === y[i]);
}

// --- what is shown ----------------------------------------------------------------------

function duration(ms) {
	return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
}

function bytes(n) {
	if (n < 1024) {
		return n === 1 ? "1 byte" : `${n} bytes`;
	}
	for (const unit of ["KiB", "MiB"]) {
		n /= 1024;
		if (n < 1024 || unit === "MiB") {
			return `${Number.isInteger(n) ? n : n.toFixed(1)} ${unit}`;
		}
	}
}

function preview(data) {
	if (typeof data === "string") {
		return data.length > maxText ? `${data.slice(0, maxText)}…` : data;
	}
	const start = Array.from(new Uint8Array(data, 0, Math.min(maxHex, data.byteLength)));
	const hex = start.map((b) => b.toString(16).padStart(2, "0")).join(" ");
	return data.byteLength > maxHex ? `${hex} …` : hex;
}

function span(kind, text) {
	const s = document.createElement(kind === "title" ? "strong" : "span");
	s.className = kind;
	s.textContent = text;
	return s;
}

// addEntry appends to the log. Of data it shows type, size and a preview; equal says whether it is what was sent.
function addEntry(kind, title, { data, facts = [], body = "", equal } = {}) {
	const head = document.createElement("div");
	head.className = "head";
	if (data !== undefined) {
		title = `${title} ${typeof data === "string" ? "text" : "binary"}`;
		facts = [bytes(size(data)), ...facts];
		body = preview(data);
	}
	head.append(span("title", title), ...facts.map((fact) => span("fact", fact)));
	if (equal !== undefined) {
		head.append(equal ? span("unchanged", "unchanged") : span("changed", "changed"));
	}
	const time = document.createElement("time");
	const now = new Date();
	time.dateTime = now.toISOString();
	time.textContent = now.toLocaleTimeString([], { hour12: false });
	head.append(time);

	const entry = document.createElement("li");
	entry.className = kind;
	entry.append(head);
	if (body !== "") {
		const text = document.createElement("div");
		text.className = data === undefined ? "body" : "body data";
		text.textContent = body;
		entry.append(text);
	}
	const log = element("log");
	const follow = log.scrollHeight - log.scrollTop - log.clientHeight < 40; // unless somebody scrolled up
	log.append(entry);
	while (log.children.length > maxEntries) {
		log.firstChild.remove();
	}
	if (follow) {
		log.scrollTop = log.scrollHeight;
	}
}

function update() {
	const state = states[socket.readyState];
	if (element("state").textContent !== state) {
		element("state").textContent = state;
		element("state").dataset.state = state;
	}
	const open = state === "OPEN";
	element("send").disabled = !open;
	element("send-binary").disabled = !open || element("file").files.length === 0;
	element("disconnect").disabled = !open && state !== "CONNECTING";
	element("connect").disabled = state !== "CLOSED";
}

// --- what people do ---------------------------------------------------------------------

element("send-text").addEventListener("submit", (event) => {
	event.preventDefault();
	send(element("text").value);
	element("text").value = "";
	element("text").focus();
});

element("text").addEventListener("keydown", (event) => {
	// isComposing: Enter accepts what an input method suggests.
	if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
		event.preventDefault();
		element("send-text").requestSubmit();
	}
});

element("file").addEventListener("change", update);

element("send-file").addEventListener("submit", async (event) => {
	event.preventDefault();
	const file = element("file").files[0];
	try {
		send(await file.arrayBuffer(), file.name);
	} catch (error) {
		addEntry("problem", "Not sent", { body: `${file.name} cannot be read: ${error.message}` });
	}
});

element("close").addEventListener("submit", (event) => {
	event.preventDefault();
	close();
});

element("connect").addEventListener("click", () => {
	connect();
	element("text").focus();
});

element("clear").addEventListener("click", () => element("log").replaceChildren());

element("address").textContent = address;
connect();
