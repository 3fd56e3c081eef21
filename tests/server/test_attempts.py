"""Guessing is slow, and costs no memory."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from inhouse.server.attempts import Attempts


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def fail(attempts: Attempts, address: str, times: int) -> None:
    for _ in range(times):
        attempts.failed(address)


def test_some_wrong_tokens_are_let_be_and_then_it_takes_time(clock: Clock) -> None:
    attempts = Attempts(limit=3, seconds=10, clock=clock)
    fail(attempts, "10.0.0.1", 2)
    assert attempts.wait("10.0.0.1") == 0
    fail(attempts, "10.0.0.1", 1)
    assert attempts.wait("10.0.0.1") == 10
    assert attempts.wait("10.0.0.2") == 0
    clock.now = 4
    assert attempts.wait("10.0.0.1") == 6
    clock.now = 10
    assert attempts.wait("10.0.0.1") == 0
    fail(attempts, "10.0.0.1", 1)
    assert attempts.wait("10.0.0.1") == 10
    clock.now = 1000
    fail(attempts, "10.0.0.1", 2)
    assert attempts.wait("10.0.0.1") == 0


def test_a_network_of_ipv6_counts_as_one(clock: Clock) -> None:
    attempts = Attempts(limit=1, clock=clock)
    attempts.failed("2001:db8::1")
    assert attempts.wait("2001:db8::ffff:1") > 0
    assert attempts.wait("2001:db8:0:1::1") == 0
    attempts.failed("::ffff:10.0.0.1")
    assert attempts.wait("10.0.0.1") > 0
    attempts.failed("fe80::1%eth0")
    assert attempts.wait("fe80::2%eth1") > 0
    attempts.failed("no address")
    assert attempts.wait("no address") > 0


def test_many_addresses_push_out_the_oldest(clock: Clock) -> None:
    attempts = Attempts(limit=1, capacity=100, clock=clock)
    for number in range(1000):
        attempts.failed(f"10.0.{number // 250}.{number % 250}")
    assert attempts.wait("10.0.0.0") == 0
    assert attempts.wait("10.0.3.249") > 0
    assert len(attempts._forgiven) == 100
