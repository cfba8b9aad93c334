"""What a client may hide in a stream: only CRLF.CRLF ends data, nothing outlives STARTTLS, chunks are exact."""
from __future__ import annotations

import itertools
import re
import socket
import ssl

import pytest
from conftest import StartRelay, StartUpstream
from support.listener import PASSWORD, USER, Listener
from support.messages import assert_unchanged, small
from support.wire import Wire, plain

# --- only CRLF.CRLF ends data ----------------------------------------------------------------------------------------
_ENDS = (b"\r\n", b"\n", b"\r", b"\r\r\n", b"\n\r", b"\r\n\r", b"\0\r\n", b"\r\0\n")
SEQUENCES = [before + b"." + after for before, after in itertools.product(_ENDS, _ENDS)
             if (before, after) != (b"\r\n", b"\r\n")] + [
    b"\r\n.\r", b"\r\n.\n\r\n", b"\r\n. \r\n", b"\r\n.\t\r\n", b"\r\n..\r\n", b"\r\n\x00.\r\n", b"\r\n.\x00\r\n",
    b"\r\n.\r\n", b"\n\n.\n\n", b"\r\r.\r\r", b"\x85.\x85", b"\xe2\x80\xa8.\xe2\x80\xa8", b"\r\n.\r\r\n", b"\x0b.\x0b",
    b"\x0c.\x0c"]
_SMUGGLED = (b"MAIL FROM:<smuggler@evil.test>\r\nRCPT TO:<victim@a.test>\r\nDATA\r\nFrom: <smuggler@evil.test>\r\n"
             b"Subject: smuggled\r\n\r\nHello\r\n")


def _ends_like_data(sequence: bytes) -> bool:
    return b"\r\n.\r\n" in sequence


@pytest.mark.parametrize("policy", ["reject", "normalize"])
@pytest.mark.parametrize("way", ["DATA", "BDAT"])
def test_no_sequence_but_crlf_dot_crlf_ends_the_data(start_relay: StartRelay, start_upstream: StartUpstream,
                                                     policy: str, way: str) -> None:
    """CVE-2023-51764, 51765, 51766, 2024-27305: in none of them does a second message appear, here or upstream."""
    upstreams = {"chunked": start_upstream(), "plain": start_upstream(extensions=["PIPELINING", "8BITMIME"])}
    relay = start_relay(upstreams, {"clients": {"bare_newlines": policy}, "bounces": {"to": "none"}, "routes": [
        {"match": {"sender": "plain@*"}, "via": ["plain"]}, {"via": ["chunked"]}]})
    accepted = {"plain": 0, "chunked": 0}
    for sequence in SEQUENCES:
        if way == "DATA" and _ends_like_data(sequence):
            continue
        for name in upstreams:
            message = small(f"{name}@shop.test", body=b"before" + sequence + _SMUGGLED + b"after")
            with Wire(relay.port) as client:
                client.ehlo()
                client.envelope(message.sender, message.recipient)
                if way == "DATA":
                    client.expect("DATA", "354")
                    client.send(message.content + b".\r\n")
                else:
                    client.send(b"BDAT %d LAST\r\n" % len(message.content) + message.content)
                answer = client.reply()
                assert answer.startswith(("250", "550", "554", "500", "552")), (sequence, answer)
                # Exactly one answer for one message: the next one belongs to NOOP.
                assert client.command("NOOP").startswith("250 2.0.0"), sequence
                assert client.command("QUIT").startswith("221"), sequence
            bare = bool(re.search(rb"\r(?!\n)|(?<!\r)\n", sequence))
            if policy == "reject":
                assert answer.startswith("5") == bare or b"\0" in sequence, (sequence, answer)
            accepted[name] += answer.startswith("250")
    for name, upstream in upstreams.items():
        arrived = upstream.wait_messages(accepted[name])
        assert {message.sender for message in arrived} == {f"{name}@shop.test"} if accepted[name] else not arrived
        assert len(arrived) == accepted[name]


def test_smuggling_inside_commands_is_refused(listener: Listener) -> None:
    inside = [b"MAIL FROM:<a@b.test>\rRCPT TO:<c@d.test>", b"MAIL FROM:<a@b.test>\nRCPT TO:<c@d.test>",
              b"MAIL FROM:<a@b.test\r>", b"MAIL FROM:<a\n@b.test>", b"MAIL FROM:<\"a\nb\"@b.test>",
              b"MAIL FROM:<a\0@b.test>",
              b"MAIL FROM:<a@b.test> ENVID=a+0D+0ARCPT", b"MAIL FROM:<a@b.test> RET=FULL\rX"]
    for line in inside:
        with listener.session() as client:
            first = client.command(line)
            assert not first.startswith("250") or b"ENVID" in line, (line, first)


def test_envid_and_orcpt_cannot_carry_line_ends_into_a_report(listener: Listener) -> None:
    with listener.session() as client:
        answer = client.command("MAIL FROM:<a@b.test> ENVID=x+0D+0AInjected:+20yes")
        assert answer.startswith(("501", "250")), answer
        if answer.startswith("250"):
            answer = client.command("RCPT TO:<c@d.test> ORCPT=rfc822;a+0D+0AInjected:+20yes")
            assert answer.startswith(("501", "250")), answer


