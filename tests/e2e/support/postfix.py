"""A private Postfix: own main.cf, master.cf, queue, log and login service under one temporary folder.

It demands STARTTLS and a login, and hands each message to a pipe that stores the octets as they came, so that a test
can compare them. Logins are checked by a small server for the Dovecot authentication protocol, because Postfix speaks
that over a unix socket and needs nothing else of the system.
"""
from __future__ import annotations

import base64
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

from .certificates import Certificate
from .deadline import port_accepts, until
from .ports import free_port

_MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/log
maillog_file_prefixes = {folder}
myhostname = postfix.test
mydestination =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
default_transport = store
relay_transport = store
local_transport = error:nothing is local
alias_maps =
alias_database =
smtpd_tls_security_level = encrypt
smtpd_tls_auth_only = yes
smtpd_tls_cert_file = {folder}/server.pem
smtpd_tls_key_file = {folder}/server.key
smtpd_tls_loglevel = 1
smtpd_sasl_auth_enable = yes
smtpd_sasl_type = dovecot
smtpd_sasl_path = {folder}/auth
smtpd_relay_restrictions = permit_sasl_authenticated, reject
smtpd_recipient_restrictions = permit_sasl_authenticated, reject
smtpd_client_connection_count_limit = 0
message_size_limit = 104857600
mailbox_size_limit = 0
virtual_mailbox_limit = 0
queue_minfree = 0
smtputf8_enable = yes
smtputf8_autodetect_classes = all
local_header_rewrite_clients =
always_add_missing_headers = no
store_destination_recipient_limit = 100
lmtp_host_lookup = native
"""

_MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
postlog unix-dgram n - n - 1 postlogd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
tlsmgr unix - - n 1000? 1 tlsmgr
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
store unix - n n - 8 pipe
  user={user} eol=\\r\\n null_sender= argv={folder}/store ${{sender}} ${{recipient}}
"""

# One file per message, complete when it has its final name. Line 1: sender; line 2: recipients; then the octets.
_STORE = """\
#!/bin/sh
temporary=$(mktemp {folder}/mail/.XXXXXXXXXX) || exit 75
{{ echo "$1"; shift; echo "$*"; cat; }} >"$temporary" || exit 75
mv "$temporary" {folder}/mail/$(basename "$temporary" | tr -d .)
"""


@dataclass(frozen=True)
class Stored:
    sender: str
    recipients: tuple[str, ...]
    content: bytes


