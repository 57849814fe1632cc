import threading

import pytest

from hitl_chat.limits import ANSWER, FEEDBACK, NEWCOMER, Limits, TooMuch


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def spent(limits: Limits, times: int, person: str | None = "me", address: str | None = None) -> int:
    """Try so often; returns how often it was allowed."""
    allowed = 0
    for _ in range(times):
        try:
            limits.spend(ANSWER, person, address)
        except TooMuch:
            continue
        allowed += 1
    return allowed


def test_as_many_as_the_limit_are_allowed_at_once_and_the_rest_over_a_minute(clock: Clock) -> None:
    limits = Limits(30, 0, clock)
    assert spent(limits, 100) == 30
    clock.now += 20
    assert spent(limits, 100) == 10
    clock.now += 86_400
    assert spent(limits, 100) == 30


def test_a_refusal_tells_how_long_to_wait_and_then_it_works(clock: Clock) -> None:
    limits = Limits(6, 0, clock)
    spent(limits, 6)
    with pytest.raises(
        TooMuch, match=r"^That was a lot in a short time\. Wait 10 seconds and"
    ) as no:
        limits.spend(ANSWER, "me", None)
    clock.now += no.value.wait
    limits.spend(ANSWER, "me", None)


@pytest.mark.parametrize("limit", [7, 30, 77, 10_000])
def test_who_waits_as_told_is_never_refused_again(clock: Clock, limit: int) -> None:
    limits = Limits(limit, 0, clock)
    spent(limits, limit)
    for _ in range(200):
        try:
            limits.spend(ANSWER, "me", None)
        except TooMuch as no:
            clock.now += no.wait
            limits.spend(ANSWER, "me", None)


def test_refusals_do_not_lengthen_the_wait(clock: Clock) -> None:
    limits = Limits(6, 0, clock)
    spent(limits, 1_000)
    clock.now += 10
    assert spent(limits, 1) == 1


def test_one_person_does_not_use_up_what_another_has(clock: Clock) -> None:
    limits = Limits(3, 0, clock)
    spent(limits, 10, "me")
    assert spent(limits, 10, "you") == 3


def test_people_of_one_address_share_its_bucket(clock: Clock) -> None:
    limits = Limits(3, 5, clock)
    assert spent(limits, 10, "me", "192.0.2.1") == 3
    assert spent(limits, 10, "you", "192.0.2.1") == 2
    assert spent(limits, 10, "she", "192.0.2.2") == 3
    with pytest.raises(TooMuch, match=r"^A lot came from your address in a short time\. Wait"):
        limits.spend(ANSWER, "they", "192.0.2.1")


def test_whom_the_address_refuses_is_not_charged_for_it(clock: Clock) -> None:
    limits = Limits(3, 1, clock)
    spent(limits, 1, "you", "192.0.2.1")
    spent(limits, 50, "me", "192.0.2.1")
    assert spent(limits, 10, "me", "192.0.2.2") == 1
    assert spent(limits, 10, "me") == 2


def test_feedback_may_come_four_times_as_often_and_is_counted_apart(clock: Clock) -> None:
    limits = Limits(2, 0, clock)
    spent(limits, 10)
    for _ in range(8):
        limits.spend(FEEDBACK, "me", None)
    with pytest.raises(TooMuch):
        limits.spend(FEEDBACK, "me", None)


def test_new_people_come_by_the_hour(clock: Clock) -> None:
    limits = Limits(0, 60, clock)
    for _ in range(60):
        limits.spend(NEWCOMER, None, "192.0.2.1")
    with pytest.raises(TooMuch, match="Wait 60 seconds"):
        limits.spend(NEWCOMER, None, "192.0.2.1")


def test_what_costs_more_than_a_bucket_holds_is_let_through_when_it_is_full(clock: Clock) -> None:
    limits = Limits(1, 0, clock)
    limits.spend(ANSWER, "me", None, cost=2)
    with pytest.raises(TooMuch, match="Wait 60 seconds"):
        limits.spend(ANSWER, "me", None, cost=2)


def test_a_limit_of_0_is_none(clock: Clock) -> None:
    assert spent(Limits(0, 0, clock), 10_000, "me", "192.0.2.1") == 10_000


def test_memory_is_bounded_and_who_is_busy_stays(clock: Clock) -> None:
    limits = Limits(1, 0, clock, most=10)
    for stranger in range(1_000):
        spent(limits, 1, f"stranger {stranger}")
        assert spent(limits, 2, "busy") == (1 if stranger == 0 else 0)
        assert len(limits) <= 10


def test_threads_together_get_no_more_than_the_limit(clock: Clock) -> None:
    limits = Limits(500, 0, clock)
    allowed: list[int] = []
    threads = [
        threading.Thread(target=lambda: allowed.append(spent(limits, 200))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(allowed) == 500
