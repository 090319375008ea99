// What both Node.js peers share.
import assert from "node:assert/strict";

// The sizes on both sides of every form of the payload length (RFC 6455, 5.2), and larger ones.
export const sizes = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 4 << 20];

export const textOf = (n) => "é".repeat(n >> 1) + (n % 2 === 1 ? "." : "");

export const binaryOf = (n) => Buffer.from({ length: n }, (_, i) => (i * 7) & 0xff);

// once resolves with what the next event carries, and rejects after an error or an unexpected end.
export function once(socket, event) {
	return new Promise((resolve, reject) => {
		const done = (settle) => (...args) => {
			for (const [name, listener] of listeners) {
				socket.off(name, listener);
			}
			settle(args);
		};
		const listeners = [
			[event, done(resolve)],
			["error", done(([error]) => reject(error))],
		];
		if (event !== "close") {
			listeners.push(["close", done(([code]) => reject(new Error(`closed with ${code} while waiting for ${event}`)))]);
		}
		for (const [name, listener] of listeners) {
			socket.on(name, listener);
		}
	});
}

export async function ping(socket, payload) {
	const pong = once(socket, "pong");
	socket.ping(payload);
	const [got] = await pong;
	assert.equal(got.toString(), payload, "the pong's payload is the ping's");
}

// main runs f, for at most a minute, and ends the process.
export function main(f) {
	setTimeout(() => fail(new Error("not done after a minute")), 60_000).unref();
	const fail = (error) => {
		console.error(error);
		process.exit(1);
	};
	f().then(() => process.exit(0), fail);
}
