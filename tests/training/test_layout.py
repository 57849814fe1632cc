from training.form import FORMS
from training.kinds import KINDS
from training.layout import layout


def test_the_parts_follow_each_other_and_leave_nothing_out() -> None:
    size = 2 * 7 + len(KINDS) + len(FORMS)
    at = layout(size)
    columns = [*range(size)]
    parts = [columns[part] for part in (at.words, at.states, at.kinds, at.forms)]
    assert [column for part in parts for column in part] == columns
    assert [len(part) for part in parts] == [7, 7, len(KINDS), len(FORMS)]
