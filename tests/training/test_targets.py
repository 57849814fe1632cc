import pytest

from tests.training.chats import Chat
from training.prompts import Answer
from training.targets import RUN, Targets, build, lengths_liked


def test_the_newest_rating_is_the_target() -> None:
    chat = Chat()
    answer = chat.say("a", chat.question(), "because")
    chat.feed("rating", answer, value=-1)
    chat.feed("rating", answer, value=1)
    (rated,) = chat.targets().rated
    assert (rated.answer.text, rated.target) == ("because", 1.0)
    assert rated.turns == [{"role": "user", "content": "why?"}]


def test_a_rating_taken_back_is_no_target() -> None:
    chat = Chat()
    answer = chat.say("a", chat.question(), "because")
    chat.feed("rating", answer, value=1)
    chat.feed("rating", answer, value=0)
    assert chat.targets().rated == []


def test_an_edit_is_liked_and_preferred_to_the_original() -> None:
    chat = Chat()
    answer = chat.say("a", chat.question(), "because")
    chat.feed("edit", answer, text="since")
    targets = chat.targets()
    assert [(r.answer.text, r.target) for r in targets.rated] == [("since", 1.0)]
    assert [(p.chosen.text, p.rejected.text) for p in targets.pairs] == [("since", "because")]


@pytest.mark.parametrize(
    ("reason", "ended"),
    [("eos", True), (None, True), ("length", False), ("stop", False), ("closed", False), ("error", False)],
)  # fmt: skip
def test_only_an_answer_that_was_neither_stopped_nor_cut_has_an_end(
    reason: str | None, *, ended: bool
) -> None:
    chat = Chat()
    rated, quiet = chat.answered("because"), chat.answered("since")
    for message in chat.messages:
        message.stop_reason = reason
    chat.feed("rating", rated, value=1)
    found = build([chat.transcript()], {quiet: -0.4}).rated
    assert [r.answer for r in found] == [Answer("since", ended), Answer("because", ended)]


def test_what_a_person_wrote_over_a_stopped_answer_has_an_end() -> None:
    chat = Chat()
    chat.feed("edit", chat.answered("beca"), text="because")
    chat.messages[-1].stop_reason = "stop"
    (rated,), (pair,) = chat.targets().rated, chat.targets().pairs
    assert rated.answer == pair.chosen == Answer("because")
    assert pair.rejected == Answer("beca", ended=False)


def test_each_answer_of_a_pair_has_an_end_of_its_own() -> None:
    chat = Chat()
    question = chat.question()
    one, two = chat.say("a", question, "one"), chat.say("b", question, "two")
    chat.messages[-1].stop_reason = "stop"
    chat.feed("choice", two, other_id=one, verdict="better")
    chat.do("regenerate", one)
    chat.question("q2", two, "go on")
    ends = [(p.source, p.chosen.ended, p.rejected.ended) for p in chat.targets().pairs]
    assert ends == [("choice", False, True), ("regenerate", False, True)]


def test_an_answer_that_broke_off_before_its_first_word_says_nothing() -> None:
    chat = Chat()
    question = chat.question()
    said, broken = chat.say("a", question, "said"), chat.say("b", question, "")
    chat.feed("rating", broken, value=-1)
    chat.feed("choice", said, other_id=broken, verdict="better")
    assert chat.targets().labels == 2  # that nothing was to be said was the model's own choice
    chat.messages[-1].stop_reason = "error"
    assert chat.targets().labels == 0


def test_a_thumb_on_an_answer_that_is_still_written_says_nothing_yet() -> None:
    chat = Chat()
    answer = chat.say("a", chat.question(), "")
    chat.messages[-1].stop_reason = None
    chat.feed("rating", answer, value=1)
    assert chat.targets().labels == 0


def test_lengths_are_seen_where_no_gaps_part_words() -> None:
    chat = Chat()
    chat.feed("rating", chat.answered("好的"), value=1)
    chat.feed("rating", chat.answered("好的好的好的"), value=-1)
    assert lengths_liked(chat.targets()) == (0.5, 0.5)


def test_an_edit_that_changes_nothing_makes_no_pair() -> None:
    chat = Chat()
    answer = chat.say("a", chat.question(), "because")
    chat.feed("edit", answer, text="because")
    assert chat.targets().pairs == []


