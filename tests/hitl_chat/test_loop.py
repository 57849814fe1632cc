from pathlib import Path

import pytest

from hitl_chat.service import Service, Started
from hitl_chat.settings import Settings
from storage import cycles, feedback
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION
from tests.hitl_chat.visits import add_version, ask
from tests.scripted import ScriptedEngine


def test_status_says_what_is_missing_for_the_next_training(service: Service, me: Started) -> None:
    answer = ask(service, me, "hello")
    service.opinions.rate(me.rater, answer.message, 1)
    assert service.loop.status() == {
        "version": BASE_VERSION,
        "feedback": {"total": 1, "waiting": 1},
        "next_training": {"after": 16, "missing": 15, "trainer": "on"},
        "cycle": None,
        "running": None,
        "problem": None,
    }


def test_status_says_what_is_missing_as_the_trainer_counts_it(
    service: Service, me: Started, database: Database
) -> None:
    for missing in range(15, -1, -1):
        message = ask(service, me, "hello").message
        service.opinions.rate(me.rater, message, 1)
        service.opinions.rate(me.rater, message, 1, ["Style or tone"])  # one opinion in two rows
        assert service.loop.status()["next_training"]["missing"] == missing
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    database.write(lambda s: cycles.close(s, cycle, "failed"))
    assert service.loop.status()["next_training"]["missing"] == 16


def test_where_nothing_can_be_published_the_trainer_is_off(
    database: Database, settings: Settings
) -> None:
    service = Service(database, ScriptedEngine(adapts=False), settings, train_after=16)
    assert service.loop.status()["next_training"]["trainer"] == "off"


@pytest.mark.parametrize("address", ["postgresql"], indirect=True)
def test_a_trainer_of_another_process_is_one_too(database: Database, settings: Settings) -> None:
    service = Service(database, ScriptedEngine(adapts=False), settings, train_after=16)
    with database.seat():
        assert service.loop.status()["next_training"]["trainer"] == "on"
    assert service.loop.status()["next_training"]["trainer"] == "off"


def test_everyone_is_told_how_good_the_head_is_and_the_owner_also_by_how_questions_begin(
    service: Service, database: Database
) -> None:
    begins = {"opening": [{"name": "grandmother's", "answers": 5, "score": 0.1, "liked": 2}]}
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    reward = {"auc": 0.9, "slices": begins}
    database.write(lambda s: cycles.close(s, cycle, "promoted", reward=reward))
    assert service.loop.public()["cycle"]["reward"] == {"auc": 0.9}
    assert service.loop.status()["cycle"]["reward"] == reward


def test_everyone_is_told_what_is_wrong_and_the_owner_also_why(
    service: Service, database: Database
) -> None:
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    why = "OSError: [Errno 28] No space left on device: '/data/adapters'"
    database.write(lambda s: cycles.close(s, cycle, "failed", error=why))
    service.loop.report(f"Version v2 was refused, base keeps serving: {why}")
    told, all_of_it = service.loop.public(), service.loop.status()
    assert told["problem"] == "Version v2 was refused, base keeps serving"
    assert told["cycle"]["error"] == "OSError"
    assert "/data" not in str(told)
    assert all_of_it["problem"].endswith(why)
    assert all_of_it["cycle"]["error"] == why
    assert told.keys() == all_of_it.keys()


def test_what_a_running_cycle_stumbled_over_is_for_the_owner(
    service: Service, database: Database
) -> None:
    why = "starting afresh from the base: /data/adapters/v1 has no manifest"
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    database.write(lambda s: cycles.advance(s, cycle, "fit", 0.0, why))
    running, public = service.loop.status()["running"], service.loop.public()["running"]
    assert running["detail"] == why
    assert public["detail"] == "starting afresh from the base"


def test_everyone_is_told_why_a_cycle_was_skipped(service: Service, database: Database) -> None:
    cycle = database.write(lambda s: cycles.open_cycle(s, feedback.mark(s)).id)
    database.write(lambda s: cycles.close(s, cycle, "skipped", error="Too few: 3 labels."))
    assert service.loop.public()["cycle"]["error"] == "Too few: 3 labels."


def test_rolling_back_to_cleared_files_is_refused(
    service: Service, database: Database, home: Home
) -> None:
    add_version(database, home, "v000001-aaaaaaaa")
    add_version(database, home, "v000002-bbbbbbbb")
    (home.adapters / "v000001-aaaaaaaa").rmdir()
    with pytest.raises(ValueError, match="has no folder any more"):
        service.loop.roll_back()


def test_an_unknown_format_is_refused_with_the_known_ones(service: Service) -> None:
    with pytest.raises(ValueError, match=r"Unknown format .csv.\. Use one of .*trl-preference"):
        service.loop.export("csv")


def test_an_export_lies_in_the_exports_folder(
    service: Service, me: Started, settings: Settings
) -> None:
    answer = ask(service, me, "hello")
    service.opinions.rate(me.rater, answer.message, 1)
    path = service.loop.export("jsonl")
    assert path.parent == settings.home.exports
    assert "Echo: hello" in Path(path).read_text(encoding="utf-8")
