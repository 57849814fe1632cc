import pytest

from hitl_chat.engines.refusals import BUSY, TOO_LONG, ServerRefused


@pytest.mark.parametrize(
    ("status", "body", "line"),
    [
        (429, "slow down", BUSY),
        (503, "Loading model", BUSY),
        (400, "This model's maximum context length is 4096 tokens.", TOO_LONG),
        (413, "exceeds the available context size", TOO_LONG),
        (
            401,
            "Wrong key, in this context",
            "The model's server refused the question (status 401). "
            "The host can see why in the log.",
        ),
        (
            500,
            "CUDA error in context 7",
            "The model's server failed (status 500). The host can see why in the log.",
        ),
    ],
)
def test_a_person_gets_one_line_without_the_details(status: int, body: str, line: str) -> None:
    assert ServerRefused(status, body).told == line
