"""Limits in real time, as the upstream sees them: small windows, arrival times, and a crash in the middle.

Long windows are tested in virtual time with the queue; here it is shown that the whole daemon keeps them.
"""
from __future__ import annotations

from collections import Counter
from datetime import datetime

import pytest
from conftest import StartRelay, StartUpstream
from support.messages import small
from support.relay import Relay, upstream_settings
from support.upstream import Received
from support.wire import Wire

# The upstream is a thread of this process: it may read MAIL later than it came, and so see too many at once. What the
# relay decided is checked to the millisecond, what the upstream saw with this much patience (seconds).
LATENESS = 0.25


def _submit(relay: Relay, count: int, recipients: int = 1) -> None:
    with Wire(relay.port) as client:
        client.ehlo()
        for _ in range(count):
            message = small()
            client.envelope(message.sender, *(f"reader{n}@a.test" for n in range(recipients)))
            assert client.content(message.content).startswith("250")


def _assert_kept(relay: Relay, arrived: list[Received], limit: int, window: float, unit: str = "messages") -> None:
    """No window of this length, wherever it begins, holds more than the limit: as decided, and as seen."""
    decided = []
    for line in relay.events("attempt"):
        at = datetime.fromisoformat(line.text.split(" ")[0].replace("Z", "+00:00")).timestamp()
        decided.append((at, int(line.fields["recipients"]) if unit == "recipients" else 1))
    seen = [(message.began, len(message.recipients) if unit == "recipients" else 1) for message in arrived]
    for name, events, patience in (("decided", decided, 0.002), ("seen", seen, LATENESS)):
        events.sort()
        for first, (begin, _) in enumerate(events):
            used = sum(weight for at, weight in events[first:] if at < begin + window - patience)
            times = [round(at - begin, 3) for at, _ in events[first:]]
            assert used <= limit, f"{name}: {used} {unit} in {window} s: {times}"


def test_three_messages_a_second(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"limits": ["3 messages / second"], "connections": 4})
    _submit(relay, 12)
    arrived = upstream.wait_messages(12, 15)
    _assert_kept(relay, arrived, 3, 1.0)
    # And the quota is used: 12 messages need three waits of a second, not many more.
    assert arrived[-1].began - arrived[0].began < 5.0
    # Waiting for quota is no attempt.
    assert not relay.events("deferred")


def test_recipients_are_counted_where_the_limit_says_so(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"limits": ["6 recipients / second"], "connections": 4})
    _submit(relay, 6, recipients=3)
    _assert_kept(relay, upstream.wait_messages(6, 15), 6, 1.0, "recipients")


def test_all_limits_of_an_upstream_hold_together(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream},
                        upstream_keys={"limits": ["3 messages / second", "4 messages / 3 seconds"], "connections": 4})
    _submit(relay, 9)
    arrived = upstream.wait_messages(9, 20)
    _assert_kept(relay, arrived, 3, 1.0)
    _assert_kept(relay, arrived, 4, 3.0)


@pytest.mark.parametrize("how", ["kill", "stop"])
def test_a_restart_in_the_middle_frees_nothing(start_relay: StartRelay, start_upstream: StartUpstream,
                                               how: str) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"limits": ["3 messages / 2 seconds"], "connections": 4})
    _submit(relay, 12)
    for count in (3, 5, 9):
        upstream.wait_messages(count, 15)
        relay.kill() if how == "kill" else relay.stop()
        relay.start()
    arrived = upstream.wait_messages(12, 20)
    _assert_kept(relay, arrived, 3, 2.0)


def test_another_upstream_is_not_slowed_by_a_spent_quota(start_relay: StartRelay,
                                                         start_upstream: StartUpstream) -> None:
    slow, fast = start_upstream(), start_upstream()

    relay = start_relay({"slow": upstream_settings(slow, limits=["1 messages / hour"]), "fast": fast},
                        {"routes": [{"match": {"sender": "author@shop.test"}, "via": ["slow"]}, {"via": ["fast"]}]})
    _submit(relay, 3)
    with Wire(relay.port) as client:
        client.ehlo()
        for _ in range(5):
            message = small("other@shop.test")
            client.submit(message.sender, message.recipient, message.content)
    fast.wait_messages(5, 5)
    assert len(slow.wait_messages(1)) == 1
    relay.wait("quota_reached", upstream="slow")


def test_the_next_upstream_takes_over_when_the_quota_is_spent(start_relay: StartRelay,
                                                              start_upstream: StartUpstream) -> None:
    first, second = start_upstream(), start_upstream()

    relay = start_relay({"first": upstream_settings(first, limits=["2 messages / hour"]), "second": second})
    _submit(relay, 5)
    assert len(second.wait_messages(3)) == 3
    assert len(first.wait_messages(2)) == 2


def test_no_more_connections_than_configured(start_relay: StartRelay, start_upstream: StartUpstream) -> None:
    upstream = start_upstream()
    relay = start_relay({"only": upstream}, upstream_keys={"connections": 3, "messages_per_connection": 4})
    _submit(relay, 40)
    arrived = upstream.wait_messages(40, 15)
    assert upstream.most_at_once <= 3
    assert max(Counter(message.connection for message in arrived).values()) <= 4