class Postfix:
    def __init__(self, certificate: Certificate, login: str, password: str) -> None:
        self.port = free_port()
        self.login, self.password = login, password
        self.folder = Path(tempfile.mkdtemp(prefix="postfix-"))
        self.folder.chmod(0o755)
        for name in ("queue", "data", "mail"):
            (self.folder / name).mkdir()
        shutil.chown(self.folder / "data", "postfix")
        shutil.chown(self.folder / "mail", "nobody")
        shutil.copy(certificate.chain, self.folder / "server.pem")
        shutil.copy(certificate.key, self.folder / "server.key")
        (self.folder / "main.cf").write_text(_MAIN.format(folder=self.folder))
        (self.folder / "master.cf").write_text(_MASTER.format(folder=self.folder, port=self.port, user="nobody"))
        store = self.folder / "store"
        store.write_text(_STORE.format(folder=self.folder))
        store.chmod(0o755)
        self._logins = _LoginService(self.folder / "auth", login, password)

    def start(self) -> Postfix:
        self._logins.start()
        self._postfix("start")
        port_accepts(self.port, 20)
        return self

    def stop(self) -> None:
        self._postfix("stop", must=False)
        until("postfix is gone", lambda: not self._master_lives(), 20)
        self._logins.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _postfix(self, verb: str, must: bool = True) -> None:
        # master keeps its standard error for life: a file, since a pipe would be waited for until it ends.
        with open(self.folder / "command-log", "a+b") as output:
            done = subprocess.run(["/usr/sbin/postfix", "-c", str(self.folder), verb], stdin=subprocess.DEVNULL,
                                  stdout=output, stderr=output, timeout=60)
        assert done.returncode == 0 or not must, self.log()

    def _master_lives(self) -> bool:
        try:
            number = int((self.folder / "queue/pid/master.pid").read_text())
            os.kill(number, 0)
        except (OSError, ValueError):
            return False
        return True

    def log(self) -> str:
        files = [self.folder / "command-log", self.folder / "log"]
        return "".join(file.read_text(errors="replace") for file in files if file.exists())

    def messages(self) -> list[Stored]:
        found = []
        for file in sorted((self.folder / "mail").glob("[!.]*")):
            sender, recipients, content = file.read_bytes().split(b"\n", 2)
            found.append(Stored(sender.decode(), tuple(recipients.decode().split(" ")), content))
        return found

    def take_message(self, marker: bytes, seconds: float = 20.0) -> Stored:
        """The one message whose header contains `marker`; its file is removed."""
        def probe() -> Path | None:
            for file in (self.folder / "mail").glob("[!.]*"):
                with open(file, "rb") as content:
                    if marker in content.read(1 << 16):
                        return file
            return None
        try:
            file = until(f"postfix stored the message with {marker!r}", probe, seconds)
        except AssertionError as missing:
            raise AssertionError(f"{missing}\npostfix says:\n{self.log()[-3000:]}") from missing
        sender, recipients, content = file.read_bytes().split(b"\n", 2)
        file.unlink()
        return Stored(sender.decode(), tuple(recipients.decode().split(" ")), content)


class _LoginService:
    """The server side of the Dovecot authentication protocol 1.1, PLAIN and LOGIN, for one login."""

    def __init__(self, path: Path, login: str, password: str) -> None:
        self._path, self._login, self._password = path, login, password
        self._listener: socket.socket | None = None

    def start(self) -> None:
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(self._path))
        self._path.chmod(0o666)
        self._listener.listen(64)
        threading.Thread(target=self._accept, args=(self._listener,), daemon=True).start()

    def stop(self) -> None:
        if self._listener:
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, connection.makefile("rw", newline="\n") as stream:
            stream.write("VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nMECH\tLOGIN\tplaintext\n"
                         f"SPID\t{os.getpid()}\nCUID\t1\nCOOKIE\t{os.urandom(16).hex()}\nDONE\n")
            stream.flush()
            half_way: dict[str, str] = {}     # LOGIN exchanges that have the login and wait for the password
            for line in stream:
                stream.write(self._answer(line.rstrip("\n").split("\t"), half_way))
                stream.flush()

    def _answer(self, words: list[str], half_way: dict[str, str]) -> str:
        if words[0] not in ("AUTH", "CONT"):
            return ""
        number = words[1]
        if words[0] == "CONT":
            response = base64.b64decode(words[2]).decode()
            if number not in half_way:
                half_way[number] = response
                return f"CONT\t{number}\t{base64.b64encode(b'Password:').decode()}\n"
            return self._verdict(number, half_way.pop(number), response)
        encoded = next((word[5:] for word in words if word.startswith("resp=")), "")
        if words[2] == "PLAIN":
            parts = base64.b64decode(encoded).decode().split("\0")
            return self._verdict(number, parts[1], parts[2]) if len(parts) == 3 else f"FAIL\t{number}\n"
        if encoded:
            half_way[number] = base64.b64decode(encoded).decode()
            return f"CONT\t{number}\t{base64.b64encode(b'Password:').decode()}\n"
        return f"CONT\t{number}\t{base64.b64encode(b'Username:').decode()}\n"

    def _verdict(self, number: str, login: str, password: str) -> str:
        good = (login, password) == (self._login, self._password)
        return f"OK\t{number}\tuser={login}\n" if good else f"FAIL\t{number}\tuser={login}\n"
