"""A server for ../client: prints its URL, and ends when two connections have ended as they should."""

import os
import queue
import threading

from cases import at_most_a_minute, ping
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import serve

ends = queue.Queue()


def answer(connection):
    """Ping, and then send each message back whole and in fragments."""
    try:
        while True:
            data = connection.recv()
            if data == "close":
                connection.close(4001, "the server's reason")
                continue
            ping(connection, "are you there?")
            connection.send(data)
            middle = len(data) // 2
            connection.send(iter([data[:middle], data[middle:]]))
    except ConnectionClosed as closed:
        ends.put(f"{closed.rcvd.code} {closed.rcvd.reason}" if closed.rcvd else str(closed))
    except Exception as error:
        ends.put(repr(error))


at_most_a_minute()
server = serve(answer, "127.0.0.1", 0, max_size=None, subprotocols=["echo"])
threading.Thread(target=server.serve_forever, daemon=True).start()
print(f"ws://127.0.0.1:{server.socket.getsockname()[1]}/", flush=True)
got = [ends.get(), ends.get()]
want = ["4000 the client's reason", "4001 "]
if got != want:
    print(f"the connections ended with {got}, not {want}", flush=True)
    os._exit(1)
