"""The relay under test: makes its configuration, starts it, follows its log, stops it and checks how it stopped."""
from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .deadline import Deadline, DeadlinePassed
from .ports import free_port
from .upstream import ScriptedUpstream

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = Path(os.environ.get("POSTHOUSE_BINARY", REPOSITORY / "build/release/posthouse")).resolve()

Settings = dict[str, Any]

_PAIR = re.compile(r'([A-Za-z0-9_.]+)=("(?:[^"\\]|\\.)*"|\S*)')


@dataclass(frozen=True)
class Line:
    """One line of the log: the event's name and its fields."""
    text: str
    event: str
    fields: dict[str, str]

    def has(self, wanted: dict[str, str]) -> bool:
        return all(self.fields.get(key) == value for key, value in wanted.items())


def read_line(text: str) -> Line:
    if text.startswith("{"):
        try:
            document = json.loads(text)
            return Line(text, str(document.get("event", "")), {key: str(value) for key, value in document.items()})
        except ValueError:
            pass
    words = text.split(" ", 3)
    if len(words) < 3:
        return Line(text, "", {})
    rest = words[3] if len(words) > 3 else ""
    fields = {key: _unquoted(value) for key, value in _PAIR.findall(rest)}
    return Line(text, words[2], {"level": words[1], **fields})


def _unquoted(value: str) -> str:
    if not value.startswith('"'):
        return value
    return re.sub(r"\\(.)", r"\1", value[1:-1])


def upstream_settings(upstream: Any, ca_file: Path | None = None, **keys: Any) -> Settings:
    """The `upstreams` entry for one of the peers of the tests. `keys` win."""
    entry: Settings = {"host": "localhost", "hosts": ["127.0.0.1"], "port": upstream.port}
    entry["tls"] = upstream.tls if isinstance(upstream, ScriptedUpstream) else "starttls"
    if ca_file is not None and entry["tls"] != "none":
        entry["verify"] = {"ca_file": str(ca_file)}
    if upstream.login:
        entry["login"] = upstream.login
        entry["password"] = upstream.password
    entry.update(keys)
    return entry


