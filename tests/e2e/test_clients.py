"""Programs nobody here wrote submit; Postfix and aiosmtpd, which demand STARTTLS and a login, receive.

Every octet arrives as it was submitted; only trace header fields are added on top (RFC 5321 4.4).
"""
from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import PASSWORD
from support.aiosmtpd_upstream import AiosmtpdUpstream
from support.certificates import Certificates
from support.clients import CLIENTS, Client, Target
from support.messages import assert_unchanged, compose
from support.ports import free_port
from support.postfix import Postfix
from support.relay import Relay, upstream_settings, write_users

USER, USER_PASSWORD = "webshop", "Submission-Secret-88"
WAYS = ("none", "starttls", "implicit")


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {way: free_port() for way in WAYS}


@pytest.fixture(scope="module")
def relay(certificates: Certificates, postfix: Postfix, aiosmtpd: AiosmtpdUpstream, ports: dict[str, int],
          node_modules: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Relay]:
    users = write_users(tmp_path_factory.mktemp("users") / "users", {USER: USER_PASSWORD})
    listeners = [{"address": f"127.0.0.1:{ports[way]}", "tls": way, "auth": "none" if way == "none" else "required"}
                 for way in WAYS]
    relay = Relay({
        "listen": listeners,
        "tls": {"certificate": str(certificates.server.chain), "key": str(certificates.server.key)},
        "clients": {"users_file": str(users)},
        "upstreams": {"postfix": upstream_settings(postfix, certificates.ca_file),
                      "aiosmtpd": upstream_settings(aiosmtpd, certificates.ca_file)},
        "routes": [{"match": {"recipient": "*@aiosmtpd.test"}, "via": ["aiosmtpd"]}, {"via": ["postfix"]}],
    }, secrets=(PASSWORD, USER_PASSWORD)).start()
    try:
        yield relay
        relay.stop()
    finally:
        print(relay.tail(400))
        relay.discard()


def _cases() -> list[object]:
    """Every client, way and content to Postfix; to aiosmtpd, which is slow with large ones, those over STARTTLS only
    (POSTHOUSE_SLOW=1: all)."""
    cases = []
    for client in CLIENTS:
        for way in WAYS:
            for kind in client.kinds:
                for upstream in ("postfix", "aiosmtpd"):
                    slow = kind == "large" and way != "starttls" and (upstream == "aiosmtpd" or client.name == "msmtp")
                    marks = [pytest.mark.slow] if slow else []
                    cases.append(pytest.param(client, way, kind, upstream, marks=marks,
                                              id=f"{client.name}-{way}-{kind}-{upstream}"))
    return cases


@pytest.mark.parametrize(("client", "way", "kind", "upstream"), _cases())
def test_what_a_client_submits_arrives_unchanged(relay: Relay, postfix: Postfix, aiosmtpd: AiosmtpdUpstream,
                                                 certificates: Certificates, ports: dict[str, int], client: Client,
                                                 way: str, kind: str, upstream: str) -> None:
    message = compose(kind, recipient=f"reader@{upstream}.test")
    login = {} if way == "none" else {"login": USER, "password": USER_PASSWORD}
    client.submit(Target(ports[way], way, ca_file=certificates.ca_file, **login), message)
    peer = postfix if upstream == "postfix" else aiosmtpd
    arrived = peer.take_message(message.header_line, 90)
    assert arrived.sender == message.sender
    assert arrived.recipients == (message.recipient,)
    assert_unchanged(message, arrived.content, trace_fields=2 if upstream == "postfix" else 1)


def test_every_way_in_is_named_in_the_trace_header(relay: Relay, aiosmtpd: AiosmtpdUpstream, certificates: Certificates,
                                                   ports: dict[str, int]) -> None:
    """RFC 3848: ESMTP, ESMTPS, ESMTPSA tell later readers how a message came in."""
    smtplib_client = next(client for client in CLIENTS if client.name == "smtplib")
    for way, word in (("none", b"with ESMTP "), ("starttls", b"with ESMTPSA "), ("implicit", b"with ESMTPSA ")):
        message = compose(recipient="reader@aiosmtpd.test")
        login = {} if way == "none" else {"login": USER, "password": USER_PASSWORD}
        smtplib_client.submit(Target(ports[way], way, ca_file=certificates.ca_file, **login), message)
        arrived = aiosmtpd.take_message(message.header_line)
        trace = b" ".join(arrived.content.partition(b"\r\nFrom:")[0].split())
        assert word in trace + b" ", trace
        assert b"by relay.test" in trace, trace


def test_a_client_that_is_not_logged_in_is_refused_where_a_login_is_required(
        relay: Relay, certificates: Certificates, ports: dict[str, int]) -> None:
    message = compose()
    for client in CLIENTS:
        with pytest.raises(Exception, match="530|authenticat|AUTH|Auth|login"):
            client.submit(Target(ports["starttls"], "starttls", ca_file=certificates.ca_file), message)
    assert not [line for line in relay.events("accepted") if message.marker.decode() in line.text]


def test_a_client_does_not_trust_a_listener_of_another_authority(certificates: Certificates, relay: Relay,
                                                                 ports: dict[str, int]) -> None:
    """The other side of the harness: the clients really verify, so the tests above mean something."""
    for client in CLIENTS:
        with pytest.raises(Exception, match="(?i)certificate|verif|trust|issuer|authority"):
            client.submit(Target(ports["implicit"], "implicit", USER, USER_PASSWORD, certificates.self_signed.chain),
                          compose())


