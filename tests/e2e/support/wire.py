"""An SMTP client that does what it is told: any octets, in any order, at any moment."""
from __future__ import annotations

import base64
import socket
import ssl
from pathlib import Path

from .deadline import DeadlinePassed


class Wire:
    """A connection to a listener: ("127.0.0.1", port) or the path of a unix socket."""

    def __init__(self, where: int | Path, *, timeout: float = 10.0, greeting: bool = True,
                 source: str | None = None) -> None:
        if isinstance(where, Path):
            self.socket: socket.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            self.socket.settimeout(timeout)
            self.socket.connect(str(where))
        else:
            self.socket = socket.create_connection(("127.0.0.1", where), timeout,
                                                   source_address=(source, 0) if source else None)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.greeting = self.reply() if greeting else ""

    def __enter__(self) -> Wire:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.socket.close()

    def send(self, octets: bytes) -> None:
        self.socket.sendall(octets)

    def reply(self) -> str:
        """One reply, its lines joined by LF; "" if the connection was closed instead."""
        lines: list[str] = []
        while True:
            while b"\r\n" not in self._buffer:
                try:
                    octets = self.socket.recv(65536)
                except TimeoutError:
                    raise DeadlinePassed(f"no reply in time; so far {lines} {self._buffer!r}") from None
                except (ConnectionResetError, BrokenPipeError, ssl.SSLError):
                    octets = b""
                if not octets:
                    assert not lines and not self._buffer, f"closed inside a reply: {lines} {self._buffer!r}"
                    return ""
                self._buffer += octets
            line, _, self._buffer = self._buffer.partition(b"\r\n")
            lines.append(line.decode("utf-8", "backslashreplace"))
            if line[3:4] != b"-":
                return "\n".join(lines)

    def command(self, line: str | bytes) -> str:
        octets = line.encode() if isinstance(line, str) else line
        try:
            self.send(octets + b"\r\n")
        except (BrokenPipeError, ConnectionResetError):
            pass
        return self.reply()

    def expect(self, line: str | bytes, codes: str) -> str:
        """A command whose reply must begin with one of these codes ("250" or "250 251")."""
        answer = self.command(line)
        assert answer.startswith(tuple(codes.split())), f"{line!r} was answered {answer!r}, not {codes}"
        return answer

    def ehlo(self, name: str = "client.test") -> list[str]:
        """The extensions that are offered, upper case."""
        return [line[4:].upper() for line in self.expect(f"EHLO {name}", "250").split("\n")[1:]]

    def secure(self, ca_file: Path, name: str = "localhost") -> None:
        context = ssl.create_default_context(cafile=str(ca_file))
        self._buffer = b""
        self.socket = context.wrap_socket(self.socket, server_hostname=name)

    def starttls(self, ca_file: Path) -> None:
        self.expect("STARTTLS", "220")
        self.secure(ca_file)

    def auth_plain(self, login: str, password: str) -> str:
        return self.command("AUTH PLAIN " + plain(login, password))

    def envelope(self, sender: str, *recipients: str, parameters: str = "") -> None:
        self.expect(f"MAIL FROM:<{sender}>{parameters}", "250")
        for recipient in recipients:
            self.expect(f"RCPT TO:<{recipient}>", "250")

    def content(self, content: bytes) -> str:
        """DATA, the content with its dots stuffed, and the final reply."""
        self.expect("DATA", "354")
        stuffed = content.replace(b"\r\n.", b"\r\n..")
        self.send((b"." + stuffed if stuffed.startswith(b".") else stuffed) + b".\r\n")
        return self.reply()

    def submit(self, sender: str, recipient: str, content: bytes, parameters: str = "") -> str:
        """A whole transaction; the final reply."""
        self.envelope(sender, recipient, parameters=parameters)
        return self.content(content)


def plain(login: str, password: str) -> str:
    return base64.b64encode(f"\0{login}\0{password}".encode()).decode()


def queue_id(reply: str) -> str:
    """The id out of `250 2.0.0 Ok: queued as <id>`."""
    assert reply.startswith("250"), reply
    return reply.rsplit(" ", 1)[1]
