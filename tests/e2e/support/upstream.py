"""ScriptedUpstream: an SMTP server that does at each stage what a test tells it, and remembers all it was sent.

One thread per connection, blocking sockets. Well behaved unless scripted: it demands TLS and a login as configured,
un-stuffs dots, counts BDAT octets, and records each message it answered for with its envelope and times.

Stages at which an action can be placed, in the order of a connection:
    connect   instead of the greeting                 starttls  the answer to STARTTLS
    ehlo      the answer to EHLO                      tls       instead of the handshake (Close, Hang, Garbage)
    auth      the answer to AUTH                      mail, rcpt, data  the answers to these commands
    middle    after the first octets of the content   content   after the final dot or BDAT LAST
"""
from __future__ import annotations

import base64
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from .certificates import Certificate
from .deadline import DeadlinePassed
from .ports import free_port
from .sasl import MECHANISMS


# --- what can be done at a stage ------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Say:
    """Sends this reply (lines joined by LF) in place of the usual one; 2xx and 354 go on as usual."""
    reply: str


@dataclass(frozen=True)
class SayAndClose:
    """A reply such as 421, then the end."""
    reply: str


@dataclass(frozen=True)
class Raw:
    """Sends exactly these octets, in place of a reply."""
    octets: bytes


@dataclass(frozen=True)
class Hang:
    """Says nothing until the peer goes away."""


@dataclass(frozen=True)
class Close:
    """Closes the connection. At `content`, `keep` says whether the message was taken nevertheless."""
    keep: bool = False


@dataclass(frozen=True)
class Endless:
    """A reply that does not end, until the peer goes away: one line, or many continuation lines."""
    one_line: bool = False


@dataclass(frozen=True)
class Delay:
    """Waits, then does the usual thing."""
    seconds: float


Action = Say | SayAndClose | Raw | Hang | Close | Endless | Delay


@dataclass
class _Placed:
    action: Action
    times: int | None
    when: Callable[[str], bool] | None


# --- what was seen --------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Received:
    """One message the upstream answered for (or kept without answering: `answered` is False)."""
    sender: str
    recipients: tuple[str, ...]
    mail_parameters: str
    rcpt_parameters: tuple[str, ...]
    content: bytes
    began: float          # MAIL, time.monotonic()
    ended: float          # just before the final reply was sent
    login: str
    tls: str              # "TLSv1.3", empty in clear
    chunked: bool
    connection: int
    answered: bool = True


@dataclass(frozen=True)
class Command:
    connection: int
    line: str
    tls: bool


@dataclass
class _Transaction:
    sender: str
    parameters: str
    began: float
    recipients: list[str] = field(default_factory=list)
    rcpt_parameters: list[str] = field(default_factory=list)
    content: bytearray = field(default_factory=bytearray)
    chunked: bool = False


class _Gone(Exception):
    """The peer went away, or the script ends the connection."""


