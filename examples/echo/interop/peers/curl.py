"""A client of the echo server with libcurl, as curl_cffi brings it along: python curl.py ws://127.0.0.1:PORT/ws"""

import sys

from cases import SIZES, at_most_a_minute, binary_of, text_of
from curl_cffi import CurlWsFlag, WebSocketError, requests


def connect():
    return requests.Session().ws_connect(sys.argv[1])


def echo(socket, data):
    if isinstance(data, str):
        socket.send(data.encode(), CurlWsFlag.TEXT)
    else:
        socket.send(data, CurlWsFlag.BINARY)
    got, flags = socket.recv()
    assert bool(flags & CurlWsFlag.TEXT) == isinstance(data, str), "the message's type"
    data = data.encode() if isinstance(data, str) else data
    assert got == data, f"{len(data)} bytes came back as {len(got)} others"


def close(code, reason):
    socket = connect()
    socket.close(code, reason)


at_most_a_minute()
socket = connect()
for n in SIZES[1:]:  # curl_cffi sends nothing for an empty message
    echo(socket, text_of(n))
    echo(socket, binary_of(n))
socket.send(b"are you there?", CurlWsFlag.PING)
socket.close(1000, b"")
close(4000, b"libcurl has had enough")
