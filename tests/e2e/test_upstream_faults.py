"""Everything an upstream can do wrong: each fault has its outcome, and a second, healthy upstream feels none of them.

All faults of the first table strike at the same time, in one relay: each has an upstream and a sender domain of its
own (a route by sender). That is the hardest form of "one bad thing stays small": mail through the healthy upstream
leaves while two dozen others refuse, hang, lie and rave.
"""
from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest
from conftest import LOGIN, PASSWORD, StartRelay, StartUpstream
from support.certificates import Certificate, Certificates
from support.deadline import Deadline
from support.messages import Message, assert_unchanged, small
from support.relay import Relay, upstream_settings
from support.upstream import (
    Action,
    Close,
    Delay,
    Endless,
    Hang,
    Raw,
    Received,
    Say,
    SayAndClose,
    ScriptedUpstream,
)
from support.wire import Wire, queue_id

SHORT = {"connect": "2s", "command": "2s", "data": "2s", "final_reply": "2s"}
RECOVERY = ["1s"]


@dataclass(frozen=True)
class Fault:
    """`stage` and `action` are the script; `events` must be told about the message or its upstream.

    heals: once the upstream behaves again, the message arrives by itself. copies: how often it may arrive: a lost
    final reply is uncertain, and the default policy sends again.
    """
    name: str
    stage: str
    action: Action
    events: tuple[str, ...]
    heals: bool = True
    copies: int = 1
    upstream: dict[str, object] = field(default_factory=dict)


PAUSES = ("upstream_paused",)
DEFERS = ("deferred",)
FAILS = ("failed", "bounce_wanted")

