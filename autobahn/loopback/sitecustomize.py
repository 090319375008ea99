# Python reads this file at start when its directory is in PYTHONPATH. The fuzzing server of
# the testsuite listens on every interface and has no option for it; here it is kept on
# 127.0.0.1.
import socket

_bind = socket.socket.bind


def _bind_loopback(self, address):
    if self.family == socket.AF_INET and address[0] in ("", "0.0.0.0"):
        address = ("127.0.0.1",) + tuple(address[1:])
    return _bind(self, address)


socket.socket.bind = _bind_loopback
