"""The listener of a well-meaning client: what is offered, the right code for each command, what becomes of the content,
logins, the unix socket, and how it ends. After each test the relay still takes and relays an honest message.
"""
from __future__ import annotations

import os
import re
import signal
from pathlib import Path

import pytest
from conftest import StartRelay, StartUpstream
from support.listener import PASSWORD, USER, Listener
from support.messages import assert_unchanged, compose, small, take_apart
from support.wire import Wire, plain

# --- what is offered -------------------------------------------------------------------------------------------------
def test_ehlo_offers_what_is_promised_and_no_login_in_clear(listener: Listener) -> None:
    with Wire(listener.clear) as client:
        offered = client.ehlo()
        for extension in ("PIPELINING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "CHUNKING", "DSN"):
            assert extension in offered, offered
        assert f"SIZE {30 << 20}" in offered
        assert not [line for line in offered if line.startswith(("AUTH", "STARTTLS"))], offered
        assert client.command("AUTH PLAIN " + plain(USER, PASSWORD)).startswith(("5"))
    with Wire(listener.starttls) as client:
        offered = client.ehlo()
        assert "STARTTLS" in offered and not [line for line in offered if line.startswith("AUTH")]
        client.starttls(listener.certificates.ca_file)
        offered = client.ehlo()
        assert "STARTTLS" not in offered and "AUTH PLAIN LOGIN" in offered
        assert client.command("STARTTLS").startswith("50")
    with Wire(listener.in_clear) as client:
        assert "AUTH PLAIN LOGIN" in client.ehlo()
        assert client.auth_plain(USER, PASSWORD).startswith("235")


def test_every_reply_but_greeting_and_ehlo_has_an_enhanced_code(listener: Listener) -> None:
    with listener.session() as client:
        for line in ("NOOP", "MAIL FROM:<a@b.test>", "MAIL FROM:<again@b.test>", "RCPT TO:<c@d.test>", "RCPT TO:<@>",
                     "RSET", "VRFY someone", "HELP", "EXPN list", "NONSENSE", "DATA", "RCPT TO:<x@y.test>", "QUIT"):
            answer = client.command(line)
            assert re.match(r"[245]\d\d[ -][245]\.\d{1,3}\.\d{1,3} ", answer), (line, answer)
            if answer.startswith("354"):
                client.command(".")


# --- content ---------------------------------------------------------------------------------------------------------
def test_an_oversized_message_is_refused_at_mail_or_after_the_data(listener: Listener) -> None:
    with listener.session() as client:
        client.expect(f"MAIL FROM:<a@b.test> SIZE={31 << 20}", "552")
        client.expect("MAIL FROM:<a@b.test> SIZE=99999999999999999999999999", "501 552")
        client.expect("MAIL FROM:<a@b.test> SIZE=-5", "501")
        client.envelope("a@b.test", "c@d.test", parameters=" SIZE=10")
        # The declared size is a hint only.
        assert client.content(small().content).startswith("250")
        client.envelope("a@b.test", "c@d.test")
        client.expect("DATA", "354")
        try:
            for _ in range(31):
                client.send((b"x" * 1022 + b"\r\n") * 1024)
            client.send(b".\r\n")
            answer = client.reply()
        except OSError:
            answer = "552"
        assert answer.startswith("552"), answer


def test_a_loop_is_refused(listener: Listener) -> None:
    """RFC 5321 6.3: at least 100 Received fields are taken."""
    trace = b"Received: from a by b; Fri, 20 Nov 2026 10:00:00 +0100\r\n"
    with listener.session() as client:
        assert client.submit("a@b.test", "c@d.test", trace * 98 + small().content).startswith("250")
        answer = client.submit("a@b.test", "c@d.test", trace * 120 + small().content)
        assert answer.startswith("554 5.4.6"), answer


@pytest.mark.parametrize(("name", "header", "body"), [
    ("20000_fields", b"".join(b"X-%d: y\r\n" % n for n in range(20000)), b"body\r\n"),
    ("300_KB_field", b"X-Long: " + b"\r\n ".join([b"y" * 900] * 330) + b"\r\n", b"body\r\n"),
    ("3_MB_line", b"", b"x" * 3_000_000 + b"\r\n"),
    ("NUL", b"", b"a\0b\r\n"),
    ("no_body", b"", b""),
], ids=lambda value: value if isinstance(value, str) else "")
def test_strange_content_is_taken_whole_or_refused(listener: Listener, name: str, header: bytes, body: bytes) -> None:
    marker = f"strange-{name}".encode()
    content = (b"From: <a@b.test>\r\nDate: Fri, 20 Nov 2026 10:00:00 +0100\r\nMessage-ID: <" + marker + b"@b.test>\r\n"
               + header + b"\r\n" + body)
    with listener.session() as client:
        answer = client.submit("a@b.test", "c@d.test", content)
    assert answer.startswith(("250", "5")), answer
    if answer.startswith("250"):
        arrived = listener.upstream.wait_messages(1, which=lambda received: marker in received.content[:1000])
        assert take_apart(arrived[0].content).rest == content


def test_missing_date_and_message_id_are_added_and_bcc_is_removed(listener: Listener) -> None:
    """RFC 6409 8; nothing else is touched."""
    rest = b"From: <a@b.test>\r\nX-Bccx: stays\r\nTo: <c@d.test>\r\nSubject: duties\r\n\r\nBcc: in the body stays\r\n"
    content = rest.replace(b"To:", b"bCC : hidden@a.test,\r\n\tmore@a.test\r\nBcc: second@a.test\r\nTo:")
    with listener.session() as client:
        assert client.submit("duties@b.test", "c@d.test", content).startswith("250")
    arrived = listener.upstream.wait_messages(1, which=lambda received: received.sender == "duties@b.test")[0]
    header, _, body = arrived.content.partition(b"\r\n\r\n")
    assert len(re.findall(rb"(?im)^date: ", header)) == 1
    assert len(re.findall(rb"(?im)^message-id: <[^@>\s]+@[^@>\s]+>", header)) == 1
    assert b"hidden@a.test" not in arrived.content and b"second@a.test" not in arrived.content
    assert b"more@a.test" not in arrived.content
    kept = [line for line in take_apart(arrived.content).rest.split(b"\r\n")
            if not re.match(rb"(?i)(date|message-id): ", line)]
    assert b"\r\n".join(kept) == rest
    assert body == b"Bcc: in the body stays\r\n"


def test_dates_and_ids_that_are_there_are_never_changed(listener: Listener) -> None:
    message = compose()
    with listener.session() as client:
        assert client.submit(message.sender, message.recipient, message.content).startswith("250")
    arrived = listener.upstream.wait_messages(1, which=lambda received: message.marker in received.content)
    assert_unchanged(message, arrived[0].content, trace_fields=1)


# --- commands --------------------------------------------------------------------------------------------------------
def test_commands_out_of_order_get_503(listener: Listener) -> None:
    with Wire(listener.clear) as client:
        client.expect("MAIL FROM:<a@b.test>", "503")
        client.ehlo()
        client.expect("RCPT TO:<a@b.test>", "503")
        client.expect("DATA", "503")
        client.expect("MAIL FROM:<a@b.test>", "250")
        client.expect("MAIL FROM:<a@b.test>", "503")
        client.expect("DATA", "503 554")
        client.expect("RCPT TO:<a@b.test>", "250")
        client.ehlo()
        client.expect("RCPT TO:<a@b.test>", "503")
        client.expect("QUIT", "221")
        assert client.reply() == ""


@pytest.mark.parametrize(("line", "codes"), [
    ("MAIL FROM:<a@b.test> UNKNOWN=1", "555"), ("MAIL FROM:<a@b.test> BODY=BINARYMIME", "501 504 555 250"),
    ("MAIL FROM:<a@b.test> SIZE=1 SIZE=2", "501"), ("MAIL FROM: a@b.test", "501 553 250"), ("MAIL FROM:a b", "501"),
    ("MAIL", "501"), ("MAIL TO:<a@b.test>", "501"), ("MAIL FROM:<ü@b.test>", "550 553 501"),
    ("MAIL FROM:<" + "a" * 65 + "@b.test>", "501 553 250"), ("MAIL FROM:<a@" + "b" * 300 + ".test>", "501 553"),
    ("MAIL FROM:<a@b.test> " + "X" * 3000, "500 501 555"), ("RCPT TO:<|cmd@b.test>", "503"), ("VRFY root", "252 502"),
    ("EXPN staff", "502 550"), ("TURN", "502 500"), ("HELO", "501"), ("EHLO", "501"), ("XYZZY", "500 502"),
    ("NOOP with words", "250"), ("RSET now", "501 250"), ("QUIT now", "501 221"), ("DATA now", "501 503"),
], ids=lambda value: repr(value)[:36])
def test_a_bad_command_gets_the_right_code(listener: Listener, line: str, codes: str) -> None:
    with listener.session() as client:
        client.expect(line, codes)


def test_addresses_of_every_legal_form_are_taken_and_passed_on(listener: Listener) -> None:
    forms = ['"quoted local"@a.test', "a@[192.0.2.1]", "a@[IPv6:2001:db8::1]", "x+y=z!#$%&'*/?^_`{|}~-@a.test",
             "postmaster", "-oX@a.test", "|cmd@a.test"]
    with listener.session() as client:
        message = small("forms@shop.test")
        client.envelope("forms@shop.test", *forms)
        client.expect("RCPT TO:<@hop.test,@two.test:routed@a.test>", "250")
        assert client.content(message.content).startswith("250")
    arrived = listener.upstream.wait_messages(1, which=lambda received: message.marker in received.content)[0]
    assert sorted(arrived.recipients) == sorted([*forms, "routed@a.test"])


def test_utf8_truncation_tricks_make_no_line_ends(listener: Listener) -> None:
    """U+010D U+010A cut to one octet each would be CR LF."""
    with listener.session() as client:
        answer = client.command("MAIL FROM:<ač\u010ab@b.test> SMTPUTF8")
        assert answer.startswith(("250", "501", "553")), answer
        assert client.command("NOOP").startswith("250")
        client.expect("RSET", "250")
        client.expect(b"MAIL FROM:<a\xff\xfe@b.test> SMTPUTF8", "501 553")


def test_what_a_peer_says_cannot_forge_a_log_line(listener: Listener) -> None:
    with Wire(listener.clear) as client:
        client.command(b'EHLO evil\x1b[31m\x07" event=accepted msg=forged')
        client.command("EHLO client.test")
        client.command(b'MAIL FROM:<"x\\" y=z"@b.test>')
        client.command(b"RCPT TO:<a\x7f\x01@b.test>")
    with listener.session():
        pass
    for line in listener.relay.lines:
        assert not re.search(r"[\x00-\x1f\x7f]", line.text), line.text
        assert line.fields.get("msg") != "forged", line.text


def test_pipelined_commands_are_answered_in_order(listener: Listener) -> None:
    message = small("pipelined@shop.test")
    with listener.session() as client:
        client.send(b"MAIL FROM:<pipelined@shop.test>\r\nRCPT TO:<a@b.test>\r\nRCPT TO:<bad>x\r\n"
                    b"RCPT TO:<c@d.test>\r\nDATA\r\n")
        codes = [client.reply()[:3] for _ in range(5)]
        assert codes[0] == "250" and codes[1] == "250" and codes[2][0] == "5" and codes[3:] == ["250", "354"]
        client.send(message.content + b".\r\nMAIL FROM:<next@shop.test>\r\nQUIT\r\n")
        assert [client.reply()[:3] for _ in range(3)] == ["250", "250", "221"]


def test_an_early_talker_harms_nobody(listener: Listener) -> None:
    with Wire(listener.clear, greeting=False) as client:
        client.send(b"EHLO early.test\r\nMAIL FROM:<a@b.test>\r\n")
        assert client.reply()[:3] in ("220", "554", "421")


# --- the unix socket, and the end ------------------------------------------------------------------------------------
def test_a_unix_socket_takes_mail(start_relay: StartRelay, start_upstream: StartUpstream, tmp_path: Path) -> None:
    upstream = start_upstream()
    path = tmp_path / "submit.sock"
    relay = start_relay({"only": upstream}, {"listen": [{"address": f"unix:{path}"}]})
    message = small()
    with Wire(path) as client:
        client.ehlo()
        assert client.submit(message.sender, message.recipient, message.content).startswith("250")
    assert_unchanged(message, upstream.wait_messages(1)[0].content, trace_fields=1)
    relay.kill()
    # The socket file of a killed relay does not stand in the way.
    assert path.exists()
    relay.start()
    with Wire(path) as client:
        client.ehlo()
        assert client.submit(message.sender, message.recipient, message.content).startswith("250")


def test_sigterm_says_421_at_a_command_boundary_and_takes_no_half_message(start_relay: StartRelay,
                                                                         start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream})
    idle, in_data = Wire(relay.port), Wire(relay.port)
    for client in (idle, in_data):
        client.ehlo()
    message = small()
    in_data.envelope(message.sender, message.recipient)
    in_data.expect("DATA", "354")
    in_data.send(message.content)
    os.kill(relay.pid, signal.SIGTERM)
    assert idle.reply().startswith("421 4.3.2")
    assert idle.reply() == ""
    # The message in DATA may be finished (then it is relayed, now or after the next start), or is cut off.
    try:
        in_data.send(b".\r\n")
        answer = in_data.reply()
    except OSError:
        answer = ""
    assert relay.wait_exit(15) == 0
    relay.start()
    if answer.startswith("250"):
        upstream.wait_messages(1)
    else:
        assert not relay.events("accepted")


def test_a_message_cut_off_by_the_client_is_forgotten(listener: Listener) -> None:
    before = len(listener.relay.events("accepted"))
    for ending in (b"", b".", b".\r", b"\r\n."):
        client = listener.session()
        client.envelope("cut@shop.test", "c@d.test")
        client.expect("DATA", "354")
        client.send(small("cut@shop.test").content + ending)
        client.close()
    assert len(listener.relay.events("accepted")) == before
    assert not [received for received in listener.upstream.received if received.sender == "cut@shop.test"]
