import math
import random
from typing import Protocol

import pytest

from storage.transcripts import Transcript
from tests.training.chats import Chat
from training.gestures import Clues, compare, gestures
from training.implicit import (
    CAP,
    PER_RATER,
    PRIORS,
    STRENGTH,
    Implicit,
    learn,
    score,
    weights,
)


class Habit(Protocol):
    """What someone does with an answer that they like or not."""

    def __call__(self, chance: random.Random, /, *, liked: bool) -> dict[str, float]: ...


def telling(chance: random.Random, /, *, liked: bool) -> dict[str, float]:
    """Copies what is liked, asks again for what isn't, now and then."""
    if chance.random() < 0.4:
        return {"dwell_ms": 900.0, **({"copy": 99.0} if liked else {"regenerate": 1.0})}
    return {"dwell_ms": 900.0}


def guessing(chance: random.Random, /, *, liked: bool) -> dict[str, float]:
    """Does the same to whatever answer."""
    return telling(chance, liked=chance.random() < 0.5)


def crowd(
    habit: Habit, raters: int = 25, each: int = 6, *, seed: int = 0, rate: bool = True
) -> list[Transcript]:
    chance = random.Random(seed)
    found = []
    for number in range(raters):
        chat = Chat(f"{seed}-{number}", f"{'rater' if rate else 'silent'} {number}")
        for _ in range(each):
            liked = chance.random() < 0.6
            answer = chat.answered("word " * chance.randint(5, 50), **habit(chance, liked=liked))
            if rate:
                chat.feed("rating", answer, value=1 if liked else -1)
        found.append(chat.transcript())
    return found


def clues(transcripts: list[Transcript]) -> list[Clues]:
    return compare([one for t in transcripts for one in gestures(t)])


def alone(event: str) -> Clues:
    """One gesture by itself."""
    (first,) = clues(crowd(telling, 1, 1))
    return Clues(first.answer, {event: 1.0})


def test_with_no_data_the_priors_hold() -> None:
    known = weights([])
    for event, prior in PRIORS.items():
        assert score(alone(event), known) == pytest.approx(prior)


def test_a_gesture_that_no_rated_answer_carries_keeps_its_prior() -> None:
    judged = clues(crowd(telling))
    assert weights(judged)["undo"] == pytest.approx(weights([])["undo"])


def test_the_weights_are_what_a_loop_over_ratings_says() -> None:
    judged = clues(crowd(telling))
    likes = copies = liked_copies = 0
    for one in judged:
        likes += bool(one.answer.liked)
        copies += "copy" in one.answer.events
        liked_copies += bool(one.answer.liked) and "copy" in one.answer.events
    odds = (likes + 1) / (len(judged) + 1 - likes)
    prior = odds * (1 + PRIORS["copy"]) / (1 - PRIORS["copy"])
    good = liked_copies + STRENGTH * prior / (1 + prior)
    bad = copies - liked_copies + STRENGTH / (1 + prior)
    assert weights(judged)["copy"] == pytest.approx(math.log(good / bad / odds))


def test_with_much_data_a_weight_is_the_ratio_that_was_drawn() -> None:
    def habit(chance: random.Random, /, *, liked: bool) -> dict[str, float]:
        share = 0.3 if liked else 0.1
        return {"copy": 999.0} if chance.random() < share else {"dwell_ms": 900.0}

    known = weights(clues(crowd(habit, 500, 20)))
    assert known["copy"] == pytest.approx(math.log(3), abs=0.15)


def test_longer_looks_at_liked_answers_are_learnt() -> None:
    def habit(chance: random.Random, /, *, liked: bool) -> dict[str, float]:
        return {"dwell_ms": 1000.0 * math.exp(chance.gauss(0.8 if liked else 0.0, 1.0))}

    known = weights(clues(crowd(habit, 100, 10)))
    assert 0.6 < known["dwell"] < 0.9  # 0.8, less as the deviation holds the difference too