FAULTS = (
    # A connection that cannot be used is the upstream's trouble, never the message's.
    Fault("4xx_at_connect", "connect", Say("421 4.3.2 not now"), PAUSES),
    Fault("5xx_at_connect", "connect", Say("554 5.7.1 no service for you"), PAUSES),
    Fault("hang_at_connect", "connect", Hang(), PAUSES),
    Fault("close_at_connect", "connect", Close(), PAUSES),
    Fault("garbage_at_connect", "connect", Raw(b"\x16\x03\x01\xff\x00 hello?\r\nSSH-2.0-x\r\n"), PAUSES),
    Fault("http_at_connect", "connect", Raw(b"HTTP/1.1 400 Bad Request\r\n\r\n"), PAUSES),
    Fault("endless_line_at_connect", "connect", Endless(one_line=True), PAUSES),
    Fault("4xx_at_ehlo", "ehlo", Say("421 4.3.0 later"), PAUSES),
    Fault("5xx_at_ehlo", "ehlo", Say("550 5.7.1 I do not like your name"), PAUSES),
    Fault("hang_at_ehlo", "ehlo", Hang(), PAUSES),
    Fault("close_at_ehlo", "ehlo", Close(), PAUSES),
    Fault("endless_reply_at_ehlo", "ehlo", Endless(), PAUSES),
    Fault("code_changes_in_ehlo", "ehlo", Raw(b"250-upstream.test\r\n550-PIPELINING\r\n250 SIZE\r\n"), PAUSES),
    Fault("4xx_at_starttls", "starttls", Say("454 4.7.0 TLS not available"), PAUSES, upstream={"tls": "starttls"}),
    Fault("5xx_at_starttls", "starttls", Say("502 5.5.1 never heard of it"), PAUSES, upstream={"tls": "starttls"}),
    Fault("hang_at_starttls", "starttls", Hang(), PAUSES, upstream={"tls": "starttls"}),
    Fault("hang_in_handshake", "tls", Hang(), PAUSES, upstream={"tls": "starttls"}),
    Fault("close_in_handshake", "tls", Close(), PAUSES, upstream={"tls": "implicit"}),
    Fault("garbage_in_handshake", "tls", Raw(b"220 what is TLS?\r\n" * 20), PAUSES, upstream={"tls": "implicit"}),
    Fault("4xx_at_auth", "auth", Say("454 4.7.0 try later"), PAUSES, upstream={"login": LOGIN, "password": PASSWORD}),
    Fault("5xx_at_auth", "auth", Say("535-5.7.8 Username and Password not accepted.\n535 5.7.8 See the manual"), PAUSES,
          upstream={"login": LOGIN, "password": PASSWORD}),
    Fault("hang_at_auth", "auth", Hang(), PAUSES, upstream={"login": LOGIN, "password": PASSWORD}),
    # Answers to a transaction are about the message.
    Fault("4xx_at_mail", "mail", Say("451 4.7.1 greylisted"), DEFERS),
    Fault("5xx_at_mail", "mail", Say("553 5.7.1 sender not owned by auth user"), FAILS, heals=False),
    Fault("421_at_mail", "mail", SayAndClose("421 4.3.2 going down"), DEFERS),
    Fault("4xx_at_rcpt", "rcpt", Say("450 4.2.1 mailbox busy"), DEFERS),
    Fault("5xx_at_rcpt", "rcpt", Say("550 5.1.1 no such user"), FAILS, heals=False),
    Fault("421_at_rcpt", "rcpt", SayAndClose("421 4.3.2 going down"), DEFERS),
    Fault("hang_at_rcpt", "rcpt", Hang(), DEFERS),
    Fault("close_at_rcpt", "rcpt", Close(), DEFERS),
    Fault("garbage_at_rcpt", "rcpt", Raw(b"\x00\xff\xfe what\r\n"), DEFERS),
    Fault("endless_reply_at_rcpt", "rcpt", Endless(), DEFERS),
    Fault("4xx_at_data", "data", Say("451 4.3.0 no space"), DEFERS, upstream={"chunking": False}),
    Fault("5xx_at_data", "data", Say("554 5.5.1 no valid recipients"), FAILS, heals=False,
          upstream={"chunking": False}),
    Fault("250_at_data", "data", Say("250 2.0.0 thank you"), DEFERS, upstream={"chunking": False}),
    Fault("hang_at_data", "data", Hang(), DEFERS, upstream={"chunking": False}),
    Fault("close_at_data", "data", Close(), DEFERS, upstream={"chunking": False}),
    # The content is under way: before its end the upstream cannot have taken it.
    Fault("close_in_content", "middle", Close(), DEFERS, upstream={"chunking": False}),
    Fault("4xx_after_content", "content", Say("452 4.3.1 disk full"), DEFERS),
    Fault("5xx_after_content", "content", Say("554 5.6.0 looks like spam"), FAILS, heals=False),
    Fault("354_after_content", "content", Say("354 more"), DEFERS, copies=2),
    # The final reply is lost: uncertain, and `uncertain: retry` is the default.
    Fault("close_after_content", "content", Close(keep=True), ("uncertain",), copies=2),
    Fault("hang_after_content", "content", Hang(), ("uncertain",), copies=2),
    Fault("endless_reply_after_content", "content", Endless(), ("uncertain",), copies=2),
    # Slow is not wrong.
    Fault("final_reply_after_1_5_s", "content", Delay(1.5), ("delivered",)),
)


@dataclass
class Field:
    relay: Relay
    healthy: ScriptedUpstream
    upstreams: dict[str, ScriptedUpstream]
    messages: dict[str, Message]
    ids: dict[str, str]


def _make_upstream(fault: Fault, certificate: Certificate) -> ScriptedUpstream:
    options = dict(fault.upstream)
    extensions = ["PIPELINING", "SIZE 104857600", "8BITMIME", "SMTPUTF8", "DSN", "ENHANCEDSTATUSCODES"]
    if options.pop("chunking", True):
        extensions.append("CHUNKING")
    return ScriptedUpstream(certificate, extensions=extensions, **options).start()  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def faults(certificates: Certificates) -> Iterator[Field]:
    """All faults at once: one message into each, then five through the healthy upstream, then everything heals."""
    upstreams = {fault.name: _make_upstream(fault, certificates.server) for fault in FAULTS}
    healthy = ScriptedUpstream(certificates.server, tls="starttls", login=LOGIN, password=PASSWORD).start()
    for fault in FAULTS:
        upstreams[fault.name].on(fault.stage, fault.action)
    keys = {"timeouts": SHORT, "recovery": RECOVERY}
    relay = Relay({
        "upstreams": {"healthy": upstream_settings(healthy, certificates.ca_file, **keys)}
        | {name: upstream_settings(peer, certificates.ca_file, **keys) for name, peer in upstreams.items()},
        "routes": [{"match": {"sender": f"*@{name.replace('_', '-')}.test"}, "via": [name]} for name in upstreams]
        + [{"via": ["healthy"]}],
        # Reports about failed messages leave through the healthy upstream.
        "bounces": {"via": ["healthy"]},
        "io_threads": 2,
    }, secrets=(PASSWORD,))
    messages = {name: small(f"author@{name.replace('_', '-')}.test") for name in upstreams}
    try:
        relay.start()
        ids = {}
        with Wire(relay.port) as client:
            client.ehlo()
            for name, message in messages.items():
                ids[name] = queue_id(client.submit(message.sender, message.recipient, message.content))
        yield Field(relay, healthy, upstreams, messages, ids)
        relay.stop()
    finally:
        print(relay.tail(400))
        relay.discard()
        for peer in [*upstreams.values(), healthy]:
            peer.stop()