def test_a_choice_is_a_pair_and_a_tie_is_none() -> None:
    chat = Chat()
    question = chat.question()
    one, two = chat.say("a", question, "one"), chat.say("b", question, "two")
    chat.feed("choice", two, other_id=one, verdict="better")
    assert [(p.chosen.text, p.rejected.text) for p in chat.targets().pairs] == [("two", "one")]
    chat.feed("choice", two, other_id=one, verdict="tie")
    assert chat.targets().pairs == []


def test_both_bad_dislikes_both_drafts() -> None:
    chat = Chat()
    question = chat.question()
    one, two = chat.say("a", question, "one"), chat.say("b", question, "two")
    chat.feed("choice", two, other_id=one, verdict="both_bad")
    assert {(r.answer.text, r.target) for r in chat.targets().rated} == {("one", 0.0), ("two", 0.0)}


def test_a_regenerated_draft_loses_to_the_one_that_was_kept() -> None:
    chat = Chat()
    question = chat.question()
    old, new = chat.say("a", question, "old"), chat.say("b", question, "new")
    chat.do("regenerate", old)
    assert chat.targets().pairs == []
    chat.question("q2", new, "go on")
    (pair,) = chat.targets().pairs
    assert (pair.chosen.text, pair.rejected.text, pair.source) == ("new", "old", "regenerate")


def test_a_liked_draft_loses_nothing_by_being_regenerated() -> None:
    chat = Chat()
    question = chat.question()
    old, new = chat.say("a", question, "old"), chat.say("b", question, "new")
    chat.do("regenerate", old)
    chat.question("q2", new, "go on")
    chat.feed("rating", old, value=1)
    assert chat.targets().pairs == []


def test_the_context_of_a_later_answer_is_its_own_branch() -> None:
    chat = Chat()
    question = chat.question()
    chat.say("a", question, "old")
    new = chat.say("b", question, "new")
    later = chat.say("c", chat.question("q2", new, "and?"), "so")
    chat.feed("rating", later, value=1)
    assert [t["content"] for t in chat.targets().rated[0].turns] == ["why?", "new", "and?"]


def test_a_place_tells_which_run_of_questions_it_is_in_on_its_own_branch() -> None:
    chat = Chat()
    first = last = chat.say("a0", chat.question("q0"), "answer")
    for turn in range(1, 2 * RUN):
        last = chat.say(f"a{turn}", chat.question(f"q{turn}", last), "answer")
        chat.feed("rating", last, value=1)
    aside = chat.say("aside", chat.question("other", first), "answer")
    chat.feed("rating", aside, value=1)
    runs = {prompt.place.question: prompt.place.run for prompt in chat.targets().prompts}
    assert [runs[f"c-q{turn}"] for turn in range(2 * RUN)] == [0] * RUN + [1] * RUN
    assert runs["c-other"] == 0


def test_liked_lengths_are_told_beside_the_mean_of_all() -> None:
    chat = Chat()
    chat.feed("rating", chat.say("a", chat.question(), "two words"), value=1)
    chat.feed("rating", chat.say("b", chat.question("p"), "as many as six words here"), value=-1)
    assert lengths_liked(chat.targets()) == (0.5, 0.5)
    assert lengths_liked(Targets()) == (1.0, 1.0)


def test_answers_that_nobody_spoke_of_have_targets_by_gestures() -> None:
    chat = Chat()
    said, quiet = chat.answered("said"), chat.answered("quiet")
    chat.feed("rating", said, value=1)
    targets = build([chat.transcript()], {quiet: -0.4})
    first, second = targets.rated
    assert (first.answer.text, first.target, first.weight) == ("quiet", 0.3, 0.4)
    assert first.source == "implicit"
    assert targets.said == [second]


def test_without_gestures_the_targets_are_what_they_were() -> None:
    chats = [Chat(f"c{i}") for i in range(20)]
    for chat in chats:
        chat.feed("rating", chat.answered("because", copy=7.0, dwell_ms=900.0), value=1)
        chat.answered("unsaid", regenerate=1.0)
    plain = build(chat.transcript() for chat in chats)
    for chat in chats:
        chat.signals.clear()
    assert build(chat.transcript() for chat in chats) == plain


def test_of_a_conversation_where_nothing_was_said_only_questions_with_targets_are_asked() -> None:
    chat = Chat()
    quiet, _ = chat.answered("quiet"), chat.answered("unseen")
    assert build([chat.transcript()]).prompts == []
    (prompt,) = build([chat.transcript()], {quiet: 0.3}).prompts
    assert prompt.place.question == chat.messages[0].id


