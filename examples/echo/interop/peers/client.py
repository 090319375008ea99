"""A client of the echo server: python client.py ws://127.0.0.1:PORT/ws EXTENSIONS"""

import sys

from cases import SIZES, at_most_a_minute, binary_of, ping, text_of
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode
from websockets.sync.client import connect


def dial():
    # It offers permessage-deflate. EXTENSIONS are the names of what has to be agreed on, "" for nothing.
    connection = connect(sys.argv[1], max_size=None, proxy=None)
    agreed = ", ".join(extension.name for extension in connection.protocol.extensions)
    assert agreed == sys.argv[2], f"agreed on {agreed!r}"
    return connection


def expect(connection, data):
    got = connection.recv(30)
    assert type(got) is type(data), f"sent {type(data)}, got {type(got)}"
    assert got == data, f"{len(data)} characters or bytes came back as {len(got)} others"


def echo(connection, data):
    connection.send(data)
    expect(connection, data)


def fragments(connection, parts):
    connection.send(iter(parts))
    expect(connection, type(parts[0])().join(parts))


def close(code, reason):
    connection = dial()
    connection.close(code, reason)
    try:
        connection.recv()
    except ConnectionClosed as closed:
        assert closed.sent.code == closed.rcvd.code == code, closed
        assert not closed.rcvd_then_sent, closed


def parts_with_ping(connection):
    yield "before "
    # A control frame between the fragments of a message (RFC 6455, 5.4).
    ping(connection, "between")
    yield "and after"


at_most_a_minute()
with dial() as connection:
    assert connection.subprotocol is None
    for n in SIZES:
        echo(connection, text_of(n))
        echo(connection, binary_of(n))
    ping(connection, b"")
    ping(connection, b"x" * 125)
    fragments(connection, ["frag", "", "men", "ts"])
    fragments(connection, ["", ""])
    fragments(connection, [binary_of(100_000)] * 2)
    connection.send(parts_with_ping(connection))
    expect(connection, "before and after")
close(CloseCode.NORMAL_CLOSURE, "")
close(4000, "websockets has had enough")
