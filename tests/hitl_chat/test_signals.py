import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_chat.signals import COPY, DWELL, LEAVE, MAX_COPIED, REACH, Observed, read, token_of


def body(**parts: object) -> dict[str, object]:
    return {"token": "t", "seq": 1, **parts}


def test_dwell_and_copies_become_signals() -> None:
    batch = read(
        body(dwell={"m1": 1200}, events=[{"k": "copy_sel", "mid": "m1", "n": 7, "t": 1}]), 60_000
    )
    assert batch.seq == 1
    assert batch.observed == (Observed("m1", DWELL, 1200.0), Observed("m1", COPY, 7.0))


def test_reach_is_a_share_and_leaving_has_no_amount() -> None:
    events = [{"k": "leave", "mid": "m1"}]
    assert read(body(reach={"m1": 0.4, "m2": 7}, events=events), 1).observed == (
        Observed("m1", REACH, 0.4),
        Observed("m2", REACH, 1.0),
        Observed("m1", LEAVE, None),
    )


def test_a_copy_of_all_has_no_amount() -> None:
    assert read(body(events=[{"k": "copy_btn", "mid": "m1"}]), 1).observed == (
        Observed("m1", COPY, None),
    )


def test_nobody_looks_longer_than_the_page_is_open() -> None:
    assert read(body(dwell={"m1": 10**30}), 500).observed == (Observed("m1", DWELL, 500.0),)


def test_negative_and_absurd_amounts_are_clamped() -> None:
    events = [{"k": "copy_sel", "mid": "m", "n": n} for n in (-5, 10**400)]
    amounts = [one.amount for one in read(body(events=events), 1).observed]
    assert amounts == [0.0, MAX_COPIED]


@pytest.mark.parametrize("junk", [None, 3, "x", [1], {"m": None}, {"m": "9"}, {"": 5}, {"m": True}])
def test_dwell_that_makes_no_sense_is_left_out(junk: object) -> None:
    assert read(body(dwell=junk), 1000).observed == ()


@pytest.mark.parametrize(
    "junk",
    [
        None,
        {},
        [3],
        [{"k": "rate", "mid": "m"}],
        [{"k": "copy_btn"}],
        [{"k": "copy_btn", "mid": 4}],
    ],
)
def test_events_that_make_no_sense_are_left_out(junk: object) -> None:
    assert read(body(events=junk), 1000).observed == ()


@pytest.mark.parametrize("seq", [None, "1", 1.5, True, -1, 2**40])
def test_a_beacon_without_a_number_is_refused(seq: object) -> None:
    with pytest.raises(ValueError, match="seq"):
        read({"token": "t", "seq": seq}, 1)


@pytest.mark.parametrize("value", [None, [], "x", {}, {"token": 3}])
def test_a_beacon_without_a_token_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="token"):
        token_of(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(dwell=JSON, events=JSON, age=st.floats(0, 1e9))
def test_whatever_comes_amounts_stay_within_bounds(
    dwell: object, events: object, age: float
) -> None:
    for one in read(json.loads(json.dumps(body(dwell=dwell, events=events))), age).observed:
        assert one.amount is None or math.isfinite(one.amount)
        assert one.kind == COPY or 0 < (one.amount or 0) <= age
