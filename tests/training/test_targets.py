from datetime import UTC, datetime, timedelta

from storage.models import Feedback, Message, Signal
from storage.transcripts import Transcript
from training.targets import Targets, build, is_heldout, lengths_liked, split

START = datetime(2026, 1, 1, tzinfo=UTC)


class Chat:
    """Rows of one conversation, as storage would give them."""

    def __init__(self, name: str = "c") -> None:
        self.name = name
        self.messages: list[Message] = []
        self.feedback: list[Feedback] = []
        self.signals: list[Signal] = []

    def say(self, key: str, parent: str | None, text: str, *, role: str = "assistant") -> str:
        mid = f"{self.name}-{key}"
        self.messages.append(
            Message(
                id=mid,
                conversation_id=self.name,
                parent_id=parent,
                role=role,
                text=text,
                stop_reason="eos" if role == "assistant" else None,
                created_at=START + timedelta(seconds=len(self.messages)),
            )
        )
        return mid

    def question(self, key: str = "q", parent: str | None = None, text: str = "why?") -> str:
        return self.say(key, parent, text, role="user")

    def feed(self, kind: str, mid: str, **values: object) -> None:
        row = Feedback(
            id=len(self.feedback) + 1,
            rater_id="r",
            message_id=mid,
            kind=kind,
            created_at=START + timedelta(hours=1),
            **values,
        )
        self.feedback.append(row)

    def regenerate(self, mid: str) -> None:
        self.signals.append(Signal(rater_id="r", message_id=mid, kind="regenerate"))

    def transcript(self) -> Transcript:
        messages = {m.id: m for m in self.messages}
        return Transcript(self.name, messages, self.feedback, self.signals)

    def targets(self) -> Targets:
        return build([self.transcript()])


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
    chat.regenerate(old)
    assert chat.targets().pairs == []
    chat.question("q2", new, "go on")
    (pair,) = chat.targets().pairs
    assert (pair.chosen, pair.rejected, pair.source) == ("new", "old", "regenerate")


def test_a_liked_draft_loses_nothing_by_being_regenerated() -> None:
    chat = Chat()
    question = chat.question()
    old, new = chat.say("a", question, "old"), chat.say("b", question, "new")
    chat.regenerate(old)
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
