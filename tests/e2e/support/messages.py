"""Messages to submit, and the comparison of what arrived with what was submitted."""
from __future__ import annotations

import base64
import random
import uuid
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Message:
    sender: str
    recipient: str
    content: bytes                  # CRLF line ends
    marker: bytes                   # the value of its X-Marker field, unique
    kind: str = "seven-bit"

    @property
    def header_line(self) -> bytes:
        return b"X-Marker: " + self.marker


def compose(kind: str = "seven-bit", sender: str = "author@shop.test", recipient: str = "reader@example.test",
            size: int = 0) -> Message:
    """seven-bit, eight-bit, smtputf8 or large (25 MB as base64, or `size` octets)."""
    marker = uuid.uuid4().hex.encode()
    if kind == "smtputf8":
        sender, recipient = sender.replace("author", "автор"), recipient.replace("reader", "чтец")
    subject = {"smtputf8": "Письмо ✉"}.get(kind, "Your order 1042")
    header = [b"From: Shop <" + sender.encode() + b">", b"To: <" + recipient.encode() + b">",
              b"Subject: " + subject.encode(), b"Date: Fri, 20 Nov 2026 10:00:00 +0100",
              b"Message-ID: <" + marker + b"@shop.test>", b"X-Marker: " + marker, b"MIME-Version: 1.0",
              b"X-Folded: one\r\n\ttwo\r\n  three"]
    body = [b"Dear reader,", b"", b".a line that begins with a dot", b"..two dots", b".", b"  indented \t",
            b"From the start of a line", b"", b"=20 looks quoted", b"x" * 900, b"", b"Bye"]
    if kind in ("eight-bit", "smtputf8"):
        header.append(b"Content-Type: text/plain; charset=utf-8")
        header.append(b"Content-Transfer-Encoding: 8bit")
        body.append("Grüße, привет, 世界".encode())
    elif kind == "large":
        header.append(b'Content-Type: application/octet-stream; name="large.bin"')
        header.append(b"Content-Transfer-Encoding: base64")
        octets = random.Random(42).randbytes((size or 25_000_000) * 3 // 4)
        body = base64.encodebytes(octets).rstrip(b"\n").split(b"\n")
    content = b"\r\n".join([*header, b"", *body]) + b"\r\n"
    return Message(sender, recipient, content, marker, kind)


def small(sender: str = "author@shop.test", recipient: str = "reader@example.test", body: bytes = b"hello") -> Message:
    """The least that is a whole message."""
    marker = uuid.uuid4().hex.encode()
    content = (b"From: <" + sender.encode() + b">\r\nTo: <" + recipient.encode() + b">\r\nSubject: small\r\n"
               b"Date: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: <" + marker + b"@shop.test>\r\nX-Marker: " +
               marker + b"\r\n\r\n" + body + b"\r\n")
    return Message(sender, recipient, content, marker)


def marker_of(content: bytes) -> bytes:
    """The marker of a message that arrived; b"" if it has none."""
    head = content[:65536].partition(b"\r\n\r\n")[0]
    for line in head.split(b"\r\n"):
        if line.startswith(b"X-Marker: "):
            return line[10:]
    return b""


@dataclass(frozen=True)
class Arrived:
    """What came out, taken apart: the trace header fields on top, and the rest, which must be what went in."""
    trace: list[bytes] = field(default_factory=list)
    rest: bytes = b""


def take_apart(content: bytes) -> Arrived:
    trace: list[bytes] = []
    position = 0
    while content[position:position + 9].lower() == b"received:":
        end = content.index(b"\r\n", position) + 2
        while content[end:end + 1] in (b" ", b"\t"):
            end = content.index(b"\r\n", end) + 2
        trace.append(content[position:end])
        position = end
    return Arrived(trace, content[position:])


def assert_unchanged(message: Message, arrived: bytes, trace_fields: int) -> None:
    """Exactly the added trace header fields, then exactly the octets that were submitted."""
    parts = take_apart(arrived)
    assert len(parts.trace) == trace_fields, f"{len(parts.trace)} Received fields:\n{parts.trace}"
    if parts.rest == message.content:
        return
    at = next((i for i, (a, b) in enumerate(zip(parts.rest, message.content, strict=False)) if a != b),
              min(len(parts.rest), len(message.content)))
    raise AssertionError(f"{len(message.content)} octets went in, {len(parts.rest)} came out; they differ at {at}: "
                         f"{message.content[at - 40:at + 40]!r} became {parts.rest[at - 40:at + 40]!r}")
