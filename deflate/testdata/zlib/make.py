#!/usr/bin/env python3
"""Writes w9.bin to w15.bin: messages that zlib has compressed with context takeover, one file for each window size.

A file is a sequence of payloads (RFC 7692, 7.2.1), each after its length in two octets, big-endian. The messages are made from a
pseudorandom sequence that TestZlib makes again. zlib has no window of 2^8 octets for raw DEFLATE.
"""
import os
import zlib

WORDS = [b'{"id":', b'"user":"', b'alice', b'bob', b'"},', b'price', b'true', b'null', b'0', b'17', b'299792458', b'[', b']', b'\n', b'\xe2\x82\xac', b'the quick brown fox']


def main():
    for bits in range(9, 16):
        state = bits

        def rand(n):
            nonlocal state
            state = (state * 1103515245 + 12345) % 2**31
            return (state >> 8) % n

        level = (9, 6, 1, 9, 6, 1, 9)[bits - 9]
        z = zlib.compressobj(level, zlib.DEFLATED, -bits, 9, zlib.Z_DEFAULT_STRATEGY)
        out = bytearray()
        total = 0
        while total < 2 << bits:
            message = bytearray()
            for _ in range(rand(1 << (bits - 4)) + 1):
                message += WORDS[rand(len(WORDS))] if rand(8) else bytes([rand(256)])
            total += len(message)
            payload = z.compress(bytes(message)) + z.flush(zlib.Z_SYNC_FLUSH)
            assert payload.endswith(b"\0\0\xff\xff")
            payload = payload[:-4]
            out += len(payload).to_bytes(2, "big") + payload
        with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"w{bits}.bin"), "wb") as f:
            f.write(out)


main()
