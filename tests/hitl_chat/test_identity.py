import pytest
from hypothesis import given
from hypothesis import strategies as st

from hitl_chat.identity import PAGE_MAX_AGE, BadToken, Identity

RATER = "0123456789abcdef0123456789abcdef"


def test_a_token_gives_back_its_rater() -> None:
    identity = Identity(b"secret")
    assert identity.verify_rater(identity.sign_rater(RATER)) == RATER


def test_another_secret_makes_other_tokens() -> None:
    with pytest.raises(BadToken):
        Identity(b"other").verify_rater(Identity(b"secret").sign_rater(RATER))


def test_a_changed_rater_is_noticed() -> None:
    identity = Identity(b"secret")
    mine, other = identity.sign_rater(RATER), identity.sign_rater("f" * 32)
    forged = f"{other.split('.')[0]}.{mine.split('.')[1]}"
    with pytest.raises(BadToken):
        identity.verify_rater(forged)


def test_tokens_hold_only_for_their_purpose() -> None:
    identity = Identity(b"secret")
    with pytest.raises(BadToken):
        identity.verify_rater(identity.sign_page(RATER))
    with pytest.raises(BadToken):
        identity.verify_page(identity.sign_rater(RATER))


def test_a_page_token_tells_its_age_and_each_load_apart() -> None:
    clock = [1_000.0]
    identity = Identity(b"secret", lambda: clock[0])
    one, two = identity.sign_page(RATER), identity.sign_page(RATER)
    clock[0] += 2.5
    claims = identity.verify_page(one)
    assert (claims.rater, claims.age_ms) == (RATER, 2_500)
    assert claims.page != identity.verify_page(two).page


def test_a_page_token_ages_but_a_raters_does_not() -> None:
    clock = [1_000.0]
    identity = Identity(b"secret", lambda: clock[0])
    page, rater = identity.sign_page(RATER), identity.sign_rater(RATER)
    clock[0] += PAGE_MAX_AGE
    assert identity.verify_rater(rater) == RATER
    with pytest.raises(BadToken):
        identity.verify_page(page)


def test_a_page_token_from_the_future_is_refused() -> None:
    clock = [1_000.0]
    identity = Identity(b"secret", lambda: clock[0])
    page = identity.sign_page(RATER)
    clock[0] -= 1
    with pytest.raises(BadToken):
        identity.verify_page(page)


@given(st.text() | st.just(".") | st.just("a.b") | st.text(min_size=1).map(lambda t: f"{t}.{t}"))
def test_anything_else_is_refused_with_one_clear_line(text: str) -> None:
    with pytest.raises(
        BadToken, match=r"^This token is not valid. Reload the page, or call /start for a new one.$"
    ):
        Identity(b"secret").verify_rater(text)
