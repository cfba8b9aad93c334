"""aiosmtpd as an upstream that demands STARTTLS and a login, in its own thread (by its own Controller)."""
from __future__ import annotations

import ssl
import threading
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from .certificates import Certificate
from .deadline import DeadlinePassed
from .ports import free_port
from .postfix import Stored


class AiosmtpdUpstream:
    def __init__(self, certificate: Certificate, login: str, password: str) -> None:
        self.port = free_port()
        self.login, self.password = login, password
        self._arrived = threading.Condition()
        self._messages: list[Stored] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate.chain, certificate.key)
        self._controller = Controller(
            self, hostname="127.0.0.1", port=self.port, data_size_limit=100 << 20, enable_SMTPUTF8=True,
            decode_data=False, tls_context=context, require_starttls=True, auth_required=True,
            auth_require_tls=True, authenticator=self._authenticate, server_hostname="aiosmtpd.test")

    def start(self) -> AiosmtpdUpstream:
        self._controller.start()
        return self

    def stop(self) -> None:
        self._controller.stop()

    def _authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str,
                      data: Any) -> AuthResult:
        good = isinstance(data, LoginPassword) and (data.login, data.password) == (self.login.encode(),
                                                                                 self.password.encode())
        return AuthResult(success=good, handled=False)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        with self._arrived:
            self._messages.append(Stored(envelope.mail_from or "", tuple(envelope.rcpt_tos), content))
            self._arrived.notify_all()
        return "250 2.0.0 taken"

    def take_message(self, marker: bytes, seconds: float = 20.0) -> Stored:
        """The one message whose header contains `marker`; it is forgotten here."""
        def position() -> int | None:
            return next((index for index, message in enumerate(self._messages)
                         if marker in message.content[:1 << 16]), None)
        with self._arrived:
            if not self._arrived.wait_for(lambda: position() is not None, seconds):
                raise DeadlinePassed(f"aiosmtpd has no message with {marker!r} after {seconds:g} s")
            found = position()
            assert found is not None
            return self._messages.pop(found)