def test_no_gesture_is_worth_a_thumb() -> None:
    one = alone("copy")
    assert score(one, {"copy": 99.0}) == CAP
    assert score(one, {"copy": -99.0}) == -CAP


def test_gestures_that_foretell_thumbs_label_what_was_not_rated() -> None:
    told = learn([*crowd(telling), *crowd(telling, 5, rate=False, seed=1)])
    assert told.calibration.trusted
    assert told.labels
    assert all(message.startswith("1-") for message in told.labels)
    assert all(0 < abs(r) <= CAP for r in told.labels.values())


def test_gestures_made_at_random_are_hardly_ever_trusted() -> None:
    trusted = sum(learn(crowd(guessing, seed=seed)).calibration.trusted for seed in range(60))
    assert trusted < 6  # of 300 seeds it were 3%


def test_untrusted_gestures_label_nothing() -> None:
    told = learn([*crowd(guessing), *crowd(telling, 5, rate=False, seed=1)])
    assert not told.calibration.trusted
    assert told.labels == {}


def test_too_few_ratings_are_not_trusted_however_well_they_fit() -> None:
    def habit(chance: random.Random, /, *, liked: bool) -> dict[str, float]:
        return {"copy": 999.0} if liked else {"regenerate": 1.0}

    few = learn(crowd(habit, 6, 4))
    assert few.calibration.auc == 1.0
    assert few.labels == {}


def test_looks_that_follow_length_alone_are_not_trusted() -> None:
    chats = [Chat(f"c{i}", f"r{i}") for i in range(30)]
    for chat in chats:
        for words in (2, 5, 20, 50):  # the long ones are liked
            answer = chat.answered("word " * words, dwell_ms=300.0 * (1 + words))
            chat.feed("rating", answer, value=1 if words > 10 else -1)
    told = learn([chat.transcript() for chat in chats])
    assert told.calibration.auc == 0.5
    assert not told.calibration.trusted


def test_whose_thumbs_follow_the_habits_of_whole_people_is_not_trusted() -> None:
    def of(number: int) -> Transcript:
        chat = Chat(f"c{number}", f"r{number}")
        for _ in range(5):  # some always copy and like, the others do neither
            liked = number % 2 == 0
            answer = chat.answered("yes", **({"copy": 3.0} if liked else {"dwell_ms": 9.0}))
            chat.feed("rating", answer, value=1 if liked else -1)
        return chat.transcript()

    assert learn([of(number) for number in range(40)]).calibration.auc == 0.5


def test_a_flood_by_one_rater_is_capped() -> None:
    flood = Chat("flood", "flooder")
    loud = [flood.answered("buy this", copy=8.0, dwell_ms=900.0) for _ in range(20)]
    for _ in range(40):
        flood.answered("anything else", dwell_ms=900.0)
    told = learn([*crowd(telling), flood.transcript()])
    flooded = {m: r for m, r in told.labels.items() if m.startswith("flood")}
    assert len(flooded) == PER_RATER
    assert set(flooded) <= set(loud)  # what is unusual says most


def test_what_was_said_overrides_what_was_done() -> None:
    chats = crowd(telling, 5, rate=False, seed=1)
    known = learn([*crowd(telling), *chats]).labels
    spoken = next(iter(known))
    chat = next(t for t in chats if spoken in t.messages)
    talk = Chat(chat.conversation, "silent 0")
    talk.messages, talk.signals = list(chat.messages.values()), chat.signals
    talk.feed("rating", spoken, value=1)
    again = learn([*crowd(telling), *(talk.transcript() if t is chat else t for t in chats)])
    assert spoken not in again.labels
    assert again.labels


def test_the_same_comes_out_twice_and_goes_into_json() -> None:
    first, second = learn(crowd(telling)), learn(crowd(telling))
    assert first == second
    assert set(first.as_json()["weights"]) == set(PRIORS)


def test_nobody_seen_is_nothing_learnt() -> None:
    assert isinstance(learn([]), Implicit)
    assert learn([]).labels == {}
