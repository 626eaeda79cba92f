"""Servers that are none of TensorFlow's, at addresses where one is looked for."""

import contextlib
import socket
import ssl
import subprocess
import threading
from concurrent import futures

import grpc
from fake_tpu_api import FakeTpuApi


@contextlib.contextmanager
def running(kind, folder):
    """The port of a server.

    Args:
      kind: one of KINDS.
      folder: for the certificate of one with TLS.
    """
    if kind == "web":
        with FakeTpuApi() as api:
            yield int(api.host.split(":")[1])
    elif kind in ("gRPC", "gRPC with TLS"):
        foreign = grpc.server(futures.ThreadPoolExecutor(1))
        if kind == "gRPC":
            port = foreign.add_insecure_port("127.0.0.1:0")
        else:
            pair = [path.read_bytes() for path in _certificate(folder)]
            port = foreign.add_secure_port("127.0.0.1:0", grpc.ssl_server_credentials([pair]))
        foreign.start()
        yield port
        foreign.stop(0)
    else:
        with socket.socket() as listener, contextlib.ExitStack() as stop:
            listener.bind(("127.0.0.1", 0))
            listener.listen(5)
            if kind != "silent":
                answer = _tls(folder) if kind == "TLS" else _ANSWERS[kind]
                thread = threading.Thread(target=_serve, args=(listener, answer), daemon=True)
                thread.start()
                stop.callback(thread.join, 5)
                stop.callback(listener.shutdown, socket.SHUT_RDWR)
            yield listener.getsockname()[1]


def _serve(listener, answer):
    """Answers every connection until the listener is shut."""
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection, contextlib.suppress(OSError):  # what the other side does not understand
            answer(connection)


def _close(connection):
    """Nothing at all."""


def _http(connection):
    """As nginx answers the first line of HTTP/2 where it speaks HTTP/1.1 alone."""
    connection.recv(4096)
    body = b"<html>400 Bad Request</html>"
    head = "HTTP/1.1 400 Bad Request\r\nContent-Length: {}\r\nConnection: close\r\n\r\n"
    connection.sendall(head.format(len(body)).encode() + body)


def _ssh(connection):
    """As a server of SSH, which speaks first."""
    connection.sendall(b"SSH-2.0-OpenSSH_9.6\r\n")
    connection.recv(4096)


_ANSWERS = {"closes at once": _close, "HTTP/1.1": _http, "SSH": _ssh}
KINDS = ("web", "gRPC", "gRPC with TLS", "TLS", "silent", *_ANSWERS)


def _tls(folder):
    """The answer of a server that speaks TLS alone."""
    key, certificate = _certificate(folder)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(certificate), str(key))

    def answer(connection):
        with context.wrap_socket(connection, server_side=True) as encrypted:
            encrypted.recv(4096)

    return answer


def _certificate(folder):
    """(key, certificate), which it signs itself: files in PEM."""
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
            *("-subj", "/CN=localhost", "-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return key, certificate
