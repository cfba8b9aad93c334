"""A subcommand of the relay that keeps running (sink, demo, serve without a file), started and stopped by a test."""
from __future__ import annotations

import os
import signal
import subprocess
import threading
from pathlib import Path

from .deadline import DeadlinePassed
from .relay import BINARY


class Program:
    def __init__(self, *arguments: str, environment: dict[str, str] | None = None, folder: Path | None = None) -> None:
        self.process = subprocess.Popen([str(BINARY), *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, env={**os.environ, **(environment or {})}, cwd=folder)
        self.lines: list[str] = []
        self._news = threading.Condition()
        threading.Thread(target=self._follow, daemon=True).start()

    def _follow(self) -> None:
        assert self.process.stdout is not None
        for raw in self.process.stdout:
            with self._news:
                self.lines.append(raw.decode("utf-8", "backslashreplace").rstrip("\n"))
                self._news.notify_all()

    def wait_line(self, text: str, seconds: float = 15.0) -> str:
        def found() -> list[str]:
            return [line for line in self.lines if text in line]
        with self._news:
            if not self._news.wait_for(found, seconds):
                raise DeadlinePassed(f"no line with {text!r} in {seconds:g} s:\n{self.output()}")
            return found()[0]

    def output(self) -> str:
        return "\n".join(self.lines)

    def stop(self) -> int:
        """SIGTERM; the exit status."""
        if self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGTERM)
        try:
            return self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise DeadlinePassed(f"still running 20 s after SIGTERM\n{self.output()}") from None