DEFAULT_EXTENSIONS = ("PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "CHUNKING", "DSN", "ENHANCEDSTATUSCODES")
DEFAULT_MECHANISMS = ("PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256")


class ScriptedUpstream:
    def __init__(self, certificate: Certificate | None = None, *, tls: str = "none", login: str = "",
                 password: str = "", extensions: Iterable[str] = DEFAULT_EXTENSIONS,
                 mechanisms: Iterable[str] = DEFAULT_MECHANISMS,
                 offer_starttls: bool = True, tls_versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None = None,
                 keep_content: bool = True) -> None:
        self.tls = tls
        self.login = login
        self.password = password
        self.extensions = list(extensions)
        self.mechanisms = list(mechanisms)
        self.offer_starttls = offer_starttls
        self.keep_content = keep_content
        self.port = free_port()
        self._context = _server_context(certificate, tls_versions) if certificate else None
        self._listener: socket.socket | None = None
        self._state = threading.Condition()
        self._script: dict[str, list[_Placed]] = {}
        self._open: dict[int, socket.socket] = {}
        self._stopping = threading.Event()
        self.received: list[Received] = []
        self.commands: list[Command] = []
        self.connections = 0
        self.handshake_failures: list[str] = []
        self.most_at_once = 0
        self.smuggled: list[str] = []     # bare CR or LF, octets >= 0x80 not announced: what must never leave a relay

    # -- life --
    def start(self) -> ScriptedUpstream:
        listener = socket.create_server(("127.0.0.1", self.port), backlog=256)
        self._listener = listener
        self._stopping = threading.Event()
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()
        return self

    def stop(self) -> None:
        """Stops listening and drops every connection. start() may follow."""
        self._stopping.set()
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self.drop_connections()

    def drop_connections(self) -> None:
        with self._state:
            for connection in self._open.values():
                try:
                    connection.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self) -> ScriptedUpstream:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    # -- script --
    def on(self, stage: str, action: Action, times: int | None = None,
           when: Callable[[str], bool] | None = None) -> ScriptedUpstream:
        """From now on do `action` at `stage`; `times` of them, and only for command lines that `when` likes."""
        with self._state:
            self._script.setdefault(stage, []).append(_Placed(action, times, when))
        return self

    def heal(self) -> None:
        with self._state:
            self._script.clear()

    def _action(self, stage: str, line: str = "") -> Action | None:
        with self._state:
            for placed in self._script.get(stage, []):
                if placed.times == 0 or (placed.when and not placed.when(line)):
                    continue
                if placed.times is not None:
                    placed.times -= 1
                return placed.action
        return None

    # -- looking --
    def wait_messages(self, count: int, seconds: float = 10.0,
                      which: Callable[[Received], bool] = lambda message: True) -> list[Received]:
        """The messages received so far that `which` likes, once there are `count` of them."""
        with self._state:
            found = self._state.wait_for(lambda: sum(map(which, self.received)) >= count, seconds)
            chosen = [message for message in self.received if which(message)]
        if not found:
            raise DeadlinePassed(f"the upstream has {len(chosen)} of {count} messages after {seconds:g} s")
        return chosen

    def wait_command(self, verb: str, count: int = 1, seconds: float = 10.0) -> list[Command]:
        def chosen() -> list[Command]:
            return [command for command in self.commands if command.line.upper().startswith(verb.upper())]
        with self._state:
            if not self._state.wait_for(lambda: len(chosen()) >= count, seconds):
                raise DeadlinePassed(f"{verb} came {len(chosen())} times, not {count}, in {seconds:g} s")
            return chosen()

    def wait_connections(self, count: int, seconds: float = 10.0) -> None:
        with self._state:
            if not self._state.wait_for(lambda: self.connections >= count, seconds):
                raise DeadlinePassed(f"{self.connections} of {count} connections after {seconds:g} s")

    def verbs(self) -> list[str]:
        return [command.line.split(" ")[0].upper() for command in self.commands]

    # -- serving --
    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with self._state:
                self.connections += 1
                number = self.connections
                self._open[number] = connection
                self.most_at_once = max(self.most_at_once, len(self._open))
                self._state.notify_all()
            threading.Thread(target=self._serve, args=(connection, number), daemon=True).start()

    def _serve(self, connection: socket.socket, number: int) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        session = _Session(self, connection, number)
        try:
            session.run()
        except (_Gone, OSError, ssl.SSLError):
            pass
        finally:
            with self._state:
                self._open.pop(number, None)
            session.close()

    def _note(self, command: Command) -> None:
        with self._state:
            self.commands.append(command)
            self._state.notify_all()

    def _record(self, message: Received) -> None:
        with self._state:
            self.received.append(message)
            self._state.notify_all()


