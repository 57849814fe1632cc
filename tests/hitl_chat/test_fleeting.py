from hitl_chat.answers import Draft
from hitl_chat.fleeting import Fleeting


def said(fleeting: Fleeting, conversation: str) -> list[str]:
    return [row.text for row in fleeting.rows(conversation)]


def test_what_is_kept_belongs_to_one_rater_and_goes_when_asked_to() -> None:
    fleeting = Fleeting()
    mine, theirs = fleeting.start("me"), fleeting.start("them")
    fleeting.ask("me", mine, "Hi")
    fleeting.answer("me", mine, Draft("a", "Hello", "base", done=True, stored=False))
    assert fleeting.holds("me", mine)
    assert not fleeting.holds("me", theirs)
    assert said(fleeting, mine) == ["Hi", "Hello"]
    assert not any(row.stored for row in fleeting.rows(mine))
    fleeting.forget("me")
    assert not fleeting.knows("me")
    assert said(fleeting, mine) == []
    assert fleeting.knows("them")


def test_undoing_takes_the_last_question_with_its_answer() -> None:
    fleeting = Fleeting()
    mine = fleeting.start("me")
    for text in ("one", "two"):
        fleeting.ask("me", mine, text)
        fleeting.answer("me", mine, Draft("a", f"Echo {text}", "base"))
    assert fleeting.undo(mine) == "two"
    assert said(fleeting, mine) == ["one", "Echo one"]
    assert [fleeting.undo(mine), fleeting.undo(mine)] == ["one", ""]


def test_taking_a_question_back_leaves_what_else_was_said() -> None:
    fleeting = Fleeting()
    mine = fleeting.start("me")
    asked = [fleeting.ask("me", mine, "Hi") for _ in range(2)]
    fleeting.take_back(mine, asked[0])
    assert [row.message for row in fleeting.rows(mine)] == asked[1:]
    fleeting.forget("me")
    fleeting.take_back(mine, asked[1])
    assert not fleeting.knows("me")


def test_only_so_many_conversations_are_held_the_quiet_ones_go_first() -> None:
    fleeting = Fleeting(most=2)
    first, second = fleeting.start("a"), fleeting.start("b")
    fleeting.ask("a", first, "still here")
    fleeting.start("c")
    assert fleeting.holds("a", first)
    assert not fleeting.holds("b", second)
