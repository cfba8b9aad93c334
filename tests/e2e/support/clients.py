"""Programs nobody here wrote, each submitting one message: curl, swaks, smtplib, msmtp and nodemailer."""
from __future__ import annotations

import json
import os
import smtplib
import ssl
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .messages import Message

_HERE = Path(__file__).resolve().parent
NODE_MODULES = _HERE.parents[2] / "build/node/node_modules"


@dataclass(frozen=True)
class Target:
    """A listener as a client sees it."""
    port: int
    tls: str              # none | starttls | implicit
    login: str = ""
    password: str = ""
    ca_file: Path = Path()


def _run(command: list[str], content: bytes = b"", seconds: float = 120.0,
         environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(command, input=content, capture_output=True, timeout=seconds,
                          env={**os.environ, **(environment or {})})
    output = (done.stdout + b"\n" + done.stderr).decode(errors="replace")[-4000:]
    assert done.returncode == 0, f"{command[0]} ended with {done.returncode}\n{output}"


def curl(target: Target, message: Message) -> None:
    scheme = "smtps" if target.tls == "implicit" else "smtp"
    command = ["curl", "--silent", "--show-error", "--max-time", "100", "--noproxy", "*",
               "--url", f"{scheme}://localhost:{target.port}/curl.test",
               "--resolve", f"localhost:{target.port}:127.0.0.1",
               "--mail-from", message.sender, "--mail-rcpt", message.recipient, "--upload-file", "-"]
    if target.tls != "none":
        command += ["--cacert", str(target.ca_file), "--ssl-reqd"]
    if target.login:
        command += ["--user", f"{target.login}:{target.password}"]
    _run(command, message.content, environment={"LC_ALL": "C.UTF-8"})


def swaks(target: Target, message: Message) -> None:
    with tempfile.NamedTemporaryFile() as data:
        # Without its fix-ups swaks sends the file as it is: stuffed, and with the final dot.
        data.write(message.content.replace(b"\r\n.", b"\r\n..") + b".")
        data.flush()
        command = ["swaks", "--silent", "1", "--server", "localhost", "--port", str(target.port),
                   "--ehlo", "swaks.test", "--from", message.sender, "--to", message.recipient, "--no-data-fixup",
                   "--data", f"@{data.name}",
                   "--timeout", "60s"]
        if target.tls != "none":
            command += ["--tls" if target.tls == "starttls" else "--tls-on-connect", "--tls-verify", "--tls-ca-path",
                        str(target.ca_file)]
        if target.login:
            command += ["--auth", "PLAIN", "--auth-user", target.login, "--auth-password", target.password]
        _run(command)


def smtplib_client(target: Target, message: Message) -> None:
    context = ssl.create_default_context(cafile=str(target.ca_file)) if target.tls != "none" else None
    session: smtplib.SMTP
    if target.tls == "implicit":
        session = smtplib.SMTP_SSL("localhost", target.port, "python.test", context=context, timeout=100)
    else:
        session = smtplib.SMTP("localhost", target.port, "python.test", timeout=100)
    with session:
        if target.tls == "starttls":
            session.starttls(context=context)
        if target.login:
            session.login(target.login, target.password)
        options = {"smtputf8": ["SMTPUTF8", "BODY=8BITMIME"], "eight-bit": ["BODY=8BITMIME"]}.get(message.kind, [])
        session.sendmail(message.sender, [message.recipient], message.content, mail_options=options)


def msmtp(target: Target, message: Message) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "msmtprc"
        lines = ["account default", "host localhost", f"port {target.port}", "domain msmtp.test",
                 f"from {message.sender}", "set_from_header off", "set_date_header off", "set_msgid_header off"]
        if target.tls == "none":
            lines += ["tls off"]
        else:
            lines += ["tls on", f"tls_trust_file {target.ca_file}",
                      f"tls_starttls {'on' if target.tls == 'starttls' else 'off'}"]
        if target.login:
            lines += ["auth plain", f"user {target.login}", f"password {target.password}"]
        config.write_text("\n".join(lines) + "\n")
        config.chmod(0o600)
        # msmtp reads LF lines and makes CRLF of them.
        _run(["msmtp", "-C", str(config), "--", message.recipient], message.content.replace(b"\r\n", b"\n"))


def nodemailer(target: Target, message: Message) -> None:
    job = {"port": target.port, "tls": target.tls, "login": target.login, "password": target.password,
           "ca_file": str(target.ca_file), "sender": message.sender, "recipient": message.recipient,
           "eight_bit": message.kind in ("eight-bit", "smtputf8")}
    _run(["node", str(_HERE / "nodemailer_submit.js"), json.dumps(job)], message.content,
         environment={"NODE_PATH": str(NODE_MODULES)})


@dataclass(frozen=True)
class Client:
    name: str
    submit: Callable[[Target, Message], None]
    kinds: tuple[str, ...]     # what it can send: swaks and msmtp know no SMTPUTF8


_ALL = ("seven-bit", "eight-bit", "smtputf8", "large")
CLIENTS = (
    Client("curl", curl, _ALL),
    Client("swaks", swaks, ("seven-bit", "eight-bit", "large")),
    Client("smtplib", smtplib_client, _ALL),
    Client("msmtp", msmtp, ("seven-bit", "eight-bit", "large")),
    Client("nodemailer", nodemailer, _ALL),
)
