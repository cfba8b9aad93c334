"""The only file that waits.

Every wait has a condition and a deadline; a wait that runs out fails with what was waited for. Tests never sleep.
"""
from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class DeadlinePassed(AssertionError):
    """Something that had to happen did not happen in time."""


class Deadline:
    """A point in time that many waits can share."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return max(0.0, self._end - time.monotonic())

    def passed(self) -> bool:
        return self.left() == 0.0


def until(what: str, probe: Callable[[], T], seconds: float = 10.0) -> T:
    """Polls `probe` until it gives something true, and returns that."""
    deadline = Deadline(seconds)
    while True:
        found = probe()
        if found:
            return found
        if deadline.passed():
            raise DeadlinePassed(f"not within {seconds:g} s: {what}")
        time.sleep(0.005)


def port_accepts(port: int, seconds: float = 10.0, host: str = "127.0.0.1") -> None:
    """Waits until something listens there."""

    def probe() -> bool:
        try:
            socket.create_connection((host, port), timeout=1).close()
        except OSError:
            return False
        return True

    until(f"a listener on {host}:{port}", probe, seconds)


def let_pass(seconds: float) -> None:
    """Real time passes, for tests whose subject is time itself (a rate, a moment to kill at)."""
    time.sleep(seconds)
