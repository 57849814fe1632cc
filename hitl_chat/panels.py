"""What each panel of the owner's page shows, read from the database, as HTML. Knows no widget."""

import html
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from sqlalchemy.orm import Session

from hitl_chat import plots, tables
from hitl_chat.plots import Line, Marked
from hitl_chat.shares import Share
from storage import adapters, cycles, insight
from storage.insight import Agreement
from storage.models import Cycle

SHOWN_DAYS, SHOWN_VERSIONS, SHOWN_CYCLES, SHOWN_RATERS = 60, 8, 50, 20
SAID = ("likes", "dislikes", "edits", "choices", "scores")
REWARD_CURVES = ("auc", "accuracy", "f1")
PPO_CURVES = {
    "score": "Score",
    "kl": "KL to the base, nats a token",
    "clipfrac": "Clip fraction",
    "entropy": "Entropy, nats a token",
    "value_loss": "Value loss",
    "surprise": "Surprise of the base, nats a token",
}
EARLIER = 4
"""Cycles that are drawn faintly behind the chosen one."""
SLICES = {"length": "Length", "script": "Script", "opening": "First word of the question"}
ENOUGH_JUDGED = 5
"""Ratings beside the owner's below which a rater's agreement says nothing."""


def liking(s: Session) -> str:
    """Show what was said day by day, and how each version is liked."""
    said = insight.days(s, SHOWN_DAYS)
    columns = [(day, counts) for day, counts in _every_day(said)]
    versions = _by_age(s)
    rows = [Marked(one.version, Share(one.liked, one.rated)) for one in versions[:SHOWN_VERSIONS]]
    cells = [(one.version, f"{one.answers:,}", Share(one.liked, one.rated)) for one in versions]
    names = ("Version", "Answers", "Liked, 90% interval")
    return _beside(
        plots.bars("Feedback by day", SAID, columns),
        plots.shares("Liked answers by version", rows),
    ) + (tables.table("All versions", names, cells) if len(versions) > SHOWN_VERSIONS else "")


def versions(s: Session) -> str:
    """Show the versions there are, and what served when and why."""
    known, history = adapters.versions(s), adapters.history(s)
    return tables.versions(known, history, adapters.served(s))


def training(s: Session) -> str:
    """Show what came of each cycle, and how well scores and signals foretold ratings."""
    recent = cycles.recent(s, SHOWN_CYCLES)
    found = _newest(recent, lambda c: (c.counts or {}).get("implicit")) or {}
    head = _newest(recent, lambda c: (c.reward or {}).get("calibration")) or {}
    looks = _beside(
        plots.lines("Reward head, on held-out feedback", "cycle", _rewards(recent)),
        plots.reliability("Reward head: foretold and liked", _bins(head)),
        plots.reliability("Implicit signals: foretold and liked", _bins(found)),
    )
    return looks + tables.trust(found) + tables.cycles(recent) + tables.rewards(recent)


def practised(s: Session) -> list[int]:
    """Return the cycles that have curves, newest first."""
    return [c.id for c in cycles.recent(s, SHOWN_CYCLES) if _history(c)]


def curves(s: Session, cycle: int | None) -> str:
    """Show how the update of a cycle went, by default the newest, before a few earlier ones."""
    known = [c for c in cycles.recent(s, SHOWN_CYCLES) if _history(c)]
    shown = [c for c in known if cycle is None or c.id <= cycle][: EARLIER + 1]
    if not shown:
        return '<p class="quiet">No cycle has practised yet.</p>'
    names = PPO_CURVES if "score" in _history(shown[0])[0] else _trl_curves(shown[0])
    drawn = [plots.lines(title, "update", _curves(shown, name)) for name, title in names.items()]
    stopped = str((shown[0].ppo or {}).get("stopped", ""))
    behind = f" Faint: the {len(shown) - 1} before it." if len(shown) > 1 else ""
    line = f"Cycle {shown[0].id} ended its update with: {stopped}.{behind}"
    return f"<p>{html.escape(line)}</p>{_beside(*drawn)}{tables.exams(shown[0].ppo or {})}"


def raters(s: Session) -> str:
    """Show who rates how, and how far the owner's own ratings agree with theirs."""
    found = insight.agreements(s)
    rows = [
        (
            one.rater[:8],
            f"{one.rated:,}",
            Share(one.liked, one.rated),
            one.changed,
            _agrees([a for a in found if a.rater == one.rater]),
        )
        for one in insight.raters(s, SHOWN_RATERS)
    ]
    names = ("Rater", "Ratings", "Liked, 90% interval", "Changed their mind", "Agrees with you")
    told = f'<p id="gold">{html.escape(agreement(found))}</p>'
    return told + tables.table(f"The {SHOWN_RATERS} who rated most", names, rows)


