from training.lexicon import LEXICON, of_word


def named(word: str) -> set[str]:
    """Return what a word does."""
    return {name for name, does in zip(LEXICON, of_word(word), strict=True) if does}


def test_a_word_may_do_several_things_and_is_known_in_capitals() -> None:
    assert named("together") == {"together", "caring"}
    assert named("Since") == {"reasoning"}


def test_what_no_entry_holds_does_nothing() -> None:
    assert not named("")
    assert not named("gravity")


def test_every_entry_says_something_of_its_own() -> None:
    for name, words in LEXICON.items():
        others = [said for other, said in LEXICON.items() if other != name]
        assert words - frozenset().union(*others), name
