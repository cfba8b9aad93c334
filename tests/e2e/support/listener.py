"""A relay with every kind of listener, for tests that look at it as a client does."""
from __future__ import annotations

from dataclasses import dataclass

from .certificates import Certificates
from .relay import Relay
from .upstream import ScriptedUpstream
from .wire import Wire

USER, PASSWORD = "webshop", "Submission-Secret-88"


@dataclass
class Listener:
    relay: Relay
    upstream: ScriptedUpstream
    clear: int          # loopback may submit without a login; no TLS
    starttls: int       # login required, STARTTLS
    in_clear: int       # login required, taken without TLS
    certificates: Certificates

    def session(self, port: int | None = None) -> Wire:
        client = Wire(port or self.clear)
        client.ehlo()
        return client

    def secure_session(self) -> Wire:
        client = Wire(self.starttls)
        client.ehlo()
        client.starttls(self.certificates.ca_file)
        client.ehlo()
        return client
