import json

import pytest

from benchmarks import refit


def test_the_head_that_is_timed_has_learnt_something(capsys: pytest.CaptureFixture[str]) -> None:
    assert refit.main(["--ratings", "2000", "--rounds", "1"]) == 0
    line = json.loads(capsys.readouterr().out)
    assert line["ratings"] == 2000
    assert line["seconds"] > 0
    assert line["right"] > 0.6
