"""Senders that submit all the time, and know exactly which messages were acknowledged."""
from __future__ import annotations

import random
import threading
from collections import Counter
from collections.abc import Iterable

from .deadline import until
from .messages import Message, marker_of, small, take_apart
from .upstream import ScriptedUpstream
from .wire import Wire


class Load:
    """`senders` concurrent clients. Every message that got its 250 is in `acknowledged`; a message whose reply was
    lost is in `submitted` only, and may or may not arrive."""

    def __init__(self, senders: int = 20, sizes: tuple[int, ...] = (1, 1, 1, 200, 8000)) -> None:
        self._senders = senders
        self._sizes = sizes
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self.submitted: dict[bytes, Message] = {}
        self.acknowledged: dict[bytes, Message] = {}
        self.refused: Counter[str] = Counter()

    def start(self, port: int) -> None:
        self._stop.clear()
        self._threads = [threading.Thread(target=self._send, args=(port, number), daemon=True)
                         for number in range(self._senders)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        """Ends the senders; call it when the relay has been stopped or killed, or to stop them at a whole message."""
        self._stop.set()
        for thread in self._threads:
            thread.join(30)
            assert not thread.is_alive(), "a sender hangs"

    def wait_acknowledged(self, count: int, seconds: float = 20.0) -> None:
        until(f"{count} acknowledged messages", lambda: len(self.acknowledged) >= count, seconds)

    def acknowledged_so_far(self) -> set[bytes]:
        """Safe while senders run."""
        with self._lock:
            return set(self.acknowledged)

    def _send(self, port: int, number: int) -> None:
        while not self._stop.is_set():
            try:
                with Wire(port, timeout=20) as wire:
                    wire.ehlo(f"sender{number}.test")
                    for _ in range(5):
                        if self._stop.is_set():
                            return
                        self._submit(wire, number)
            except (OSError, AssertionError):
                # The relay is gone, or refused and said so; what was not acknowledged is not counted on.
                if self._stop.wait(0.01):
                    return

    def _submit(self, wire: Wire, number: int) -> None:
        line = b"0123456789abcdef" * 4 + b"\r\n"
        message = small(f"sender{number}@shop.test", body=line * random.choice(self._sizes))
        with self._lock:
            self.submitted[message.marker] = message
        reply = wire.submit(message.sender, message.recipient, message.content)
        with self._lock:
            if reply.startswith("250"):
                self.acknowledged[message.marker] = message
            else:
                self.refused[reply[:9]] += 1


def missing(promised: Iterable[bytes], upstream: ScriptedUpstream) -> set[bytes]:
    """Promised messages that the upstream has not got. Its threads only append, so a slice is a safe copy."""
    return set(promised) - {marker_of(received.content) for received in upstream.received[:]}


def count_copies(load: Load, upstream: ScriptedUpstream) -> Counter[bytes]:
    """Copies by marker; each of them must be, to the octet, a message that was submitted."""
    copies: Counter[bytes] = Counter()
    for received in upstream.received:
        marker = marker_of(received.content)
        assert marker in load.submitted, f"a message nobody submitted: {received.content[:200]!r}"
        assert take_apart(received.content).rest == load.submitted[marker].content, "a message was cut or mixed up"
        copies[marker] += 1
    return copies


