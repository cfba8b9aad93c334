"""The command line as a person uses it: exit codes of sysexits.h, faults with their place, answers people can read."""
from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from conftest import StartRelay, StartUpstream
from support.certificates import Certificates
from support.deadline import port_accepts
from support.messages import assert_unchanged, small
from support.ports import free_port
from support.program import Program
from support.relay import posthouse, read_line
from support.upstream import Say, ScriptedUpstream
from support.wire import Wire, queue_id

GOOD = """\
hostname: relay.test
upstreams:
  first:
    host: smtp.example.com
    port: 587
    tls: starttls
    login: shop
    password: Very-Secret-99
    limits: [14 recipients / second, 50000 recipients / day]
routes:
  - match: {sender: "*@shop.example"}
    priority: high
    via: [first]
  - via: [first]
"""


# --- check -----------------------------------------------------------------------------------------------------------
def _check(folder: Path, text: str, *arguments: str) -> tuple[int, str, str]:
    file = folder / "posthouse.yaml"
    file.write_text(text)
    file.chmod(0o600)
    done = posthouse("check", "--config", str(file), *arguments)
    return done.returncode, done.stdout, done.stderr


def test_check_says_that_a_good_file_is_good(tmp_path: Path) -> None:
    code, out, err = _check(tmp_path, GOOD)
    assert code == 0, err
    assert "good" in out


@pytest.mark.parametrize(("old", "new", "line", "words"), [
    ("hostname: relay.test", "hostnam: relay.test", 1, "hostname"),
    ("    port: 587", "    port: 70000", 5, "70000"),
    ("    tls: starttls", "    tls: startls", 6, "starttls"),
    ("    login: shop", "    logn: shop", 7, "login"),
    ("14 recipients / second", "14 recipents / second", 9, "recipients"),
    ("    via: [first]\n  - via", "    via: [fist]\n  - via", 13, "first"),
    ("    priority: high", "    priority: highest", 12, "high"),
    ("routes:", "routes: {", 10, ""),
    ("hostname: relay.test", "hostname: relay.test\nevents: {file: /tmp/x}", 2, "events"),
    ("  first:", "  First!:", 3, "First!"),
], ids=["unknown_key", "port", "tls", "unknown_key_below", "limit", "route", "priority", "yaml",
        "not_built_yet", "name"])
def test_check_names_file_line_column_cause_and_advice(tmp_path: Path, old: str, new: str, line: int,
                                                       words: str) -> None:
    assert old in GOOD
    code, out, err = _check(tmp_path, GOOD.replace(old, new, 1))
    assert code == 78
    first = err.splitlines()[0]
    assert re.match(re.escape(str(tmp_path / "posthouse.yaml")) + rf":\d+:\d+: ", first), err
    assert re.search(rf":{line}:\d+: .*{re.escape(words)}", err) or not words, err
    assert "Very-Secret-99" not in out + err


def test_check_reports_all_faults_at_once(tmp_path: Path) -> None:
    faulty = GOOD.replace("port: 587", "port: x").replace("tls: starttls", "tls: maybe").replace("high", "urgent")
    code, _, err = _check(tmp_path, faulty)
    assert code == 78
    assert len([line for line in err.splitlines() if re.search(r":\d+:\d+: ", line)]) == 3, err
    code, out, _ = _check(tmp_path, faulty, "--json")
    assert code == 78
    assert [fault["line"] for fault in json.loads(out)["faults"]] == [5, 6, 12]


def test_check_show_prints_the_configuration_in_force_without_its_secrets(tmp_path: Path) -> None:
    code, out, _ = _check(tmp_path, GOOD, "--show")
    assert code == 0
    assert "********" in out and "Very-Secret-99" not in out
    assert "smtp.example.com" in out
    code, out, _ = _check(tmp_path, GOOD, "--show", "--json")
    assert code == 0
    assert json.loads(out)["upstreams"]["first"]["host"] == "smtp.example.com"
    assert "Very-Secret-99" not in out


def test_serve_refuses_a_bad_file_like_check(tmp_path: Path) -> None:
    file = tmp_path / "posthouse.yaml"
    file.write_text(GOOD.replace("port: 587", "port: x"))
    done = posthouse("serve", "--config", str(file))
    assert done.returncode == 78
    assert f"{file}:5:" in done.stdout + done.stderr


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for command in ("check", "serve"):
        done = posthouse(command, "--config", str(tmp_path / "nowhere.yaml"))
        assert done.returncode in (66, 78)
        assert "nowhere.yaml" in done.stderr + done.stdout


