// A client of the echo server: node client.mjs ws://127.0.0.1:PORT/ws EXTENSIONS
import assert from "node:assert/strict";
import WebSocket from "ws";
import { binaryOf, main, once, ping, sizes, textOf } from "./cases.mjs";

const [url, extensions] = process.argv.slice(2); // what has to be agreed on, "" for nothing

async function connect() {
	const socket = new WebSocket(url, { perMessageDeflate: { threshold: 0 } });
	await once(socket, "open");
	assert.equal(socket.extensions, extensions);
	assert.equal(socket.protocol, "");
	return socket;
}

async function expect(socket, data) {
	const [got, isBinary] = await once(socket, "message");
	assert.equal(isBinary, typeof data !== "string", "the message's type");
	assert.ok(got.equals(Buffer.from(data)), `${data.length} characters or bytes came back as ${got.length} others`);
}

async function echo(socket, data) {
	const answer = expect(socket, data);
	socket.send(data);
	await answer;
}

async function fragments(socket, parts, whole) {
	const answer = expect(socket, whole);
	parts.forEach((part, i) => socket.send(part, { fin: i === parts.length - 1 }));
	await answer;
}

async function close(code, reason) {
	const socket = await connect();
	const closed = once(socket, "close");
	socket.close(code, reason);
	const [got] = await closed;
	assert.equal(got, code, "the close code that came back");
}

main(async () => {
	const socket = await connect();
	for (const n of sizes) {
		await echo(socket, textOf(n));
		await echo(socket, binaryOf(n));
	}
	await ping(socket, "");
	await ping(socket, "x".repeat(125));
	await fragments(socket, ["frag", "", "men", "ts"], "fragments");
	await fragments(socket, ["", ""], "");
	const half = binaryOf(100_000);
	await fragments(socket, [half, half], Buffer.concat([half, half]));
	// A control frame between the fragments of a message (RFC 6455, 5.4).
	const answer = expect(socket, "before and after");
	socket.send("before ", { fin: false });
	await ping(socket, "between");
	socket.send("and after", { fin: true });
	await answer;
	socket.terminate();

	await close(1000, "");
	await close(4000, "ws has had enough");
});
