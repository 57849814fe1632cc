import math
import random

import pytest

from tests.training.chats import Chat
from training.gestures import CLIP, Clues, Gestures, attention, centred, compare, gestures


def seen(chat: Chat) -> dict[str, Gestures]:
    return {one.message: one for one in gestures(chat.transcript())}


def looked(rater: str, times: list[tuple[int, float]]) -> list[Gestures]:
    """Answers of so many words, looked at for so many milliseconds."""
    return [
        Gestures(f"{rater}{i}", f"q{i}", rater, rater, words, frozenset(), ms, None, spoken=False)
        for i, (words, ms) in enumerate(times)
    ]


def copying(rater: str, copies: list[bool]) -> list[Clues]:
    chat = Chat(rater, rater)
    for copied in copies:
        chat.answered("ten chars.", dwell_ms=900.0, **({"copy": 10.0} if copied else {}))
    return compare(list(gestures(chat.transcript())))


def test_half_of_an_answer_is_a_copy_and_less_is_a_snippet() -> None:
    chat = Chat()
    whole, half, part = (chat.answered("ten chars.", copy=size) for size in (10.0, 5.0, 4.0))
    unknown = chat.answered("ten chars.")
    chat.do("copy", unknown)
    found = seen(chat)
    assert found[whole].events == found[half].events == {"copy"}
    assert found[part].events == found[unknown].events == {"snippet"}


def test_looks_at_one_answer_add_up() -> None:
    chat = Chat()
    answer = chat.answered("yes", dwell_ms=900.0)
    chat.do("dwell_ms", answer, 600.0)
    chat.do("undo", answer)
    assert seen(chat)[answer].dwell_ms == 1500.0
    assert seen(chat)[answer].events == {"undo"}


@pytest.mark.parametrize("reason", ["error", "closed", None])
def test_answers_that_broke_off_say_nothing(reason: str | None) -> None:
    chat = Chat()
    chat.answered("broken", regenerate=1.0, dwell_ms=900.0)
    chat.messages[-1].stop_reason = reason
    assert not seen(chat)


def test_asking_again_after_a_stop_says_nothing() -> None:
    chat = Chat()
    answer = chat.answered("stopped", regenerate=1.0, stop=1.0)
    chat.messages[-1].stop_reason = "stop"
    assert seen(chat)[answer].events == {"stop"}


def test_sending_a_question_again_is_more_than_undoing_it() -> None:
    chat = Chat()
    undone, resent = chat.answered("one", undo=1.0), chat.answered("two", undo=1.0, resend=0.8)
    thanked = chat.answered("three", thank=1.0, follow_up=900.0, reach=1.0, leave=1.0)
    found = seen(chat)
    assert [found[m].events for m in (undone, resent, thanked)] == [{"undo"}, {"resend"}, {"thank"}]


def test_an_answer_that_nobody_saw_has_no_gestures() -> None:
    chat = Chat()
    chat.answered("unseen")
    assert not seen(chat)


def test_what_was_said_in_any_way_is_spoken_of() -> None:
    chat = Chat()
    rated, back, edited, free = (chat.answered("yes", dwell_ms=900.0) for _ in range(4))
    chat.feed("rating", rated, value=-1)
    chat.feed("rating", back, value=1)
    chat.feed("rating", back, value=0)
    chat.feed("edit", edited, text="no")
    question = chat.question("both")
    one, two = chat.say("one", question, "one"), chat.say("two", question, "two")
    for draft in (one, two):
        chat.do("dwell_ms", draft, 900.0)
    chat.feed("choice", two, other_id=one, verdict="tie")
    found = seen(chat)
    assert {m for m, g in found.items() if g.spoken} == {rated, back, edited, one, two}
    assert [found[m].liked for m in (rated, back, free)] == [False, None, None]


def test_a_regenerated_draft_that_lost_a_pair_is_not_counted_twice() -> None:
    chat = Chat()
    question = chat.question()
    old, new = chat.say("a", question, "old"), chat.say("b", question, "new")
    chat.do("regenerate", old)
    assert not seen(chat)[old].spoken
    chat.question("q2", new, "go on")
    assert seen(chat)[old].spoken


def test_a_rater_who_always_copies_says_nothing() -> None:
    for clues in copying("r", [True] * 6), copying("r", [False] * 6):
        assert all(clue.beyond["copy"] == 0 for clue in clues)


def test_a_gesture_counts_as_far_as_it_is_unusual() -> None:
    assert [c.beyond["copy"] for c in copying("r", [True, False, False, False])] == [
        0.75, -0.25, -0.25, -0.25,
    ]  # fmt: skip


def test_whoever_was_seen_once_says_nothing() -> None:
    (clue,) = copying("r", [True])
    assert set(clue.beyond.values()) == {0.0}


def test_dwell_that_follows_length_says_nothing() -> None:
    words = [3, 10, 40, 90]
    looks = looked("slow", [(n, 800.0 * (1 + n)) for n in words])
    looks += looked("fast", [(n, 200.0 * (1 + n)) for n in words])
    assert set(attention(looks).values()) == {0.0}


def test_attention_is_what_a_loop_says() -> None:
    chance = random.Random(0)
    looks = [
        one
        for rater in ("a", "b", "c")
        for one in looked(
            rater, [(chance.randint(1, 99), chance.uniform(500, 9e4)) for _ in "123456"]
        )
    ]
    time, length = {}, {}
    for one in looks:
        mine = [other for other in looks if other.rater == one.rater]
        time[one.message] = math.log(one.dwell_ms) - sum(math.log(m.dwell_ms) for m in mine) / 6
        length[one.message] = math.log(1 + one.words) - sum(math.log(1 + m.words) for m in mine) / 6
    slope = sum(time[m] * length[m] for m in time) / sum(n * n for n in length.values())
    rest = {m: time[m] - slope * length[m] for m in time}
    deviation = math.sqrt(sum(r * r for r in rest.values()) / (18 - 3 - 1))
    expected = {m: max(-CLIP, min(CLIP, r / deviation)) for m, r in rest.items()}
    assert attention(looks) == pytest.approx(expected)


def test_a_tab_left_open_is_no_more_than_a_long_look() -> None:
    looks = looked("r", [(10, 1000.0 + i) for i in range(20)] + [(10, 9e9)])
    assert max(attention(looks).values()) == CLIP


def test_centring_leaves_each_group_at_zero() -> None:
    assert centred([1.0, 3.0, 10.0], ["a", "a", "b"]) == [-1.0, 1.0, 0.0]