def test_gestures_ask_for_no_length() -> None:
    chat = Chat()
    chat.feed("rating", chat.answered("two words"), value=1)
    chat.feed("rating", chat.answered("as many as six words here"), value=-1)
    quiet = chat.answered("a " * 100)
    assert lengths_liked(build([chat.transcript()], {quiet: 0.6})) == (0.5, 0.5)


def ratings(rater: str, number: int, value: int) -> list[Chat]:
    chats = [Chat(f"{rater}{place}", rater) for place in range(number)]
    for chat in chats:
        chat.feed("rating", chat.answered("text"), value=value)
    return chats


def test_a_flood_of_ratings_weighs_as_much_as_three_people_s() -> None:
    few = [chat for rater in "abcde" for chat in ratings(rater, 4, 1)]
    targets = build(
        chat.transcript() for chat in [*few[:10], *ratings("flooder", 100, -1), *few[10:]]
    )
    honest = sum(r.weight for r in targets.rated if r.target == 1.0)
    flood = sum(r.weight for r in targets.rated if r.target == 0.0)
    assert honest == 20
    assert round(flood, 6) == 12


def test_pairs_of_a_flooder_are_shared_out_too() -> None:
    flood = Chat("f", "flooder")
    for _ in range(30):
        flood.feed("edit", flood.answered("text"), text="better")
    chats = [*ratings("a", 2, 1), *ratings("b", 2, 1), *ratings("c", 2, 1), flood]
    targets = build(chat.transcript() for chat in chats)
    weights = [r.weight for r in targets.rated if r.source == "edit"]
    weights += [p.weight for p in targets.pairs]
    assert len(weights) == 60
    assert round(sum(weights), 6) == 6


def test_two_people_count_by_what_they_say_however_much_it_is() -> None:
    chats = [*ratings("host", 50, 1), *ratings("guest", 1, -1)]
    targets = build(chat.transcript() for chat in chats)
    assert {r.weight for r in targets.rated} == {1.0}


def test_those_who_come_back_aren_t_cut_because_many_rate_once() -> None:
    regulars = [chat for rater in "abcde" for chat in ratings(rater, 30, 1)]
    once = [chat for i in range(200) for chat in ratings(f"guest{i}-", 1, 1)]
    targets = build(chat.transcript() for chat in [*regulars, *once])
    assert {r.weight for r in targets.rated} == {1.0}
    flood = ratings("flooder", 1000, -1)
    targets = build(chat.transcript() for chat in [*regulars, *flood, *once])
    assert round(sum(r.weight for r in targets.rated if r.target == 0.0), 6) == 35
    assert {r.weight for r in targets.rated if r.target == 1.0} == {1.0}


def test_who_says_too_little_is_not_heard_and_changes_nobody_s_weight() -> None:
    regulars = [chat for rater in "abc" for chat in ratings(rater, 4, 1)]
    flood = ratings("flooder", 100, -1)
    once = [chat for i in range(50) for chat in ratings(f"guest{i}-", 1, -1)]
    edited = Chat("e", "editor")
    edited.feed("edit", edited.answered("text"), text="better")  # two opinions: an answer, a pair
    chats = [*once, *regulars, edited, *flood]
    heard = build((chat.transcript() for chat in [*regulars, *flood]), fewest=3)
    targets = build((chat.transcript() for chat in chats), fewest=3)
    assert (targets.rated, targets.pairs) == (heard.rated, heard.pairs)
    assert len(build((chat.transcript() for chat in chats), fewest=2).pairs) == 1


def test_the_newest_opinions_are_kept_whatever_their_kind() -> None:
    chat = Chat()
    drafts = [chat.say(f"d{i}", chat.question(f"q{i}"), f"answer {i}") for i in range(4)]
    quiet = chat.answered("quiet")
    chat.feed("rating", drafts[0], value=1)
    chat.feed("edit", drafts[1], text="better")
    chat.feed("rating", drafts[3], value=-1)
    targets = build([chat.transcript()], {quiet: 0.5})
    kept = targets.newest(3)
    assert [(r.answer.text, r.source) for r in kept.rated] == [
        ("better", "edit"),
        ("answer 3", "rating"),
    ]
    assert [p.chosen.text for p in kept.pairs] == ["better"]
    assert next(r.source for r in targets.newest(100).rated) == "implicit"
    assert targets.newest(100).labels == targets.labels == 5
    assert kept.prompts == targets.prompts
