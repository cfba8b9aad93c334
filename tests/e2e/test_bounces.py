"""What becomes of a recipient that failed: an RFC 3464 report to the sender, through the same relay."""
from __future__ import annotations

import email
import email.message
import email.policy

from conftest import StartRelay, StartUpstream
from support.messages import small
from support.relay import Relay
from support.upstream import Received, Say
from support.wire import Wire, queue_id


def _submit(relay: Relay, sender: str, recipients: list[str], *, mail: str = "", rcpt: str = "",
            body: bytes = b"The body of the original") -> str:
    message = small(sender or "someone@shop.test", recipients[0], body)
    with Wire(relay.port) as client:
        client.ehlo()
        client.expect(f"MAIL FROM:<{sender}>{mail}", "250")
        for recipient in recipients:
            client.expect(f"RCPT TO:<{recipient}>{rcpt}", "250")
        return queue_id(client.content(message.content))


def _is_report(message: Received) -> bool:
    return message.sender == ""


def _parts(report: Received) -> tuple[str, list[email.message.Message], bytes, str]:
    """Human text, the blocks of message/delivery-status, the returned part and its type."""
    parsed = email.message_from_bytes(report.content, policy=email.policy.default)
    assert parsed.get_content_type() == "multipart/report"
    assert parsed.get_param("report-type") == "delivery-status"
    text, status, returned = list(parsed.iter_parts())
    assert text.get_content_type() == "text/plain"
    assert status.get_content_type() == "message/delivery-status"
    for name in ("From", "To", "Subject", "Date", "Message-ID"):
        assert parsed[name], f"the report has no {name}"
    assert parsed["Auto-Submitted"] == "auto-replied"
    blocks = status.get_payload()
    assert isinstance(blocks, list)
    return text.get_content(), blocks, returned.as_bytes(), returned.get_content_type()