def _server_context(certificate: Certificate, versions: tuple[ssl.TLSVersion, ssl.TLSVersion] | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    if versions:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = versions
    context.load_cert_chain(certificate.chain, certificate.key)
    return context


class _Session:
    """One connection of a ScriptedUpstream."""

    def __init__(self, server: ScriptedUpstream, connection: socket.socket, number: int) -> None:
        self._server = server
        self._socket: socket.socket | ssl.SSLSocket = connection
        self._number = number
        self._buffer = bytearray()
        self._login = ""
        self._greeted = False
        self._transaction: _Transaction | None = None

    def close(self) -> None:
        try:
            self._socket.close()
        except OSError:
            pass

    # -- bytes --
    def _fill(self) -> None:
        octets = self._socket.recv(1 << 18)
        if not octets:
            raise _Gone
        self._buffer += octets

    def _line(self) -> str:
        while b"\n" not in self._buffer:
            self._fill()
            if len(self._buffer) > 1 << 20 and b"\n" not in self._buffer:
                raise _Gone
        end = self._buffer.index(b"\n") + 1
        raw = bytes(self._buffer[:end])
        del self._buffer[:end]
        if not raw.endswith(b"\r\n"):
            self._server.smuggled.append(f"bare LF in a command: {raw!r}")
        return raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace")

    def _say(self, reply: str) -> None:
        lines = reply.split("\n")
        code = lines[0][:3]
        wire = "".join(f"{code}-{line[4:] if line[:3] == code else line}\r\n" for line in lines[:-1])
        last = lines[-1]
        wire += f"{code} {last[4:] if last[:3] == code else last}\r\n"
        self._socket.sendall(wire.encode())

    def _until_peer_leaves(self) -> None:
        while not self._server._stopping.is_set():
            if not self._socket.recv(1 << 16):
                break
        raise _Gone

    def _perform(self, action: Action | None, usual: str) -> str:
        """Does the action; gives the reply that was sent, so that the caller knows how the dialogue goes on."""
        match action:
            case None:
                self._say(usual)
                return usual
            case Say(reply):
                self._say(reply)
                return reply
            case SayAndClose(reply):
                self._say(reply)
                raise _Gone
            case Raw(octets):
                self._socket.sendall(octets)
                return octets.decode("latin-1")
            case Hang():
                self._until_peer_leaves()
            case Close():
                raise _Gone
            case Endless(one_line):
                if one_line:
                    self._socket.sendall(b"250 ")
                while not self._server._stopping.is_set():
                    self._socket.sendall(b"a" * 4096 if one_line else b"250-and so on\r\n" * 256)
            case Delay(seconds):
                self._server._stopping.wait(seconds)
                self._say(usual)
                return usual
        raise _Gone

    # -- dialogue --
    def run(self) -> None:
        server = self._server
        if server.tls == "implicit":
            self._handshake()
        greeting = self._perform(server._action("connect"), "220 upstream.test ESMTP")
        if not greeting.startswith("220"):
            while self._line().upper() != "QUIT":
                self._say("503 5.5.1 no service")
            self._say("221 2.0.0 bye")
            return
        while True:
            line = self._line()
            server._note(Command(self._number, line, self._encrypted()))
            verb, _, rest = line.partition(" ")
            step = getattr(self, f"_{verb.lower()}", None) if verb.isalpha() else None
            if verb.upper() not in _VERBS or step is None:
                self._say("500 5.5.2 what?")
            elif step(rest, line) == "quit":
                return

    def _encrypted(self) -> bool:
        return isinstance(self._socket, ssl.SSLSocket)

    def _handshake(self) -> None:
        action = self._server._action("tls")
        if action is not None:
            self._perform(action, "")
        context = self._server._context
        assert context is not None, "an upstream with TLS needs a certificate"
        try:
            self._socket = context.wrap_socket(self._socket, server_side=True)
        except (ssl.SSLError, OSError) as error:
            self._server.handshake_failures.append(str(error))
            raise _Gone from error

    def _ehlo(self, rest: str, line: str) -> None:
        server = self._server
        self._transaction = None
        offered = ["upstream.test", *server.extensions]
        if server.tls == "starttls" and server.offer_starttls and not self._encrypted():
            offered.append("STARTTLS")
        if server.login and (self._encrypted() or server.tls == "none"):
            offered.append("AUTH " + " ".join(server.mechanisms))
        self._perform(server._action("ehlo", line), "\n".join(f"250 {item}" for item in offered))
        self._greeted = True

    def _helo(self, rest: str, line: str) -> None:
        self._perform(self._server._action("ehlo", line), "250 upstream.test")
        self._greeted = True

    def _starttls(self, rest: str, line: str) -> None:
        if self._server.tls != "starttls" or not self._server.offer_starttls or self._encrypted():
            self._say("502 5.5.1 no")
            return
        reply = self._perform(self._server._action("starttls", line), "220 2.0.0 go")
        if reply.startswith("220"):
            self._buffer.clear()
            self._handshake()

    def _auth(self, rest: str, line: str) -> None:
        mechanism, _, initial = rest.partition(" ")
        action = self._server._action("auth", line)
        if action is not None:
            reply = self._perform(action, "235 2.7.0 ok")
            if reply.startswith("235"):
                self._login = self._server.login
            return
        check = MECHANISMS.get(mechanism.upper())
        if check and check(self._ask, base64.b64decode(initial), self._server.login, self._server.password):
            self._login = self._server.login
            self._say("235 2.7.0 ok")
        else:
            self._say("535 5.7.8 wrong login or password")

    def _ask(self, challenge: bytes) -> bytes:
        self._socket.sendall(b"334 " + base64.b64encode(challenge) + b"\r\n")
        return base64.b64decode(self._line())

    def _mail(self, rest: str, line: str) -> None:
        server = self._server
        if server.tls == "starttls" and not self._encrypted():
            self._say("530 5.7.0 STARTTLS first")
        elif server.login and not self._login:
            self._say("530 5.7.1 log in first")
        elif not self._greeted or self._transaction:
            self._say("503 5.5.1 not now")
        elif self._perform(server._action("mail", line), "250 2.1.0 ok").startswith("250"):
            sender, parameters = _path(rest)
            self._transaction = _Transaction(sender, parameters, time.monotonic())

    def _rcpt(self, rest: str, line: str) -> None:
        if not self._transaction:
            self._say("503 5.5.1 MAIL first")
        elif self._perform(self._server._action("rcpt", line), "250 2.1.5 ok").startswith("250"):
            recipient, parameters = _path(rest)
            self._transaction.recipients.append(recipient)
            self._transaction.rcpt_parameters.append(parameters)

    def _data(self, rest: str, line: str) -> None:
        if not self._transaction or not self._transaction.recipients:
            self._say("503 5.5.1 no recipients")
            return
        if not self._perform(self._server._action("data", line), "354 go on").startswith("354"):
            self._transaction = None
            return
        self._middle()
        while not (self._buffer.startswith(b".\r\n") or b"\r\n.\r\n" in self._tail()):
            self._seen = len(self._buffer)
            self._fill()
        end = 0 if self._buffer.startswith(b".\r\n") else self._buffer.index(b"\r\n.\r\n", max(0, self._seen - 5)) + 2
        stuffed = bytes(self._buffer[:end])
        del self._buffer[:end + 3]
        content = stuffed.replace(b"\r\n..", b"\r\n.")
        self._transaction.content += content[1:] if content.startswith(b"..") else content
        self._answer_content()

    _seen = 0

    def _tail(self) -> bytearray:
        self._seen = min(self._seen, len(self._buffer))
        return self._buffer[max(0, self._seen - 5):]

    def _bdat(self, rest: str, line: str) -> None:
        size, _, last = rest.partition(" ")
        wanted = int(size)
        self._middle()
        while len(self._buffer) < wanted:
            self._fill()
        octets = bytes(self._buffer[:wanted])
        del self._buffer[:wanted]
        if not self._transaction or not self._transaction.recipients:
            self._say("503 5.5.1 no recipients")
            return
        self._transaction.chunked = True
        self._transaction.content += octets
        if last.upper() == "LAST":
            self._answer_content()
        else:
            self._say("250 2.0.0 chunk taken")

    def _middle(self) -> None:
        """The place of the faults that strike while content arrives."""
        action = self._server._action("middle")
        if action is not None:
            if not self._buffer:
                self._fill()
            self._perform(action, "")

    def _answer_content(self) -> None:
        transaction, self._transaction = self._transaction, None
        assert transaction is not None
        self._seen = 0
        content = bytes(transaction.content)
        server = self._server
        if content.count(b"\n") != content.count(b"\r\n") or content.count(b"\r") != content.count(b"\r\n"):
            server.smuggled.append(f"bare CR or LF in the content from {transaction.sender}")
        if "8BITMIME" not in server.extensions and not content.isascii():
            server.smuggled.append(f"8-bit content without 8BITMIME from {transaction.sender}")

        def taken(answered: bool) -> Received:
            return Received(transaction.sender, tuple(transaction.recipients), transaction.parameters,
                            tuple(transaction.rcpt_parameters), content if server.keep_content else b"",
                            transaction.began, time.monotonic(), self._login,
                            self._socket.version() or "" if isinstance(self._socket, ssl.SSLSocket) else "",
                            transaction.chunked, self._number, answered)

        action = server._action("content")
        if isinstance(action, Close | Hang) and not (isinstance(action, Close) and not action.keep):
            server._record(taken(False))
        if action is None or isinstance(action, Delay):
            # Recorded before the answer leaves: who reads the answer may rely on finding the message here.
            if isinstance(action, Delay):
                server._stopping.wait(action.seconds)
            server._record(taken(True))
            self._say(f"250 2.0.0 taken as {len(server.received)}")
            return
        if isinstance(action, Say) and action.reply.startswith("2"):
            server._record(taken(True))
        self._perform(action, "")

    def _rset(self, rest: str, line: str) -> None:
        self._transaction = None
        self._say("250 2.0.0 ok")

    def _noop(self, rest: str, line: str) -> None:
        self._say("250 2.0.0 ok")

    def _quit(self, rest: str, line: str) -> str:
        self._say("221 2.0.0 bye")
        return "quit"


_VERBS = {"EHLO", "HELO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "BDAT", "RSET", "NOOP", "QUIT"}


def _path(rest: str) -> tuple[str, str]:
    """`FROM:<a@b> X=Y` -> (`a@b`, `X=Y`)."""
    _, _, after = rest.partition("<")
    address, _, parameters = after.rpartition(">")
    return address, parameters.strip()