def test_usage_errors_exit_64() -> None:
    for arguments in (["frobnicate"], ["check", "--no-such-option"], ["passwd"], ["queue", "juggle"]):
        done = posthouse(*arguments)
        assert done.returncode == 64, (arguments, done)
        assert done.stderr
    assert posthouse("--help").returncode == 0
    version = posthouse("--version")
    assert version.returncode == 0 and re.search(r"\d+\.\d+", version.stdout)


# --- passwd ----------------------------------------------------------------------------------------------------------
def test_a_line_of_passwd_lets_its_login_in(start_relay: StartRelay, start_upstream: StartUpstream, tmp_path: Path,
                                            certificates: Certificates) -> None:
    done = posthouse("passwd", "webshop", stdin="Größe and spaces: 1!\n")
    assert done.returncode == 0
    line = done.stdout.strip()
    assert re.fullmatch(r"webshop:\$y\$[^:]+", line), line
    assert "spaces" not in line
    users = tmp_path / "users"
    users.write_text(f"# who may submit\n{line}\n")
    users.chmod(0o600)
    relay = start_relay({"only": start_upstream()}, {
        "clients": {"users_file": str(users)}, "tls": {"certificate": str(certificates.server.chain),
                                                       "key": str(certificates.server.key)}},
        secrets=("Größe and spaces: 1!",))
    with Wire(relay.port) as client:
        client.ehlo()
        client.starttls(certificates.ca_file)
        client.ehlo()
        assert client.auth_plain("webshop", "wrong").startswith("535")
        assert client.auth_plain("webshop", "Größe and spaces: 1!").startswith("235")


def test_passwd_refuses_what_cannot_be_a_login(tmp_path: Path) -> None:
    assert posthouse("passwd", "with:colon", stdin="x\n").returncode == 64
    assert posthouse("passwd", "shop", stdin="").returncode == 65


# --- queue and spool -------------------------------------------------------------------------------------------------
def test_queue_list_and_show_tell_where_a_message_is(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("450 4.2.2 mailbox full, try later"))
    relay = start_relay({"only": upstream}, {"retry": {"schedule": ["1h"], "jitter": "0%"}})
    with Wire(relay.port) as client:
        client.ehlo()
        numbers = []
        for index in range(3):
            message = small(f"author{index}@shop.test", f"reader{index}@a.test")
            numbers.append(queue_id(client.submit(message.sender, message.recipient, message.content)))
    for number in numbers:
        relay.wait("deferred", msg=number)
    config = ("--config", str(relay.config))
    listed = posthouse("queue", "list", *config)
    assert listed.returncode == 0, listed.stderr
    for number in numbers:
        assert number in listed.stdout
    document = json.loads(posthouse("queue", "list", "--json", *config).stdout)
    rows = next(value for value in [document, *document.values()] if isinstance(value, list))
    assert sorted(row["id"] for row in rows) == sorted(numbers)
    shown = posthouse("queue", "show", numbers[1], *config)
    assert shown.returncode == 0, shown.stderr
    for words in ("author1@shop.test", "reader1@a.test", "mailbox full", "only"):
        assert words in shown.stdout, shown.stdout
    document = json.loads(posthouse("queue", "show", numbers[1], "--json", *config).stdout)
    assert document["id"] == numbers[1]
    unknown = posthouse("queue", "show", "0000000000000", *config)
    assert unknown.returncode != 0 and "0000000000000" in unknown.stderr + unknown.stdout
    relay.stop()
    gone = posthouse("queue", "list", *config)
    assert gone.returncode == 69 and "admin.sock" in gone.stderr, gone


