"""What both Python peers share."""

import os
import threading

# The sizes on both sides of every form of the payload length (RFC 6455, 5.2), and larger ones.
SIZES = [0, 1, 125, 126, 127, 65535, 65536, 1 << 20, 4 << 20]


def text_of(n):
    return "é" * (n // 2) + "." * (n % 2)


def binary_of(n):
    return bytes(i * 7 & 0xFF for i in range(n))


def ping(connection, payload):
    """Return when the pong with the same payload has come."""
    if not connection.ping(payload).wait(30):
        raise TimeoutError("no pong")


def at_most_a_minute():
    def cut():
        print("not done after a minute", flush=True)
        os._exit(1)

    timer = threading.Timer(60, cut)
    timer.daemon = True
    timer.start()