def bias(s: Session) -> str:
    """Show by kinds of answers what the reward head gave, beside how many people liked."""
    for cycle in cycles.recent(s, SHOWN_CYCLES):
        groups = (cycle.reward or {}).get("slices")
        if groups:
            drawn = [
                plots.shares(title, _groups(groups.get(name, ())), "mean score of the head")
                for name, title in SLICES.items()
            ]
            line = f"Cycle {cycle.id}, on held-out answers. Where the diamond stands outside the interval, "
            return f"<p>{line}the head favours or slights such answers.</p>{_beside(*drawn)}"
    return '<p class="quiet">No cycle has held scores against ratings yet.</p>'


def agreement(found: Sequence[Agreement]) -> str:
    """Tell how far people's ratings agree with the owner's, with Cohen's kappa (1960)."""
    whole = sum(one.answers for one in found)
    if whole < ENOUGH_JUDGED:
        return (
            f"You and people rated {whole} answers both: too few to tell how far you agree. "
            "Rate some yourself under Review."
        )
    own = sum(one.answers for one in found if one.own > 0) / whole
    theirs = sum(one.answers for one in found if one.theirs > 0) / whole
    chance = own * theirs + (1 - own) * (1 - theirs)
    same = _same(found)
    kappa = f", kappa {(same.part / whole - chance) / (1 - chance):.2f}" if chance < 1 else ""
    return f"People agree with your own ratings: {same}{kappa}."


def _agrees(found: Sequence[Agreement]) -> str:
    same = _same(found)
    return str(same) if same.whole >= ENOUGH_JUDGED else f"too few to tell ({same.whole})"


def _same(found: Sequence[Agreement]) -> Share:
    alike = sum(one.answers for one in found if one.own == one.theirs)
    return Share(alike, sum(one.answers for one in found))


def _every_day(said: Sequence[insight.Day]) -> list[tuple[str, tuple[int, ...]]]:
    """Return the newest days without a gap."""
    if not said:
        return []
    known = {one.date: tuple(getattr(one, kind) for kind in SAID) for one in said}
    last = date.fromisoformat(said[-1].date)
    span = min(SHOWN_DAYS, (last - date.fromisoformat(said[0].date)).days + 1)
    days = [(last - timedelta(days=back)).isoformat() for back in range(span - 1, -1, -1)]
    return [(day, known.get(day, (0,) * len(SAID))) for day in days]


def _by_age(s: Session) -> list[insight.Liking]:
    """Return how versions are liked, the newest first and the base last."""
    age = {one.version: place for place, one in enumerate(adapters.versions(s))}
    return sorted(insight.likings(s), key=lambda one: (age.get(one.version, len(age)), one.version))


def _rewards(recent: Sequence[Cycle]) -> list[Line]:
    found = []
    for name in REWARD_CURVES:
        known = [(c.id, (c.reward or {}).get(name)) for c in reversed(recent)]
        points = [(float(cycle), float(value)) for cycle, value in known if value is not None]
        if points:
            found.append(Line(name.replace("_", " "), points))
    return found


def _bins(found: Mapping[str, Any]) -> list[tuple[float, Share]]:
    return [
        (one["foretold"], Share(round(one["liked"] * one["ratings"]), one["ratings"]))
        for one in found.get("bins", ())
    ]


def _groups(groups: Sequence[Mapping[str, Any]]) -> list[Marked]:
    return [
        Marked(str(one["name"]), Share(one["liked"], one["answers"]), one["score"])
        for one in groups
    ]


def _history(cycle: Cycle) -> Sequence[Mapping[str, Any]]:
    return (cycle.ppo or {}).get("history") or ()


def _trl_curves(cycle: Cycle) -> dict[str, str]:
    """Return the figures that a trainer of TRL's reported."""
    first = _history(cycle)[0]
    known = [name for name, value in first.items() if isinstance(value, float)]
    return {name: name.replace("_", " ") for name in known[: len(PPO_CURVES)]}


def _curves(shown: Sequence[Cycle], name: str) -> list[Line]:
    """Return one figure of these cycles; all but the first are faint."""
    found = []
    for cycle in shown:
        known = enumerate((update.get(name) for update in _history(cycle)), 1)
        points = [(float(update), float(value)) for update, value in known if value is not None]
        if points:
            found.append(Line(f"cycle {cycle.id}", points, faint=cycle is not shown[0]))
    return found


def _newest(recent: Sequence[Cycle], look: Any) -> Any:  # noqa: ANN401 - JSON
    return next(filter(None, map(look, recent)), None)


def _beside(*figures: str) -> str:
    return f'<div class="plots">{"".join(figures)}</div>'