def test_a_failed_recipient_is_reported_to_the_sender(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user here"), when=lambda line: "gone@" in line)
    relay = start_relay({"only": upstream})
    number = _submit(relay, "author@shop.test", ["good@a.test", "gone@a.test"], mail=" ENVID=order-1042 RET=HDRS",
                     rcpt=" NOTIFY=FAILURE ORCPT=rfc822;asked@a.test")
    report = upstream.wait_messages(1, which=_is_report)[0]
    assert report.recipients == ("author@shop.test",)
    text, blocks, returned, returned_type = _parts(report)
    assert "gone@a.test" in text and "no such user here" in text
    per_message, *per_recipient = blocks
    assert per_message["Reporting-MTA"] == "dns; relay.test"
    assert per_message["Original-Envelope-Id"] == "order-1042"
    assert len(per_recipient) == 1, "only the recipient that failed"
    fields = per_recipient[0]
    assert fields["Final-Recipient"].replace(" ", "") == "rfc822;gone@a.test"
    assert fields["Original-Recipient"].replace(" ", "") == "rfc822;asked@a.test"
    assert fields["Action"] == "failed"
    assert fields["Status"] == "5.1.1"
    assert "no such user here" in fields["Diagnostic-Code"]
    assert returned_type == "text/rfc822-headers"
    assert b"Subject: small" in returned and b"The body of the original" not in returned
    relay.wait("finished", msg=number)


def test_no_report_for_a_message_without_a_sender(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "gone@" in line)
    relay = start_relay({"only": upstream})
    number = _submit(relay, "", ["gone@a.test"])
    relay.wait("finished", msg=number)
    _submit(relay, "later@shop.test", ["good@a.test"])
    assert [message.sender for message in upstream.wait_messages(1)] == ["later@shop.test"]


def test_notify_never_means_never(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "gone@" in line)
    relay = start_relay({"only": upstream})
    number = _submit(relay, "author@shop.test", ["gone@a.test"], rcpt=" NOTIFY=NEVER")
    relay.wait("finished", msg=number)
    _submit(relay, "later@shop.test", ["good@a.test"])
    assert [message.sender for message in upstream.wait_messages(1)] == ["later@shop.test"]


def test_an_expired_message_is_reported_with_the_last_reply(start_relay: StartRelay,
                                                           start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("450 4.2.2 mailbox full"), when=lambda line: "full@" in line)
    relay = start_relay({"only": upstream}, {"retry": {"schedule": ["500ms"], "jitter": "0%", "expire_after": "2s"}})
    number = _submit(relay, "author@shop.test", ["full@a.test"])
    report = upstream.wait_messages(1, 15, which=_is_report)[0]
    relay.wait("expired", msg=number)
    text, blocks, _, _ = _parts(report)
    assert blocks[1]["Action"] == "failed"
    assert blocks[1]["Status"] in ("4.2.2", "4.4.7", "5.4.7")
    assert "mailbox full" in text + str(blocks[1]["Diagnostic-Code"])


def test_a_route_may_expire_sooner(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("450 4.2.2 mailbox full"), when=lambda line: "full@" in line)
    relay = start_relay({"only": upstream}, {
        "retry": {"schedule": ["500ms"], "jitter": "0%", "expire_after": "5d"},
        "routes": [{"match": {"sender": "*@urgent.test"}, "expire_after": "1s", "via": ["only"]}, {"via": ["only"]}]})
    patient = _submit(relay, "author@shop.test", ["full@a.test"])
    urgent = _submit(relay, "author@urgent.test", ["full@a.test"])
    relay.wait("expired", msg=urgent)
    assert not relay.events("expired", msg=patient)


def test_a_report_that_fails_becomes_an_event_and_never_another_report(start_relay: StartRelay,
                                                                      start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "good@" not in line)
    relay = start_relay({"only": upstream})
    _submit(relay, "author@shop.test", ["gone@a.test"])
    relay.wait("bounce_failed")
    _submit(relay, "later@shop.test", ["good@a.test"])
    upstream.wait_messages(1)
    assert len(relay.events("bounce_wanted")) == 1
    assert not [message for message in upstream.received if message.sender == ""]


def test_reports_survive_a_crash(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    """Failed and killed at once: the report is made after the restart, exactly once."""
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "gone@" in line)
    relay = start_relay({"only": upstream})
    for index in range(10):
        number = _submit(relay, f"author{index}@shop.test", ["gone@a.test"])
        relay.wait("failed", msg=number)
        relay.kill()
        relay.start()
    reports = upstream.wait_messages(10, 15, which=_is_report)
    reported = sorted(message.recipients[0] for message in reports)
    assert sorted(set(reported)) == sorted(f"author{index}@shop.test" for index in range(10))
    print(f"{len(reported) - len(set(reported))} reports were sent twice")


def test_the_operator_may_want_reports_for_himself_or_not_at_all(start_relay: StartRelay,
                                                                start_upstream: StartUpstream) -> None:
    for to, expected in (("postmaster", "ops@shop.test"), ("none", "")):
        upstream = start_upstream()
        upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "gone@" in line)
        relay = start_relay({"only": upstream}, {"bounces": {"to": to, "postmaster": "ops@shop.test"}})
        number = _submit(relay, "author@shop.test", ["gone@a.test"])
        if expected:
            assert upstream.wait_messages(1, which=_is_report)[0].recipients == (expected,)
        relay.wait("finished", msg=number)
        _submit(relay, "later@shop.test", ["good@a.test"])
        upstream.wait_messages(1, which=lambda message: message.sender == "later@shop.test")
        assert len([message for message in upstream.received if _is_report(message)]) == (1 if expected else 0)


def test_a_report_about_an_smtputf8_message_is_readable(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    """RFC 6533: the address is told whole, and the report is marked as needing SMTPUTF8 where it does."""
    upstream = start_upstream()
    upstream.on("rcpt", Say("550 5.1.1 no such user"), when=lambda line: "пропал@" in line)
    relay = start_relay({"only": upstream})
    message = small("автор@shop.test", "пропал@a.test")
    with Wire(relay.port) as client:
        client.ehlo()
        client.submit(message.sender, message.recipient, message.content, " SMTPUTF8 BODY=8BITMIME")
    report = upstream.wait_messages(1, which=_is_report)[0]
    assert report.recipients == ("автор@shop.test",)
    assert "SMTPUTF8" in report.mail_parameters
    assert "пропал@a.test".encode() in report.content
