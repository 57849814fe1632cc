from tests.training.chats import Chat
from training.targets import Targets, build, is_heldout, lengths_liked, split


def test_the_newest_rating_is_the_target() -> None:
    chat = Chat()
    answer = chat.say("a", chat.question(), "because")
    chat.feed("rating", answer, value=-1)
    chat.feed("rating", answer, value=1)
    (rated,) = chat.targets().rated
    assert (rated.answer, rated.target) == ("because", 1.0)
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
    assert [(r.answer, r.target) for r in targets.rated] == [("since", 1.0)]
    assert [(p.chosen, p.rejected) for p in targets.pairs] == [("since", "because")]


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
    assert [(p.chosen, p.rejected) for p in chat.targets().pairs] == [("two", "one")]
    chat.feed("choice", two, other_id=one, verdict="tie")
    assert chat.targets().pairs == []


def test_both_bad_dislikes_both_drafts() -> None:
    chat = Chat()
    question = chat.question()
    one, two = chat.say("a", question, "one"), chat.say("b", question, "two")
    chat.feed("choice", two, other_id=one, verdict="both_bad")
    assert {(r.answer, r.target) for r in chat.targets().rated} == {("one", 0.0), ("two", 0.0)}


def test_a_regenerated_draft_loses_to_the_one_that_was_kept() -> None:
    chat = Chat()
    question = chat.question()
    old, new = chat.say("a", question, "old"), chat.say("b", question, "new")
    chat.do("regenerate", old)
    assert chat.targets().pairs == []
    chat.question("q2", new, "go on")
    (pair,) = chat.targets().pairs
    assert (pair.chosen, pair.rejected, pair.source) == ("new", "old", "regenerate")


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


def conversations(number: int) -> Targets:
    chats = [Chat(f"c{i}") for i in range(number)]
    for chat in chats:
        chat.feed("rating", chat.say("a", chat.question(), "because"), value=1)
    return build(chat.transcript() for chat in chats)


def test_a_conversation_is_on_one_side_of_the_split_for_ever() -> None:
    _, few = split(conversations(50), 0.2)
    _, many = split(conversations(100), 0.2)
    early = {r.place.conversation for r in few.rated}
    late = {r.place.conversation for r in many.rated if int(r.place.conversation[1:]) < 50}
    assert early == late
    assert 3 <= len(early) <= 20


def test_no_prompt_is_on_both_sides() -> None:
    train, heldout = split(conversations(60), 0.3)
    assert {p.place for p in train.prompts}.isdisjoint(p.place for p in heldout.prompts)
    assert len(train.prompts) + len(heldout.prompts) == 60


def test_one_long_conversation_is_split_by_question() -> None:
    chat = Chat()
    last = None
    for turn in range(40):
        last = chat.say(f"a{turn}", chat.question(f"q{turn}", last), f"answer {turn}")
        chat.feed("rating", last, value=1)
    train, heldout = split(chat.targets(), 0.2)
    assert train.rated
    assert heldout.rated


def test_about_the_share_that_was_asked_for_is_held_out() -> None:
    assert 150 < sum(is_heldout(str(i), 0.2) for i in range(1000)) < 250


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
    assert (first.answer, first.target, first.weight) == ("quiet", 0.3, 0.4)
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


def test_what_gestures_say_of_held_out_answers_is_dropped() -> None:
    chats = [Chat(f"c{i}") for i in range(60)]
    implied = {chat.answered("quiet"): 0.5 for chat in chats}
    train, heldout = split(build([c.transcript() for c in chats], implied), 0.3)
    assert heldout.rated == []
    assert heldout.prompts
    assert len(train.rated) == len(train.prompts) == 60 - len(heldout.prompts)


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
