"""Crowds, drips and rubbish: they delay nobody, cost little and end.
"""
from __future__ import annotations

import re
import socket
import time

import pytest
from conftest import StartRelay, StartUpstream
from support.deadline import let_pass, until
from support.listener import Listener
from support.messages import small
from support.wire import Wire

# --- floods ----------------------------------------------------------------------------------------------------------
def test_300_connections_at_once_all_get_an_answer(listener: Listener) -> None:
    clients = [Wire(listener.clear, greeting=False) for _ in range(300)]
    for client in clients:
        assert client.reply().startswith(("220", "421"))
    for client in clients:
        client.close()


def test_idle_and_dripping_clients_delay_nobody(listener: Listener) -> None:
    idle = [Wire(listener.clear) for _ in range(150)]
    slow = [Wire(listener.clear) for _ in range(40)]
    for round_number in range(5):
        for client in slow:
            client.send(b"EHLO "[round_number:round_number + 1])
        message = small()
        began = time.monotonic()
        with listener.session() as client:
            assert client.submit(message.sender, message.recipient, message.content).startswith("250")
        assert time.monotonic() - began < 1.0
    for client in [*idle, *slow]:
        client.close()


@pytest.mark.parametrize("octets", [
    b"A" * 1_000_000,
    b"POST / HTTP/1.1\r\nHost: localhost:25\r\nContent-Length: 200\r\n\r\nEHLO x\r\nMAIL FROM:<evil@b.test>\r\n"
    b"RCPT TO:<victim@a.test>\r\nDATA\r\n\r\nowned\r\n.\r\nQUIT\r\n",
    bytes(range(256)) * 400,
    b"\r\n" * 10_000,
    b"EHLO " + b"x" * 5000 + b"\r\n",
    b"NOOP\r\n" * 5000,
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 500,
], ids=["1_MB_without_LF", "HTTP_POST", "binary", "empty_lines", "long_EHLO", "5000_NOOP", "ClientHello"])
def test_rubbish_is_survived(listener: Listener, octets: bytes) -> None:
    before = len([line for line in listener.relay.events("accepted")])
    with Wire(listener.clear, timeout=5, greeting=False) as client:
        try:
            client.send(octets)
            client.socket.shutdown(socket.SHUT_WR)
            while client.socket.recv(65536):
                pass
        except (OSError, TimeoutError):
            pass
    assert len(listener.relay.events("accepted")) == before


def test_a_client_that_never_reads_does_not_hold_memory(listener: Listener) -> None:
    with Wire(listener.clear, greeting=False) as client:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.socket.settimeout(1)
        before = listener.relay.status("VmRSS")
        sent = 0
        try:
            while sent < 20 << 20:
                client.send(b"HELP me please\r\n" * 4096)
                sent += 65536
        except OSError:
            pass
        assert listener.relay.status("VmRSS") - before < 8 << 10


def test_too_many_errors_end_the_connection(listener: Listener) -> None:
    with listener.session() as client:
        answers = []
        for _ in range(200):
            answer = client.command("NONSENSE")
            answers.append(answer)
            if not answer or answer.startswith("421"):
                break
        assert len(answers) <= 50
        assert any(answer.startswith("421 4.7.0") for answer in answers)


def test_recipients_above_the_limit_get_452_and_the_others_are_kept(listener: Listener) -> None:
    message = small("many@shop.test")
    with listener.session() as client:
        client.expect("MAIL FROM:<many@shop.test>", "250")
        client.send(b"".join(b"RCPT TO:<reader%d@a.test>\r\n" % n for n in range(150)))
        answers = [client.reply() for _ in range(150)]
        assert all(answer.startswith("250") for answer in answers[:100])
        assert all(answer.startswith("452 4.5.3") for answer in answers[100:]), answers[100]
        assert client.content(message.content).startswith("250")

    def served() -> int:
        return sum(len(received.recipients) for received in listener.upstream.received
                   if message.marker in received.content)

    until("all 100 recipients are served", lambda: served() == 100)


def test_connection_caps_answer_421(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    relay = start_relay({"only": start_upstream()},
                        {"clients": {"max_connections": 8, "max_connections_per_address": 3}})
    from_one = [Wire(relay.port, source="127.0.0.2") for _ in range(4)]
    assert [client.greeting[:3] for client in from_one] == ["220", "220", "220", "421"]
    assert re.match(r"421 4\.[37]\.\d", from_one[3].greeting)
    assert from_one[3].reply() == ""
    others = [Wire(relay.port, source=f"127.0.0.{n}") for n in range(3, 9)]
    assert [client.greeting[:3] for client in others] == ["220"] * 5 + ["421"]
    from_one[0].close()

    def place_is_free() -> bool:
        with Wire(relay.port, source="127.0.0.2") as client:
            return client.greeting.startswith("220")

    until("a place is free again", place_is_free)
    for client in [*from_one, *others]:
        client.close()


def test_running_out_of_file_descriptors_is_survived_without_spinning(start_relay: StartRelay,
                                                                      start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, wrapper=("prlimit", "--nofile=100:100"))
    clients = [Wire(relay.port, greeting=False) for _ in range(150)]
    relay.wait("accept_failed")
    before = relay.processor_seconds()
    let_pass(1.0)
    assert relay.processor_seconds() - before < 0.3
    for client in clients:
        client.close()
    message = small()
    with Wire(relay.port) as client:
        client.ehlo()
        assert client.submit(message.sender, message.recipient, message.content).startswith("250")
    upstream.wait_messages(1)