def test_a_healthy_upstream_feels_none_of_the_faults(faults: Field) -> None:
    with Wire(faults.relay.port) as client:
        client.ehlo()
        for _ in range(5):
            message = small("author@healthy.test")
            deadline = Deadline(2.0)
            assert client.submit(message.sender, message.recipient, message.content).startswith("250")
            arrived = faults.healthy.wait_messages(
                1, deadline.left(), lambda received, marker=message.marker: marker in received.content)
            assert_unchanged(message, arrived[0].content, trace_fields=1)


@pytest.fixture(scope="module")
def outcomes(faults: Field) -> dict[str, AssertionError | None]:
    """What is wrong with each fault's outcome: nothing, it is hoped. Waited for together, healed together."""
    wrong: dict[str, AssertionError | None] = {fault.name: None for fault in FAULTS}

    def note(check: Callable[[Field, Fault], None]) -> None:
        for fault in FAULTS:
            try:
                check(faults, fault)
            except AssertionError as error:
                wrong[fault.name] = wrong[fault.name] or error

    note(_await_outcome)
    for fault in FAULTS:
        if fault.heals:
            faults.upstreams[fault.name].heal()
            faults.upstreams[fault.name].drop_connections()
    note(_await_recovery)
    return wrong


def _await_outcome(field: Field, fault: Fault) -> None:
    number = field.ids[fault.name]
    for event in fault.events:
        about = {"upstream": fault.name} if event == "upstream_paused" else {"msg": number}
        field.relay.wait(event, seconds=10, **about)
    # Trouble with the connection is not held against the message.
    assert fault.events == FAILS or not field.relay.events("failed", msg=number)
    assert fault.heals or not field.relay.events("deferred", msg=number)


def _await_recovery(field: Field, fault: Fault) -> None:
    if not fault.heals:
        return
    relay, number, message = field.relay, field.ids[fault.name], field.messages[fault.name]
    relay.wait("delivered", seconds=10, msg=number)
    copies = [received for received in field.upstreams[fault.name].received if message.marker in received.content]
    assert any(copy.answered for copy in copies)
    assert 1 <= len(copies) <= fault.copies + (0 if fault.copies == 1 else _tries(relay, number)), copies
    for copy in copies:
        assert_unchanged(message, copy.content, trace_fields=1)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_of_an_upstream_has_its_outcome(outcomes: dict[str, AssertionError | None], fault: Fault) -> None:
    wrong = outcomes[fault.name]
    if wrong is not None:
        raise wrong


def _tries(relay: Relay, number: str) -> int:
    """How often the final reply was lost: each time may leave one more copy behind, no more."""
    return len(relay.events("uncertain", msg=number))


def test_a_failed_message_is_reported_to_its_sender(faults: Field) -> None:
    for fault in FAULTS:
        if fault.events == FAILS:
            sender = faults.messages[fault.name].sender
            reports = faults.healthy.wait_messages(
                1, 10, lambda received, sender=sender: received.sender == "" and received.recipients == (sender,))
            assert len(reports) == 1


