"""Who may submit: strangers, forged trust, good and bad logins.
"""
from __future__ import annotations

import base64
import itertools
import time
from pathlib import Path

import pytest
from conftest import StartRelay, StartUpstream
from support.listener import PASSWORD, USER, Listener
from support.ports import free_port
from support.relay import write_users
from support.wire import Wire, plain

# --- who may submit --------------------------------------------------------------------------------------------------
RELAY_FORMS = [
    "victim@a.test", '"victim@a.test"', "victim%a.test@relay.test", "victim%a.test", "@relay.test:victim@a.test",
    "a.test!victim", "a.test!victim@relay.test", '"victim%a.test"', '"victim@a.test"@relay.test',
    "victim@a.test@relay.test",
    "victim@[127.0.0.1]", "victim@localhost", "postmaster@a.test", "@a.test,@b.test:victim@c.test",
    "victim@a.test%relay.test",
    '"a.test!victim"@[127.0.0.1]']
RELAY_SENDERS = ["", "spam@evil.test", "root@relay.test", "root@[127.0.0.1]", "root@localhost"]


def test_a_stranger_without_a_login_may_not_submit(start_relay: StartRelay, start_upstream: StartUpstream,
                                                   tmp_path: Path) -> None:
    upstream = start_upstream()
    users = write_users(tmp_path / "users", {USER: PASSWORD})
    relay = start_relay({"only": upstream}, {"clients": {"networks": ["192.0.2.0/24"], "users_file": str(users)}})
    for sender, form in itertools.product(RELAY_SENDERS, RELAY_FORMS):
        with Wire(relay.port) as client:
            client.ehlo()
            answer = client.command(f"MAIL FROM:<{sender}>")
            if answer.startswith("250"):
                answer = client.command(f"RCPT TO:<{form}>")
            assert answer.startswith(("530", "550", "554", "501", "553")), (sender, form, answer)
            assert client.command("DATA").startswith("50")
    assert not upstream.connections