# --- STARTTLS --------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("injected", [
    b"NOOP\r\n", b"EHLO injected.test\r\n", b"RSET\r\nNOOP\r\n",
    b"AUTH PLAIN " + plain(USER, PASSWORD).encode() + b"\r\n",
    b"EHLO x.test\r\nAUTH PLAIN " + plain(USER, PASSWORD).encode() + b"\r\nMAIL FROM:<evil@b.test>\r\n",
    b"MAIL FROM:<ev", b"EHLO x", b"\r\n",
], ids=lambda value: repr(value[:12]))
def test_nothing_pipelined_behind_starttls_is_used_after_the_handshake(listener: Listener, injected: bytes) -> None:
    """CVE-2011-0411 and its family."""
    with Wire(listener.starttls) as client:
        client.ehlo()
        client.send(b"STARTTLS\r\n" + injected)
        assert client.reply().startswith("220")
        try:
            client.secure(listener.certificates.ca_file)
        except OSError:
            return      # refused outright: as good
        # The next reply answers this and nothing else, and no login has happened.
        offered = client.ehlo("after.test")
        assert "PIPELINING" in offered and "AUTH PLAIN LOGIN" in offered
        assert client.command("MAIL FROM:<a@b.test>").startswith("530")
        assert client.command("NOOP").startswith("250")


def test_starttls_forgets_what_was_said_in_clear_and_takes_no_parameter(listener: Listener) -> None:
    with Wire(listener.starttls) as client:
        client.ehlo("before.test")
        client.expect("STARTTLS now", "501")
        client.starttls(listener.certificates.ca_file)
        assert client.command("MAIL FROM:<a@b.test>").startswith(("503", "530"))


def test_rubbish_instead_of_a_handshake_ends_the_connection(listener: Listener) -> None:
    for rubbish in (b"\x16\x03\x01\xff\xff" + b"A" * 300, b"GET / HTTP/1.1\r\n\r\n", b"\0" * 100):
        with Wire(listener.starttls) as client:
            client.ehlo()
            client.expect("STARTTLS", "220")
            client.send(rubbish)
            client.socket.shutdown(socket.SHUT_WR)
            drained = b"x"
            while drained:
                try:
                    drained = client.socket.recv(4096)
                except ConnectionResetError:
                    break


def test_old_tls_is_refused(listener: Listener) -> None:
    for version in (ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = context.maximum_version = version
        with Wire(listener.starttls) as client:
            client.ehlo()
            client.expect("STARTTLS", "220")
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(client.socket)


# --- BDAT ------------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("argument", ["-1", "-1 LAST", "18446744073709551620", "18446744073709551615 LAST", "0x10", "",
                                      "LAST", "ten LAST", "1.5", "+5", "5 FIRST", "99999999999999999999999999"])
def test_a_bad_chunk_size_is_refused_and_nothing_is_taken(listener: Listener, argument: str) -> None:
    before = len(listener.upstream.received)
    with listener.session() as client:
        client.envelope("a@b.test", "c@d.test")
        answer = client.command(f"BDAT {argument}".rstrip())
        # With a size that cannot be read nobody knows where commands go on: closing is the safe answer.
        assert answer.startswith(("421", "501", "552", "500", "503")), answer
        assert client.command("NOOP").startswith("250") or answer.startswith("421")
    assert len(listener.upstream.received) == before


def test_a_refused_chunk_still_swallows_its_octets(listener: Listener) -> None:
    """RFC 3030 4.2: else the content would be read as commands."""
    trap = b"MAIL FROM:<smuggler@evil.test>\r\nRCPT TO:<victim@a.test>\r\n"
    with listener.session() as client:
        client.send(b"BDAT %d LAST\r\n" % len(trap) + trap)
        assert client.reply().startswith("503")
        assert client.command("NOOP").startswith("250")
        client.expect("MAIL FROM:<a@b.test>", "250")
        client.send(b"BDAT %d LAST\r\n" % len(trap) + trap)
        assert client.reply().startswith(("503", "554"))
        assert client.command("NOOP").startswith("250")
    too_large = 31 << 20
    with listener.session() as client:
        client.envelope("a@b.test", "c@d.test")
        client.send(b"BDAT %d LAST\r\n" % too_large)
        answer = b""
        try:
            for _ in range(31):
                client.send(b"x" * (1 << 20))
        except OSError:
            answer = b"closed"
        if not answer:
            assert client.reply().startswith("552")
            assert client.command("NOOP").startswith("250")


def test_data_after_bdat_is_refused_and_rset_forgets_the_chunks(listener: Listener) -> None:
    message = small("chunks@shop.test")
    with listener.session() as client:
        client.envelope("a@b.test", "c@d.test")
        client.send(b"BDAT 5\r\nhello")
        assert client.reply().startswith("250")
        client.expect("DATA", "503")
        client.expect("RSET", "250")
        client.envelope(message.sender, message.recipient)
        half = len(message.content) // 2
        client.send(b"BDAT %d\r\n" % half + message.content[:half])
        assert client.reply().startswith("250")
        client.send(b"BDAT %d\r\n" % (len(message.content) - half) + message.content[half:] + b"BDAT 0 LAST\r\n")
        assert client.reply().startswith("250")
        assert client.reply().startswith("250")
    arrived = listener.upstream.wait_messages(1, which=lambda received: message.marker in received.content)
    assert_unchanged(message, arrived[0].content, trace_fields=1)


def test_a_chunk_cut_off_by_close_notify_is_not_completed_in_clear(listener: Listener) -> None:
    """Exim 2026-05: TLS ends inside a chunk and plain octets follow."""
    before = len(listener.upstream.received)
    client = listener.secure_session()
    assert client.auth_plain(USER, PASSWORD).startswith("235")
    client.envelope("a@b.test", "c@d.test")
    client.send(b"BDAT 100 LAST\r\nFrom: <a@b.test>\r\n")
    raw = client.socket
    try:
        raw = client.socket.unwrap()  # type: ignore[attr-defined]
        raw.sendall(b"x" * 100 + b"\r\nMAIL FROM:<evil@b.test>\r\n")
        assert b"250" not in raw.recv(4096)
    except OSError:
        pass
    raw.close()
    assert len(listener.upstream.received) == before
