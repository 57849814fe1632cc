from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from peft import PeftModel
from sqlalchemy import select
from sqlalchemy.orm import Session

from storage import adapters as versions
from storage import cycles, feedback, privacy
from storage.database import Database
from storage.home import Home
from storage.models import BASE_VERSION, Cycle, Feedback
from tests.training.marks import at
from tests.training.people import rate_answers
from training import cycle, doubt, gate, heads, reward_head
from training.adapters import verify
from training.base import load_base
from training.chance import DEALS
from training.config import TrainingConfig
from training.contest import Contest
from training.course import Course
from training.cycle import Workshop, run
from training.policy import Policy
from training.reward import Reward
from training.reward_head import RewardHead


@pytest.fixture
def shop(database: Database, home: Home, tiny_model: Path, config: TrainingConfig) -> Workshop:
    """A gate wide open: a random model is no better for having learnt."""
    lax = replace(
        config, gate_kl=100.0, gate_length_low=0.0, gate_length_high=100.0, gate_distinct=0.0,
        gate_repeat=1.0, gate_surprise=100.0, gate_prompts=24, lora_layers=2, updates=8, rollouts=16, kl_coef=0.0,
        target_kl=10.0, rated_rate=1e-3,
    )  # fmt: skip
    return Workshop(database, home, load_base(str(tiny_model), home), lax)


def hear(phase: str, progress: float, detail: str) -> None:
    """Nobody listens."""


def last(database: Database) -> Cycle:
    with database.read() as session:
        found = cycles.last(session)
    assert found is not None
    return found