def test_forged_trust_changes_nothing(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    relay = start_relay({"only": start_upstream()}, {"clients": {"networks": ["192.0.2.0/24"]}})
    with Wire(relay.port) as client:
        client.expect("EHLO 192.0.2.1", "250")
        client.expect("MAIL FROM:<a@b.test> AUTH=admin@shop.test", "530 550 554")
    with Wire(relay.port, greeting=False) as client:
        client.send(b"PROXY TCP4 192.0.2.1 192.0.2.2 1 25\r\nXCLIENT ADDR=192.0.2.1\r\n")
        client.reply()
        assert client.reply().startswith("5")
        assert client.reply().startswith("5")
        client.ehlo()
        client.expect("MAIL FROM:<a@b.test>", "530 550 554")


# --- logins ----------------------------------------------------------------------------------------------------------
def test_a_login_works_with_plain_and_login_in_one_step_or_two(listener: Listener) -> None:
    def encoded(text: str) -> str:
        return base64.b64encode(text.encode()).decode()
    dialogues = [
        [("AUTH PLAIN " + plain(USER, PASSWORD), "235")],
        [("AUTH PLAIN", "334 "), (plain(USER, PASSWORD), "235")],
        [("AUTH LOGIN", "334 VXNlcm5hbWU6"), (encoded(USER), "334 UGFzc3dvcmQ6"), (encoded(PASSWORD), "235")],
        [("AUTH LOGIN " + encoded(USER), "334 UGFzc3dvcmQ6"), (encoded(PASSWORD), "235")],
        [("auth plain " + base64.b64encode(f"{USER}\0{USER}\0{PASSWORD}".encode()).decode(), "235")],
    ]
    for dialogue in dialogues:
        with listener.secure_session() as client:
            for line, answer in dialogue:
                assert client.command(line).startswith(answer), (line, answer)
            assert client.command("AUTH PLAIN " + plain(USER, PASSWORD)).startswith("503")
            assert client.command("MAIL FROM:<a@b.test>").startswith("250")


@pytest.mark.parametrize(("line", "codes"), [
    ("AUTH PLAIN " + plain(USER, "wrong"), "535"),
    ("AUTH PLAIN " + plain("nobody", PASSWORD), "535"),
    ("AUTH PLAIN " + base64.b64encode(f"boss\0{USER}\0{PASSWORD}".encode()).decode(), "535"),
    ("AUTH PLAIN " + base64.b64encode(f"\0{USER}\0{PASSWORD}\0".encode()).decode(), "501 535"),
    ("AUTH PLAIN " + base64.b64encode(f"\0{USER}\0\0{PASSWORD}".encode()).decode(), "501 535"),
    ("AUTH PLAIN " + base64.b64encode(f"{USER}\0{PASSWORD}".encode()).decode(), "501 535"),
    ("AUTH PLAIN " + plain(USER + "\r\nMAIL FROM:<x@y>", PASSWORD), "501 535"),
    ("AUTH PLAIN " + plain("%s%n%x$(reboot)`id`|cmd", PASSWORD), "501 535"),
    ("AUTH PLAIN " + plain("", ""), "501 535"),
    ("AUTH PLAIN =", "501 535"),
    ("AUTH PLAIN ****", "501"),
    ("AUTH PLAIN dGVzd", "501"),
    ("AUTH PLAIN dGVz dA==", "501"),
    ("AUTH GSSAPI", "504"),
    ("AUTH CRAM-MD5", "504"),
    ("AUTH", "501"),
    ("AUTH PLAIN " + "A" * 12300, "500 501 535"),
], ids=lambda value: repr(value)[:40])
def test_a_bad_login_is_refused_politely(listener: Listener, line: str, codes: str) -> None:
    with listener.secure_session() as client:
        client.expect(line, codes)
        assert client.command("MAIL FROM:<a@b.test>").startswith("530")
        assert client.auth_plain(USER, PASSWORD).startswith("235")


def test_a_login_can_be_cancelled_and_is_not_allowed_inside_a_transaction(listener: Listener) -> None:
    with listener.secure_session() as client:
        client.expect("AUTH PLAIN", "334")
        client.expect("*", "501")
        client.expect("AUTH LOGIN", "334")
        client.expect("*", "501")
        assert client.auth_plain(USER, PASSWORD).startswith("235")
    with Wire(listener.in_clear) as client:
        client.expect("AUTH PLAIN " + plain(USER, PASSWORD), "503")      # before EHLO


def test_a_huge_login_line_does_not_hurt(listener: Listener) -> None:
    with listener.secure_session() as client:
        answer = client.command("AUTH PLAIN " + "QUFB" * 50_000)
        assert answer.startswith(("500", "501", "535", "421")) or answer == ""


def test_too_many_bad_logins_end_the_connection(listener: Listener) -> None:
    answers = []
    with listener.secure_session() as client:
        for _ in range(30):
            answer = client.auth_plain(USER, "wrong")
            answers.append(answer[:3])
            if not answer or answer.startswith("421"):
                break
    assert len(answers) <= 4, answers
    assert set(answers) <= {"535", "421", ""}


def test_unknown_logins_look_like_wrong_passwords(listener: Listener) -> None:
    """Neither the words nor the time tell whether a login exists."""
    words: dict[str, set[str]] = {"known": set(), "unknown": set()}
    times: dict[str, list[float]] = {"known": [], "unknown": []}
    for _ in range(15):
        for kind, login in (("known", USER), ("unknown", "nobody")):
            with listener.secure_session() as client:
                began = time.perf_counter()
                words[kind].add(client.auth_plain(login, "wrong"))
                times[kind].append(time.perf_counter() - began)
    assert words["known"] == words["unknown"]
    known, unknown = sorted(times["known"])[7], sorted(times["unknown"])[7]
    assert 0.5 < known / unknown < 2.0, (known, unknown)


def test_a_login_may_be_bound_to_its_senders(start_relay: StartRelay, start_upstream: StartUpstream,
                                             tmp_path: Path) -> None:
    users = write_users(tmp_path / "users", {USER: PASSWORD}, senders="*@shop.test,boss@corp.test")
    port = free_port()
    start_relay({"only": start_upstream()}, {
        "clients": {"users_file": str(users)},
        "listen": [{"address": f"127.0.0.1:{port}", "auth": "required", "auth_in_clear": True}]})
    with Wire(port) as client:
        client.ehlo()
        assert client.auth_plain(USER, PASSWORD).startswith("235")
        client.expect("MAIL FROM:<someone@else.test>", "550 553")
        for sender in ("any@shop.test", "boss@corp.test", ""):
            client.expect(f"MAIL FROM:<{sender}>", "250")
            client.expect("RSET", "250")