# --- what the login and the mail are never given to ------------------------------------------------------------------
BAD_CERTIFICATES: tuple[tuple[str, Callable[[Certificates], Certificate]], ...] = (
    ("expired", lambda made: made.expired),
    ("not_yet_valid", lambda made: made.not_yet),
    ("wrong_name", lambda made: made.wrong_name),
    ("self_signed", lambda made: made.self_signed),
    ("foreign_authority", lambda made: made.foreign),
)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(("name", "choose"), BAD_CERTIFICATES, ids=[name for name, _ in BAD_CERTIFICATES])
def test_a_bad_certificate_gets_neither_mail_nor_password(certificates: Certificates, start_relay: StartRelay,
                                                          start_upstream: StartUpstream, name: str,
                                                          choose: Callable[[Certificates], Certificate],
                                                          tls: str) -> None:
    bad = start_upstream(certificate=choose(certificates), tls=tls, login=LOGIN, password=PASSWORD)
    _assert_nothing_goes_out(bad, start_relay({"only": bad}, upstream_keys={"timeouts": SHORT, "recovery": RECOVERY}))


@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["TLSv1.0", "TLSv1.1"])
def test_an_upstream_that_knows_only_old_tls_gets_neither_mail_nor_password(
        start_relay: StartRelay, start_upstream: StartUpstream, newest: ssl.TLSVersion) -> None:
    old = start_upstream(tls="starttls", login=LOGIN, password=PASSWORD, tls_versions=(ssl.TLSVersion.TLSv1, newest))
    _assert_nothing_goes_out(old, start_relay({"only": old}, upstream_keys={"timeouts": SHORT, "recovery": RECOVERY}))


def test_an_upstream_without_starttls_gets_neither_mail_nor_password(start_relay: StartRelay,
                                                                    start_upstream: StartUpstream) -> None:
    bare = start_upstream(tls="starttls", login=LOGIN, password=PASSWORD, offer_starttls=False,
                          extensions=["PIPELINING", "AUTH PLAIN LOGIN"])
    _assert_nothing_goes_out(bare, start_relay({"only": bare}, upstream_keys={"timeouts": SHORT, "recovery": RECOVERY}))


def test_replies_injected_behind_starttls_end_the_connection(start_relay: StartRelay,
                                                             start_upstream: StartUpstream) -> None:
    """RFC 3207 6, CVE-2011-0411 from the server's side: nothing that came in clear counts after the handshake."""
    injecting = start_upstream(tls="starttls", login=LOGIN, password=PASSWORD)
    injecting.on("starttls", Raw(b"220 go\r\n250-upstream.test\r\n250 AUTH PLAIN\r\n"))
    _assert_nothing_goes_out(injecting, start_relay({"only": injecting},
                                                    upstream_keys={"timeouts": SHORT, "recovery": RECOVERY}))


def _assert_nothing_goes_out(upstream: ScriptedUpstream, relay: Relay) -> None:
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        number = queue_id(client.submit(message.sender, message.recipient, message.content))
    relay.wait("upstream_paused", upstream="only")
    # A second try shows that repetition changes nothing.
    upstream.wait_connections(2)
    assert not {"AUTH", "MAIL", "RCPT", "DATA", "BDAT"} & set(upstream.verbs()), upstream.commands
    assert not upstream.received
    assert not relay.events("failed", msg=number)


def test_login_in_clear_is_never_used_where_tls_is_not_said_to_be_off(certificates: Certificates,
                                                                     start_relay: StartRelay,
                                                                     start_upstream: StartUpstream) -> None:
    """A server that drops AUTH after TLS, or offers only what is not allowed: no downgrade of the login method."""
    weak = start_upstream(tls="starttls", login=LOGIN, password=PASSWORD, mechanisms=["PLAIN", "LOGIN"])
    relay = start_relay({"only": weak}, upstream_keys={"auth": ["scram-sha-256"], "recovery": RECOVERY})
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        client.submit(message.sender, message.recipient, message.content)
    relay.wait("upstream_paused", upstream="only")
    assert "AUTH" not in weak.verbs()
    assert not weak.received


