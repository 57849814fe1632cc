import pytest

from benchmarks.wording import enough, items, near, sentences, words


def test_words_are_small_and_without_marks() -> None:
    assert words("**You’re** _well-read_, aren't you? 🙂 2024!") == [
        "you're", "well-read", "aren't", "you", "2024",
    ]  # fmt: skip
    assert words("🙂 … *** ---") == []


def test_a_line_ends_a_sentence_too() -> None:
    assert sentences('He left. "Why?" Nobody\nknew… 3.5 miles off') == [
        "He left.",
        '"Why?',
        "Nobody",
        "knew…",
        "3.5 miles off",
    ]
    assert sentences("1. One. 2. Two.") == ["One.", "Two."]
    assert sentences("...\n!?") == []


@pytest.mark.parametrize("mark", ["-", "*", "•", "1.", "2)", "(3)", "Step 4:"])
def test_an_item_begins_with_a_bullet_or_a_number(mark: str) -> None:
    assert items(f"Do this:\n  {mark} Sit down") == ["sit down"]


def test_an_item_counts_once_and_only_with_words() -> None:
    assert items("- a\n- A\n- ...\n-\n3.5 is no item\n**Bold** neither") == ["a"]


def test_a_dozen_different_words_are_enough() -> None:
    assert enough(["so", "it", "is"]) == 3 / 12
    assert enough(["so"] * 50) == 1 / 12
    assert enough([str(number) for number in range(50)]) == 1.0


def test_near_counts_different_words_close_by() -> None:
    said = list("abcXdefg")
    assert near(said, {"X"}, before=1, after=2) == 4 / 8
    assert near(["X"] * 9, {"X"}, before=1, after=1) == 1.0
    assert near(said, {"Y"}, before=1, after=1) == 0.0
    assert near([], {"X"}, before=1, after=1) == 0.0
