// A server for ../client: prints its URL, and ends when two connections have ended as they should.
import assert from "node:assert/strict";
import { WebSocketServer } from "ws";
import { main, once, ping } from "./cases.mjs";

// answer pings, and then sends a message back whole and in fragments.
async function answer(socket, data, isBinary) {
	if (data.toString() === "close") {
		socket.close(4001, "the server's reason");
		return;
	}
	await ping(socket, "are you there?");
	socket.send(data, { binary: isBinary });
	const middle = data.length >> 1;
	socket.send(data.subarray(0, middle), { binary: isBinary, fin: false });
	socket.send(data.subarray(middle), { binary: isBinary, fin: true });
}

main(async () => {
	const server = new WebSocketServer({ handleProtocols: () => "echo", host: "127.0.0.1", port: 0, maxPayload: 16 << 20, perMessageDeflate: true });
	await once(server, "listening");
	console.log(`ws://127.0.0.1:${server.address().port}/`);
	const ends = [];
	await new Promise((resolve, reject) => {
		server.on("connection", (socket) => {
			socket.on("message", (data, isBinary) => answer(socket, data, isBinary).catch(reject));
			socket.on("error", reject);
			socket.on("close", (code, reason) => {
				ends.push(`${code} ${reason}`);
				if (ends.length === 2) {
					resolve();
				}
			});
		});
	});
	assert.deepEqual(ends, ["4000 the client's reason", "4001 "]);
});