@pytest.mark.parametrize(("offered", "expected"), [
    (["PLAIN", "LOGIN", "CRAM-MD5", "SCRAM-SHA-256"], "SCRAM-SHA-256"),
    (["LOGIN", "PLAIN"], "PLAIN"),
    (["LOGIN"], "LOGIN"),
    (["CRAM-MD5"], "CRAM-MD5"),
], ids=lambda value: value if isinstance(value, str) else "")
def test_the_strongest_login_method_that_both_know_is_used(start_relay: StartRelay, start_upstream: StartUpstream,
                                                           offered: list[str], expected: str) -> None:
    upstream = start_upstream(tls="implicit", login=LOGIN, password=PASSWORD, mechanisms=offered)
    relay = start_relay({"only": upstream})
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        client.submit(message.sender, message.recipient, message.content)
    assert upstream.wait_messages(1)[0].login == LOGIN
    assert upstream.wait_command("AUTH")[0].line.split()[1].upper() == expected


def test_a_wrong_password_pauses_the_upstream_keeps_its_mail_and_alerts_once(start_relay: StartRelay,
                                                                           start_upstream: StartUpstream) -> None:
    upstream = start_upstream(tls="starttls", login=LOGIN, password=PASSWORD)
    upstream.on("auth", Say("535 5.7.8 wrong login or password"), times=2)
    relay = start_relay({"only": upstream}, upstream_keys={"recovery": RECOVERY})
    with Wire(relay.port) as client:
        client.ehlo()
        messages = [small() for _ in range(10)]
        for message in messages:
            client.submit(message.sender, message.recipient, message.content)
    arrived = upstream.wait_messages(10, 15)
    assert len(arrived) == 10
    relay.wait("upstream_resumed", upstream="only")
    assert not relay.events("failed")
    assert len(relay.events("upstream_paused", level="error")) == 1, "one alert, not one for each probe"


# --- the lost final reply --------------------------------------------------------------------------------------------
def _lose_one_final_reply(start_relay: StartRelay, upstream: ScriptedUpstream, policy: str) -> tuple[Relay, str]:
    upstream.on("content", Close(keep=True), times=1)
    relay = start_relay({"only": upstream}, upstream_keys={"uncertain": policy, "recovery": RECOVERY})
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        number = queue_id(client.submit(message.sender, message.recipient, message.content))
    relay.wait("uncertain", msg=number)
    return relay, number