class Relay:
    """One configuration and one spool, started any number of times.

    `settings` are the keys of the configuration file; hostname, listener, spool and short retries are filled in.
    `wrapper` is a program to run the relay under (strace ...), `environment` is added to ours.
    """

    def __init__(self, settings: Settings, *, secrets: tuple[str, ...] = (), wrapper: tuple[str, ...] = (),
                 environment: dict[str, str] | None = None, spool: Path | None = None) -> None:
        # A short path: the admin socket lies in it, and a unix socket's path has 107 octets.
        self.folder = Path(tempfile.mkdtemp(prefix="relay-"))
        self.spool = spool or self.folder / "spool"
        self.port = free_port()
        self.settings: Settings = {
            "hostname": "relay.test",
            "listen": [{"address": f"127.0.0.1:{self.port}"}],
            "spool": {"path": str(self.spool), "min_free": "1MiB"},
            "retry": {"schedule": ["1s"], "jitter": "0%"},
            "admin": {"listen": [f"unix:{self.folder}/admin.sock"]},
            "log": {"level": "debug"},
        }
        for key, value in settings.items():
            ours = self.settings.get(key)
            self.settings[key] = {**ours, **value} if isinstance(ours, dict) and isinstance(value, dict) else value
        self.config = self.folder / "posthouse.yaml"
        self.secrets = secrets
        self.wrapper = wrapper
        self.environment = environment or {}
        self.process: subprocess.Popen[bytes] | None = None
        self.lines: list[Line] = []
        self._news = threading.Condition()
        self._reader: threading.Thread | None = None

    # -- life --
    def start(self, wait_ready: bool = True, seconds: float = 20.0) -> Relay:
        # JSON is YAML, and quotes what must be quoted.
        self.config.write_text(json.dumps(self.settings, indent=1))
        self.config.chmod(0o600)
        since = len(self.lines)
        self.process = subprocess.Popen([*self.wrapper, str(BINARY), "serve", "--config", str(self.config)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        env={**os.environ, **self.environment})
        self._reader = threading.Thread(target=self._follow, args=(self.process,), daemon=True)
        self._reader.start()
        if wait_ready:
            self.wait("ready", seconds=seconds, since=since)
        return self

    def _follow(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdout is not None
        for raw in process.stdout:
            line = read_line(raw.decode("utf-8", "backslashreplace").rstrip("\n"))
            with self._news:
                self.lines.append(line)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    @property
    def pid(self) -> int:
        """Of the relay itself, also under a wrapper."""
        assert self.process is not None
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if self.wrapper and children else self.process.pid

    @property
    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def wait_exit(self, seconds: float = 20.0) -> int:
        assert self.process is not None and self._reader is not None
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise DeadlinePassed(f"the relay still runs after {seconds:g} s\n{self.tail()}") from None
        self._reader.join(5)
        return code

    def stop(self, seconds: float = 20.0) -> None:
        """SIGTERM; the relay must end with 0 and must never have told a secret."""
        assert self.running, f"the relay is not running (exit status {self.process and self.process.returncode})" \
                             f"\n{self.tail()}"
        os.kill(self.pid, signal.SIGTERM)
        code = self.wait_exit(seconds)
        assert code == 0, f"exit status {code} after SIGTERM\n{self.tail()}"
        self.check_secrets()

    def kill(self) -> None:
        """kill -9, and the end of the process is awaited."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait_exit()

    def discard(self) -> None:
        """The end of a test that has not stopped the relay itself."""
        if self.running:
            os.kill(self.pid, signal.SIGKILL)
            self.wait_exit()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- log --
    def events(self, event: str, *, since: int = 0, **fields: str) -> list[Line]:
        with self._news:
            return [line for line in self.lines[since:] if line.event == event and line.has(fields)]

    def wait(self, event: str, count: int = 1, seconds: float = 10.0, since: int = 0, **fields: str) -> list[Line]:
        """Waits for lines of this event with these fields. Fails at once when the relay ends meanwhile."""
        deadline = Deadline(seconds)
        with self._news:
            while True:
                found = [line for line in self.lines[since:] if line.event == event and line.has(fields)]
                if len(found) >= count:
                    return found
                ended = not self.running and self._reader is not None and not self._reader.is_alive()
                if ended or deadline.passed():
                    why = "the relay has ended" if ended else f"not within {seconds:g} s"
                    raise DeadlinePassed(f"{why}: event {event} {fields or ''} x {count}\n{self.tail()}")
                self._news.wait(min(deadline.left(), 0.2))

    def position(self) -> int:
        """Where the log ends now; `since=` of the calls above."""
        return len(self.lines)

    def tail(self, count: int = 60) -> str:
        return "\n".join(line.text for line in self.lines[-count:])

    def check_secrets(self) -> None:
        text = "\n".join(line.text for line in self.lines)
        for secret in self.secrets:
            assert secret not in text, f"the log tells the secret {secret!r}"

    # -- figures --
    def status(self, key: str) -> int:
        """A line of /proc/PID/status in KiB: VmRSS, VmHWM."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(key + ":"):
                return int(line.split()[1])
        raise KeyError(key)

    def processor_seconds(self) -> float:
        """User and system time used so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def posthouse(*arguments: str, stdin: str = "", environment: dict[str, str] | None = None,
              seconds: float = 30.0, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a subcommand to its end."""
    return subprocess.run([str(BINARY), *arguments], input=stdin, capture_output=True, text=True, timeout=seconds,
                          env={**os.environ, **(environment or {})}, cwd=folder)


def write_users(path: Path, logins: dict[str, str], senders: str = "") -> Path:
    """A users file, its lines made by `posthouse passwd`."""
    lines = []
    for login, password in logins.items():
        done = posthouse("passwd", login, stdin=password + "\n")
        assert done.returncode == 0, done.stderr
        lines.append(done.stdout.strip() + (f":{senders}" if senders else ""))
    path.write_text("\n".join(lines) + "\n")
    path.chmod(0o600)
    return path