def test_ratings_become_a_served_adapter_that_peft_loads(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    outcome = run(shop, hear)
    assert outcome.status == "promoted", outcome
    assert outcome.version is not None
    with shop.database.read() as session:
        assert versions.served(session) == outcome.version
        assert feedback.counts(session).waiting == 0
    folder = shop.home.adapters / outcome.version
    verify(folder, shop.base)
    PeftModel.from_pretrained(shop.base.model, str(folder))
    row = last(shop.database)
    assert (row.status, row.version) == ("promoted", outcome.version)
    assert row.reward is not None
    assert {"accuracy", "precision", "recall", "f1", "auc"} <= set(row.reward)
    ratings = row.reward["ratings"]
    assert row.reward["calibration"]["likes"] + row.reward["calibration"]["dislikes"] == ratings
    assert [group["answers"] for group in row.reward["slices"]["script"]] == [ratings]
    assert row.ppo is not None
    assert {"approx_kl", "clipfrac", "entropy", "explained_variance"} <= set(row.ppo["history"][0])
    assert row.ppo["weight_change"] > 0


def test_the_next_cycle_goes_on_from_the_served_adapter(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    first = run(shop, hear)
    rate_answers(shop.database, 20, seed=1)
    second = run(shop, hear)
    assert second.status in ("promoted", "refused")
    if second.version != first.version:
        assert second.version is not None
        with shop.database.read() as session:
            adapter = versions.get(session, second.version)
        assert adapter is not None
        assert adapter.parent == first.version


def test_a_candidate_is_not_promoted_over_a_version_that_it_was_not_compared_with(
    shop: Workshop,
) -> None:
    rate_answers(shop.database, 60)

    def change_meanwhile(phase: str, progress: float, detail: str) -> None:
        if phase == "publish":
            shop.database.write(serve_another)

    def serve_another(session: Session) -> None:
        versions.add(session, "v-other", BASE_VERSION, shop.base.name, None)
        versions.serve(session, "v-other", "by hand")

    outcome = run(shop, change_meanwhile)
    assert (outcome.status, outcome.version) == ("interrupted", None)
    assert outcome.error == "v-other serves now, and the candidate was compared with base."
    with shop.database.read() as session:
        assert versions.served(session) == "v-other"
        assert feedback.counts(session).waiting > 0


def test_nothing_serves_that_learned_from_somebody_erased_meanwhile(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    with shop.database.read() as session:
        (rater,) = set(session.scalars(select(Feedback.rater_id)))

    def erase(phase: str, *_: object) -> None:
        if phase == "publish":
            privacy.erase(shop.database, shop.home, rater)
            shop.home.features.mkdir(exist_ok=True)
            (shop.home.features / "late.safetensors").write_bytes(b"theirs")

    outcome = run(shop, erase)
    assert (outcome.status, outcome.version) == ("interrupted", None)
    assert outcome.error == "Somebody it learned from was erased meanwhile."
    assert list(shop.home.adapters.iterdir()) == []
    assert list(shop.home.features.iterdir()) == []
    with shop.database.read() as session:
        assert versions.served(session) == BASE_VERSION


def test_a_refusal_is_journalled_with_its_reasons_and_changes_nothing(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    strict = replace(shop, config=replace(shop.config, gate_kl=0.001, updates=1))
    outcome = run(strict, hear)
    assert outcome.status == "refused"
    row = last(shop.database)
    assert row.verdict is not None
    assert any("KL to the base" in reason for reason in row.verdict["reasons"])
    assert list(shop.home.adapters.iterdir()) == []
    assert heads.load(shop.home.head)[1].cycle == outcome.cycle  # what it learned of people stays
    assert doubt.load(shop.home.head).disputed > 0
    with shop.database.read() as session:
        assert versions.served(session) == BASE_VERSION
        assert feedback.counts(session).waiting == 0


def test_versions_are_compared_by_a_head_as_flat_as_it_is_to_be(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reward_head, "APART", 1e-5)
    rate_answers(shop.database, 60)
    run(replace(shop, config=replace(shop.config, updates=1)), hear)
    row = last(shop.database)
    assert row.reward is not None
    assert row.reward["steepness"] > 1e4
    assert row.verdict is not None
    assert "against the served version, 0.500 to 0.500." in row.verdict["reasons"][0]


@dataclass(frozen=True)
class Sentenced(Contest):
    """A contest whose verdicts are known."""

    verdicts: Iterator[gate.Verdict]

    def verdict(self, yardstick: gate.Yardstick) -> gate.Verdict:
        return next(self.verdicts)


def sentenced(policy: Policy, *verdicts: gate.Verdict) -> tuple[gate.Verdict, bool]:
    """Return what comes of verdicts, and whether a candidate is left that nobody judged."""
    head = RewardHead(torch.zeros(3), torch.ones(3), torch.zeros(3, 2), torch.zeros(2))
    contest = Sentenced(policy, [], Reward(policy.base, head), TrainingConfig(), iter(verdicts))
    course = Course(policy, iter([at(0.2), at(0.3)]).__next__, patience=9, served=at(0.0))
    course.exam()
    course.exam()
    course.take_best()
    none = gate.Sample([], [], [], 0.0, 0.0, 0.0, 0.0, 0.0)
    return cycle._verdict(contest, gate.Yardstick(none, none), course), course.take_best()


def test_names_that_say_little_and_the_opposite_teach_nothing_until_the_owner_decides(
    shop: Workshop,
) -> None:
    rate_answers(shop.database, 40)
    for name in range(1, 16):
        rate_answers(shop.database, 2, seed=name, turned=True)
    outcome = run(shop, hear)
    assert (outcome.status, outcome.ppo) == ("refused", None)
    row = last(shop.database)
    assert row.reward is not None
    assert row.reward["regulars"]["likes"] == row.reward["regulars"]["dislikes"] == 15
    assert row.verdict is not None
    (reason,) = row.verdict["reasons"]
    assert "hear regulars alone, HITL_MIN_OF_RATER=3" in reason
    heard = run(replace(shop, config=replace(shop.config, min_of_rater=3)), hear)
    assert heard.counts is not None
    assert heard.counts["train"]["ratings"] + heard.counts["heldout"]["ratings"] == 40
    assert heard.ppo is not None


def test_feedback_that_may_be_chance_teaches_nothing(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    doubtful = replace(shop, config=replace(shop.config, max_chance=0.0))
    outcome = run(doubtful, hear)
    assert (outcome.status, outcome.ppo) == ("refused", None)
    row = last(shop.database)
    assert row.reward is not None
    assert row.reward["chance"] == 1 / (1 + DEALS)  # the least that so many deals can show
    assert row.verdict is not None
    (reason,) = row.verdict["reasons"]
    assert "in 5% of all draws (at most 0%). Rate more answers." in reason
    assert run(shop, hear).ppo is not None


def test_where_the_best_candidate_strays_too_far_the_next_best_may_do(policy: Policy) -> None:
    strays = gate.Verdict(False, ["Distinct bigrams are 0.89x; at least 0.9."], {}, better=True)
    fine = gate.Verdict(True, ["Fine."], {}, better=True)
    found, left = sentenced(policy, strays, fine)
    assert found.promote
    assert found.reasons == ["Fine.", f"One that scored higher was refused: {strays.reasons[0]}"]
    assert not left


def test_where_the_best_candidate_is_no_better_no_other_is_tried(policy: Policy) -> None:
    found, left = sentenced(policy, gate.Verdict(False, ["Wins 50% of 48."], {}))
    assert not found.promote
    assert left


def test_a_head_that_learned_from_somebody_erased_meanwhile_is_not_kept(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    with shop.database.read() as session:
        rater = session.scalars(select(Feedback)).first()

    def erase(phase: str, *_: object) -> None:
        if phase == "fit" and rater and not gone:
            gone.append(privacy.erase(shop.database, shop.home, rater.rater_id))

    gone: list[list[str]] = []
    strict = replace(shop, config=replace(shop.config, gate_kl=0.001, updates=1))
    assert run(strict, erase).status == "refused"
    assert gone == [[]]
    assert not shop.home.head.exists()


def test_too_little_feedback_waits_for_more(shop: Workshop) -> None:
    rate_answers(shop.database, 4)
    outcome = run(shop, hear)
    assert outcome.status == "skipped"
    assert "labels to learn from" in str(outcome.error)
    with shop.database.read() as session:
        assert feedback.counts(session).waiting == 4


def test_ratings_that_all_say_the_same_are_too_little(shop: Workshop) -> None:
    rate_answers(shop.database, 60)

    def like_all(session: Session) -> None:
        for row in session.scalars(select(Feedback)).all():
            feedback.rate(session, row.rater_id, row.message_id, 1)

    shop.database.write(like_all)
    assert "likes and dislikes" in str(run(shop, hear).error)


def test_a_cycle_that_goes_wrong_is_recorded_and_raised(shop: Workshop) -> None:
    rate_answers(shop.database, 60)

    def break_off(phase: str, *_: object) -> None:
        if phase == "update":
            raise MemoryError("no room")

    with pytest.raises(MemoryError):
        run(shop, break_off)
    row = last(shop.database)
    assert (row.status, row.phase) == ("failed", "update")
    assert row.error == "MemoryError: no room"
    with shop.database.read() as session:
        assert feedback.counts(session).waiting == 60


def test_feedback_given_during_a_cycle_waits_for_the_next(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    late = False

    def listen(phase: str, *_: object) -> None:
        nonlocal late
        if phase == "update" and not late:
            late = True
            rate_answers(shop.database, 3, seed=9)

    run(shop, listen)
    with shop.database.read() as session:
        assert feedback.counts(session).waiting == 3


def test_signals_that_foretell_no_thumb_are_journalled_and_train_nothing(shop: Workshop) -> None:
    rate_answers(shop.database, 60)

    def look_at_all(session: Session) -> None:
        for row in session.scalars(select(Feedback)).all():
            feedback.signal(session, row.rater_id, row.message_id, "dwell_ms", 900.0)

    shop.database.write(look_at_all)
    outcome = run(shop, hear)
    assert outcome.counts is not None
    assert outcome.counts["implicit"]["auc"] == 0.5
    assert outcome.counts["train"]["implicit"] == 0


def test_progress_goes_through_the_phases_in_order(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    heard: list[str] = []
    run(shop, lambda phase, *_: heard.append(phase))
    assert list(dict.fromkeys(heard)) == ["mark", "targets", "fit", "update", "gate", "publish"]


def test_a_head_with_hidden_units_trains_as_the_linear_one_does(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    outcome = run(replace(shop, config=replace(shop.config, reward_head="mlp")), hear)
    assert outcome.status == "promoted", outcome
    head, _ = heads.load(shop.home.head)
    assert head.hidden is not None
    assert head.hidden.outer_KU.any()


def test_another_update_meets_the_same_gate(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    heard: list[str] = []
    kto = replace(shop, config=replace(shop.config, update="kto", trl_rate=1e-2))
    outcome = run(kto, lambda phase, *_: heard.append(phase))
    assert outcome.status in ("promoted", "refused")
    assert outcome.verdict is not None
    assert {"win_rate", "kl"} <= set(outcome.verdict["figures"])
    assert heard.count("update") > 2
    row = last(shop.database)
    assert row.ppo is not None
    assert row.ppo["update"] == "kto"


def test_an_update_that_lacks_its_kind_of_feedback_waits_for_it(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    outcome = run(replace(shop, config=replace(shop.config, update="dpo")), hear)
    assert (outcome.status, "DPO needs pairs" in str(outcome.error)) == ("skipped", True)
    with shop.database.read() as session:
        assert feedback.counts(session).waiting == 60


def test_old_versions_leave_the_disk_and_the_served_one_stays(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    few = replace(shop, config=replace(shop.config, keep_versions=2))
    promoted = [o.version for o in (run(few, hear) for _ in range(4)) if o.status == "promoted"]
    kept = {folder.name for folder in shop.home.adapters.iterdir()}
    assert promoted[-1] in kept
    assert len(kept) <= 2


def test_what_led_to_the_served_version_stays_on_disk(shop: Workshop) -> None:
    first, served, *left = (f"v{number:06}-aaaaaaaa" for number in range(1, 6))

    def promote(s: Session) -> None:
        for version in (first, served, *left):
            versions.add(s, version, BASE_VERSION, shop.base.name, None)
            versions.serve(s, version, "promoted")
            if version in left:
                versions.roll_back(s)

    shop.database.write(promote)
    for version in (first, served, *left):
        (shop.home.adapters / version).mkdir(parents=True)
    rate_answers(shop.database, 60)
    outcome = run(replace(shop, config=replace(shop.config, keep_versions=3)), hear)
    assert outcome.status == "promoted"
    kept = {folder.name for folder in shop.home.adapters.iterdir()}
    assert {first, served, outcome.version} <= kept
    assert left[0] not in kept


def test_the_verdict_carries_its_figures(shop: Workshop) -> None:
    rate_answers(shop.database, 60)
    verdict = run(shop, hear).verdict
    assert verdict is not None
    assert set(gate.Verdict(promote=True, reasons=[], figures={}).as_json()) == set(verdict)
    assert {"win_rate", "kl", "length_ratio", "distinct2_ratio"} <= set(verdict["figures"])