def test_uncertain_retry_sends_again(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay, number = _lose_one_final_reply(start_relay, upstream, "retry")
    relay.wait("delivered", msg=number)
    assert [received.answered for received in upstream.received] == [False, True]


def test_uncertain_assume_delivered_does_not_send_again(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay, number = _lose_one_final_reply(start_relay, upstream, "assume_delivered")
    relay.wait("finished", msg=number)
    _next_message_passes(relay, upstream)
    assert len([received for received in upstream.received if received.sender == "author@shop.test"]) == 1


def test_uncertain_hold_waits_for_the_operator(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay, number = _lose_one_final_reply(start_relay, upstream, "hold")
    relay.wait("held", msg=number)
    _next_message_passes(relay, upstream)
    assert len([received for received in upstream.received if received.sender == "author@shop.test"]) == 1
    assert not relay.events("finished", msg=number)


def _next_message_passes(relay: Relay, upstream: ScriptedUpstream) -> None:
    """A later message, delivered: whatever was to happen to the earlier one has had its turn."""
    message = small("next@shop.test")
    with Wire(relay.port) as client:
        client.ehlo()
        client.submit(message.sender, message.recipient, message.content)

    def next_one(received: Received) -> bool:
        return received.sender == "next@shop.test"

    upstream.wait_messages(1, 10, next_one)


def test_a_late_final_reply_leaves_no_second_copy(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    """RFC 5321 4.5.3.2.6: the sender waits for the final reply, here 3 s against command timeouts of 1 s."""
    upstream = start_upstream()
    upstream.on("content", Delay(3.0), times=1)
    relay = start_relay({"only": upstream}, upstream_keys={
        "timeouts": {"connect": "1s", "command": "1s", "data": "1s", "final_reply": "10s"}})
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        number = queue_id(client.submit(message.sender, message.recipient, message.content))
    relay.wait("delivered", msg=number)
    assert len(upstream.received) == 1
    assert not relay.events("uncertain")


# --- failover and what the upstream cannot take -----------------------------------------------------------------------
def test_the_next_upstream_of_the_route_takes_over(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    first, second = start_upstream(), start_upstream()
    first.stop()
    relay = start_relay({"first": first, "second": second}, upstream_keys={"recovery": ["1h"]})
    with Wire(relay.port) as client:
        client.ehlo()
        for _ in range(3):
            message = small()
            client.submit(message.sender, message.recipient, message.content)
    assert len(second.wait_messages(3)) == 3
    relay.wait("upstream_paused", upstream="first")


def test_one_refused_recipient_does_not_stop_the_others(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "gone@" in line)
    upstream.on("rcpt", Say("450 4.2.2 full"), times=1, when=lambda line: "full@" in line)
    relay = start_relay({"only": upstream}, {"bounces": {"to": "none"}})
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        client.envelope(message.sender, "good@a.test", "gone@a.test", "full@a.test", "fine@a.test")
        number = queue_id(client.content(message.content))
    relay.wait("finished", msg=number)
    assert [received.recipients for received in upstream.received] == [("good@a.test", "fine@a.test"), ("full@a.test",)]
    assert len(relay.events("failed", msg=number)) == 1


def test_many_recipients_are_split_into_transactions(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"max_recipients": 7})
    message = small()
    recipients = [f"reader{n}@a.test" for n in range(30)]
    with Wire(relay.port) as client:
        client.ehlo()
        client.envelope(message.sender, *recipients)
        number = queue_id(client.content(message.content))
    relay.wait("finished", msg=number)
    assert max(len(received.recipients) for received in upstream.received) <= 7
    assert sorted(name for received in upstream.received for name in received.recipients) == sorted(recipients)


@pytest.mark.parametrize(("missing", "kind", "enhanced"), [
    ("SMTPUTF8", "smtputf8", "5.6.7"),
    ("SIZE 104857600", "large", "5.3.4"),
])
def test_what_an_upstream_cannot_take_is_failed_without_trying(start_relay: StartRelay, start_upstream: StartUpstream,
                                                               missing: str, kind: str, enhanced: str) -> None:
    offered = ("PIPELINING", "8BITMIME", "SMTPUTF8", "SIZE 104857600", "CHUNKING")
    extensions = [word for word in offered if word != missing]
    if kind == "large":
        extensions.append("SIZE 1000")
    upstream = start_upstream(extensions=extensions)
    relay = start_relay({"only": upstream}, {"bounces": {"to": "none"}})
    sender, recipient, parameters = "author@shop.test", "reader@a.test", ""
    if kind == "smtputf8":
        recipient, parameters = "чтец@a.test", " SMTPUTF8 BODY=8BITMIME"
    message = small(sender, recipient, b"x" * 900 + b"\r\n" + b"y" * 900)
    with Wire(relay.port) as client:
        client.ehlo()
        number = queue_id(client.submit(sender, recipient, message.content, parameters))
    failed = relay.wait("failed", msg=number)[0]
    assert enhanced in failed.text
    assert not {"DATA", "BDAT"} & set(upstream.verbs())


def test_8bit_content_is_converted_for_an_upstream_without_8bitmime(start_relay: StartRelay,
                                                                   start_upstream: StartUpstream) -> None:
    """RFC 6152: never 8-bit to a server that does not offer it. The reader sees the same text."""
    import email
    import email.policy
    upstream = start_upstream(extensions=["PIPELINING", "SIZE 104857600"])
    relay = start_relay({"only": upstream})
    content = ("From: a@shop.test\r\nTo: b@a.test\r\nSubject: 8\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\n"
               "Message-ID: <8@shop.test>\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n"
               "Content-Transfer-Encoding: 8bit\r\n\r\nGrüße = привет\r\n.dot\r\n").encode()
    with Wire(relay.port) as client:
        client.ehlo()
        client.submit("a@shop.test", "b@a.test", content, " BODY=8BITMIME")
    arrived = upstream.wait_messages(1)[0]
    assert arrived.content.isascii()
    parsed = email.message_from_bytes(arrived.content, policy=email.policy.default)
    assert parsed.get_content().replace("\r\n", "\n") == "Grüße = привет\n.dot\n"
