// A client of the echo server with Node.js' own WebSocket: node builtin.mjs ws://127.0.0.1:PORT/ws EXTENSIONS
import assert from "node:assert/strict";
import { binaryOf, main, sizes, textOf } from "./cases.mjs";

const [url, extensions] = process.argv.slice(2); // what has to be agreed on, "" for nothing

// next resolves with the next event of this type, and rejects after an error or an unexpected end.
function next(socket, type) {
	return new Promise((resolve, reject) => {
		socket.onerror = ({ message }) => reject(new Error(message || "the connection failed"));
		socket.onclose = ({ code }) => reject(new Error(`closed with ${code} while waiting for ${type}`));
		socket["on" + type] = resolve;
	});
}

async function connect() {
	const socket = new WebSocket(url);
	socket.binaryType = "arraybuffer";
	await next(socket, "open");
	assert.equal(socket.extensions.split(";")[0], extensions);
	assert.equal(socket.protocol, "");
	return socket;
}

async function echo(socket, data) {
	const answer = next(socket, "message");
	socket.send(data);
	const { data: got } = await answer;
	assert.equal(typeof got === "string", typeof data === "string", "the message's type");
	assert.ok(Buffer.from(got).equals(Buffer.from(data)), `${data.length} characters or bytes came back as ${got.length ?? got.byteLength} others`);
}

async function close(code, reason) {
	const socket = await connect();
	const closed = next(socket, "close");
	socket.close(code, reason);
	const event = await closed;
	assert.ok(event.wasClean);
	assert.equal(event.code, code, "the close code that came back");
}

main(async () => {
	const socket = await connect();
	for (const n of sizes) {
		await echo(socket, textOf(n));
		await echo(socket, binaryOf(n));
	}
	await close(1000, "");
	await close(4000, "undici has had enough");
});
