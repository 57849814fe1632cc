import pytest

from tests.training.chats import Chat
from training.split import Split, is_heldout, split, unit
from training.targets import RUN, Targets, build
from training.wins import FEWEST

SHARE = 0.2


def short(number: int, name: str = "c") -> Targets:
    """People who each ask one question, and rate its answer."""
    return asked([f"why {name}{i}?" for i in range(number)], name)


def asked(texts: list[str], name: str = "c") -> Targets:
    """People who each ask one of these questions, and rate its answer."""
    chats = [Chat(f"{name}{i}") for i in range(len(texts))]
    for chat, text in zip(chats, texts, strict=True):
        chat.feed("rating", chat.say("a", chat.question(text=text), "because"), value=1)
    return build(chat.transcript() for chat in chats)


def long(number: int, name: str = "c") -> Targets:
    """Someone who asks one question after another, and rates all answers."""
    chat, last = Chat(name), None
    for turn in range(number):
        last = chat.say(f"a{turn}", chat.question(f"q{turn}", last), f"answer {turn}")
        chat.feed("rating", last, value=1)
    return chat.targets()


def checked(sides: Split) -> set[str]:
    return {prompt.place.question for prompt in sides.heldout.prompts}


def practised(sides: Split) -> set[str]:
    return {prompt.place.question for prompt in sides.train.prompts}


def test_what_is_checked_once_there_are_enough_is_never_practised_later() -> None:
    few, many = split(short(50), SHARE), split(short(100), SHARE)
    assert not few.borrowed
    assert checked(few) <= checked(many)
    assert practised(few) <= practised(many)
    assert 3 <= len(checked(few)) <= 20


def test_no_question_is_on_both_sides() -> None:
    sides = split(short(60), 0.3)
    assert checked(sides).isdisjoint(practised(sides))
    assert len(checked(sides)) + len(practised(sides)) == 60


def test_what_is_practised_is_no_check_where_somebody_else_asks_the_same() -> None:
    greetings = [["hi", "hello", "hey", "why?"][i % 4] for i in range(30)]
    sides = split(asked([*greetings, *(f"why {i}?" for i in range(30))]), 0.3)
    practised, checked = ({p.asked for p in side.prompts} for side in (sides.train, sides.heldout))
    assert len(practised) + len(checked) == 34
    assert practised.isdisjoint(checked)
    assert len(sides.heldout.rated) > len(sides.heldout.prompts)


def test_nothing_is_borrowed_where_everyone_asks_the_same() -> None:
    sides = split(asked(["hi"] * 40), SHARE)
    assert not sides.borrowed
    assert not sides.heldout.prompts
    assert len(sides.train.prompts) > 20


def test_a_question_that_others_practise_makes_up_no_number() -> None:
    for start in range(50):
        sides = split(asked([*["hi"] * 8, *"abcd"], f"{start}-"), 0.05)
        checked = {prompt.asked for prompt in sides.heldout.prompts}
        assert len(checked) >= FEWEST
        assert checked.isdisjoint(prompt.asked for prompt in sides.train.prompts)


def test_a_long_conversation_is_parted_into_runs_that_stay_where_they_are() -> None:
    sides, later = split(long(80), SHARE), split(long(120), SHARE)
    assert practised(sides) <= practised(later)
    assert checked(sides) <= checked(later)
    runs = {(p.place.conversation, p.place.run) for p in sides.heldout.prompts}
    assert len(checked(sides)) == RUN * len(runs)
    assert sides.train.rated


@pytest.mark.parametrize("number", [4, 5, 12, 16])
def test_there_is_always_something_to_check_by_and_something_to_practise(number: int) -> None:
    for start in range(50):
        sides = split(short(number, f"{start}-"), SHARE)
        assert len(checked(sides)) >= FEWEST
        assert practised(sides)


def test_only_what_is_lacking_is_borrowed_and_given_back_for_good() -> None:
    sides = split(long(16, "one"), 0.05)
    assert len(sides.borrowed) == 1
    assert len(checked(sides)) == RUN
    more = split(Targets(prompts=[*long(16, "one").prompts, *short(200).prompts]), 0.05)
    assert not more.borrowed
    assert checked(sides) <= practised(more)


def test_the_last_unit_is_never_borrowed() -> None:
    sides = split(short(1), 0.05)
    assert not checked(sides)
    assert len(practised(sides)) == 1


def test_a_first_run_goes_by_its_conversation_s_id_alone() -> None:
    places = {p.place.question: p.place for p in long(RUN + 1, "one").prompts}
    assert unit(places["one-q0"]) == "one"
    assert unit(places[f"one-q{RUN}"]) == "one/1"


def test_about_the_share_that_was_asked_for_is_held_out() -> None:
    assert 150 < sum(is_heldout(str(i), 0.2) for i in range(1000)) < 250


def test_what_gestures_say_of_held_out_answers_is_dropped() -> None:
    chats = [Chat(f"c{i}") for i in range(60)]
    implied = {chat.answered("quiet"): 0.5 for chat in chats}
    sides = split(build([c.transcript() for c in chats], implied), 0.3)
    assert sides.heldout.rated == []
    assert checked(sides)
    assert len(sides.train.rated) == len(practised(sides)) == 60 - len(checked(sides))