def test_spool_verify_and_dump_read_a_spool_offline(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    upstream.on("rcpt", Say("450 4.2.2 full"), when=lambda line: "full@" in line)
    relay = start_relay({"only": upstream}, {"retry": {"schedule": ["1h"], "jitter": "0%"}})
    with Wire(relay.port) as client:
        client.ehlo()
        waiting = queue_id(client.submit("a@shop.test", "full@a.test", small().content))
        done = queue_id(client.submit("a@shop.test", "good@a.test", small().content))
    relay.wait("deferred", msg=waiting)
    relay.wait("delivered", msg=done)
    relay.kill()
    verified = posthouse("spool", "verify", str(relay.spool))
    assert verified.returncode == 0, verified.stdout + verified.stderr
    dumped = posthouse("spool", "dump", str(relay.spool))
    assert dumped.returncode == 0
    assert waiting in dumped.stdout and "full@a.test" in dumped.stdout and "4.2.2" in dumped.stdout
    segment = max((file for file in relay.spool.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
    octets = bytearray(segment.read_bytes())
    octets[octets.index(b"full@a.test")] ^= 0xFF
    segment.write_bytes(octets)
    verified = posthouse("spool", "verify", str(relay.spool))
    assert verified.returncode == 65, verified
    assert segment.name in verified.stdout + verified.stderr
    nothing = posthouse("spool", "verify", str(relay.folder / "nowhere"))
    assert nothing.returncode != 0 and "nowhere" in nothing.stderr


# --- without a file --------------------------------------------------------------------------------------------------
def test_one_variable_is_enough(start_upstream: StartUpstream, tmp_path: Path, certificates: Certificates) -> None:
    upstream = start_upstream(tls="implicit", login="shop@example.com", password="p@ss/w:rd 1")
    port = free_port()
    relay = Program("serve", folder=tmp_path, environment={
        "POSTHOUSE_UPSTREAM": f"smtps://shop%40example.com:p%40ss%2Fw%3Ard%201@localhost:{upstream.port}"
                              f"?hosts=127.0.0.1&ca_file={certificates.ca_file}",
        "POSTHOUSE_LISTEN": f"127.0.0.1:{port}", "STATE_DIRECTORY": str(tmp_path / "state"), "HOME": str(tmp_path)})
    try:
        relay.wait_line(" ready")
        message = small()
        with Wire(port) as client:
            client.ehlo()
            assert client.submit(message.sender, message.recipient, message.content).startswith("250")
        assert_unchanged(message, upstream.wait_messages(1)[0].content, trace_fields=1)
        assert list((tmp_path / "state").iterdir())
    finally:
        assert relay.stop() == 0
    assert "p@ss" not in relay.output() and "p%40ss" not in relay.output()


def test_serve_with_nothing_at_all_says_what_to_write(tmp_path: Path) -> None:
    done = posthouse("serve", environment={"STATE_DIRECTORY": str(tmp_path), "HOME": str(tmp_path),
                                           "XDG_CONFIG_HOME": str(tmp_path), "POSTHOUSE_UPSTREAM": ""}, folder=tmp_path)
    assert done.returncode == 78
    assert "POSTHOUSE_UPSTREAM" in done.stderr + done.stdout


# --- sink, demo, logs ------------------------------------------------------------------------------------------------
def test_the_sink_takes_mail_and_tells_of_it(start_relay: StartRelay) -> None:
    port = free_port()
    sink = Program("sink", "--tls", "none", "--listen", f"127.0.0.1:{port}")
    try:
        port_accepts(port)
        with Wire(port) as client:
            client.ehlo()
            message = small()
            assert client.submit(message.sender, message.recipient, message.content).startswith("250")
        sink.wait_line(message.recipient)
    finally:
        assert sink.stop() == 0


def test_the_demo_runs_by_itself(tmp_path: Path) -> None:
    done = posthouse("demo", "--once", seconds=60, folder=tmp_path, environment={"HOME": str(tmp_path)})
    assert done.returncode == 0, done.stdout + done.stderr
    for word in ("accepted", "delivered"):
        assert word in done.stdout.lower(), done.stdout


@pytest.mark.parametrize("form", ["text", "json"])
def test_one_message_can_be_followed_in_the_log(start_relay: StartRelay, start_upstream: StartUpstream,
                                                form: str) -> None:
    upstream: ScriptedUpstream = start_upstream()
    upstream.on("rcpt", Say("450 4.2.2 full\x1b[31m \"quoted\" = odd"), times=1)
    relay = start_relay({"only": upstream}, {"log": {"format": form, "level": "debug"}})
    with Wire(relay.port) as client:
        client.ehlo()
        message = small()
        number = queue_id(client.submit(message.sender, message.recipient, message.content))
    relay.wait("delivered", msg=number)
    told = [line.event for line in relay.lines if line.fields.get("msg") == number]
    order = [name for name in told if name in ("accepted", "attempt", "deferred", "delivered")]
    assert order == ["accepted", "attempt", "deferred", "attempt", "delivered"], told
    for line in relay.lines:
        assert "\x1b" not in line.text
        if form == "json":
            json.loads(line.text)
        else:
            assert re.match(r"\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z (debug|info|warning|error) [a-z_]+( |$)", line.text)
    deferred = relay.events("deferred", msg=number)[0]
    assert deferred.fields["upstream"] == "only" and "full" in deferred.text
    assert read_line(deferred.text).event == "deferred"
