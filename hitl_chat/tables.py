"""What the owner's page shows, as HTML. Everything that comes from rows is escaped; knows no widget.

It goes where Gradio inserts HTML as it is, so nothing may leave here unescaped.
"""

import html
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from storage.models import BASE_VERSION, Adapter, Cycle, Serving

PHASES = ("mark", "targets", "fit", "update", "gate", "publish")
REWARD_FIGURES = ("accuracy", "precision", "recall", "f1", "auc", "pair_accuracy")
NONE = "–"
SHORT = 28
"""Characters that stay on one line."""


def overview(status: Mapping[str, Any]) -> str:
    """Return the served version, the counts, and what is wrong, if anything is."""
    feedback, training = status["feedback"], status["next_training"]
    due = "is due" if training["missing"] == 0 else f"after {training['missing']} more"
    facts = {
        "Serves": status["version"],
        "Feedback": feedback["total"],
        "Waiting": feedback["waiting"],
        "Next training": due if training["trainer"] == "on" else f"{due} (trainer is off)",
    }
    cards = "".join(
        f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd></div>"
        for name, value in facts.items()
    )
    problem = status["problem"]
    alert = f'<p class="problem" role="alert">{html.escape(str(problem))}</p>' if problem else ""
    return f'{alert}<dl class="cards">{cards}</dl>{_story(status)}'


def _story(status: Mapping[str, Any]) -> str:
    """Return how the trial stands, or else why this version serves."""
    trial, serving = status.get("trial"), status.get("serving")
    line = trial["sentence"] if trial else serving["reason"] if serving else ""
    return f'<p id="trial">{html.escape(str(line))}</p>' if line else ""


def announcement(status: Mapping[str, Any]) -> str:
    """Return what is read out to who can't see it: few words, which change seldom."""
    cycle = status["running"]
    phase = f"training is in phase {html.escape(cycle['phase'])}" if cycle else "no training runs"
    return f"Version {html.escape(str(status['version']))} serves; {phase}."


def running(cycle: Mapping[str, Any] | None) -> str:
    """Return how far the running cycle is."""
    if cycle is None:
        return '<p class="quiet">No training runs right now.</p>'
    at = PHASES.index(cycle["phase"]) if cycle["phase"] in PHASES else 0
    steps = "".join(
        f'<li class="{"done" if place < at else "now" if place == at else ""}">{phase}</li>'
        for place, phase in enumerate(PHASES)
    )
    share = f"{cycle['progress']:.3f}"
    detail = html.escape(str(cycle["detail"] or ""))
    return (
        f"<p>Cycle {int(cycle['id'])}: {html.escape(cycle['phase'])}, {cycle['progress']:.0%}. "
        f'{detail}</p><progress aria-label="This phase" value="{share}" max="1"></progress><ol class="steps">{steps}</ol>'
    )


def versions(known: Sequence[Adapter], serving: Sequence[Serving], served: str) -> str:
    """Return the versions, newest first, the base last."""
    rows: list[tuple[object, ...]] = [
        (a.version, a.parent, a.cycle_id, _when(a.created_at), _serves(a.version, served))
        for a in known
    ]
    rows.append((BASE_VERSION, NONE, NONE, NONE, _serves(BASE_VERSION, served)))
    names = ("Version", "From", "Cycle", "Made", "Serves")
    changes = [(_when(s.created_at), s.version, s.reason) for s in serving]
    return table("Versions", names, rows) + table("Served", ("Since", "Version", "Why"), changes)


def cycles(recent: Sequence[Cycle]) -> str:
    """Return what came of each cycle, and why."""
    rows = [
        (
            c.id,
            c.status,
            c.version,
            why(c.verdict, c.error),
            figures(c.counts),
            _when(c.finished_at or c.started_at),
        )
        for c in recent
    ]
    return table("Cycles", ("Cycle", "Result", "Version", "Why", "Feedback", "Ended"), rows)


def rewards(recent: Sequence[Cycle]) -> str:
    """Return how well each retrained reward head told liked from disliked held-out answers."""
    rows = [
        (
            c.id,
            *(figure(c.reward.get(name)) for name in REWARD_FIGURES),
            _goes_by(c.reward.get("leading") or {}),
            figures(c.ppo),
        )
        for c in recent
        if c.reward
    ]
    names = [name.replace("_", " ") for name in REWARD_FIGURES]
    return table("Reward head, on held-out feedback", ("Cycle", *names, "goes by", "update"), rows)


def _goes_by(leading: Mapping[str, float]) -> str:
    """Return the kinds of tokens that a head likes and dislikes most, most of all first."""
    return ", ".join(f"{'+' if worth > 0 else '−'} {kind}" for kind, worth in leading.items())


def exams(update: Mapping[str, Any]) -> str:
    """Return how each candidate of an update did on questions that it didn't practise."""
    tilts = len(update.get("tilting", ()))
    rows = [
        (
            "tilt" if place < tilts else "practice",
            figure(exam["score"]),
            " ".join(exam["missed"]) or "within bounds",
        )
        for place, exam in enumerate(update.get("exams", ()))
        if isinstance(exam, Mapping)  # earlier cycles kept the score alone
    ]
    return table("Exams on other questions", ("After", "Score", "Bounds"), rows) if rows else ""


def trust(found: Mapping[str, Any]) -> str:
    """Return how well gestures foretold thumbs when a cycle last looked, and whether they train."""
    return f'<p id="implicit">{html.escape(_trust(found))}</p>'


def why(verdict: Mapping[str, Any] | None, error: str | None) -> str:
    """Return the reasons of a verdict, or what broke, as one line."""
    if error:
        return error
    reasons = (verdict or {}).get("reasons")
    if isinstance(reasons, list) and reasons:
        return "; ".join(str(reason) for reason in reasons)
    return figures(verdict)


def _trust(found: Mapping[str, Any]) -> str:
    if not found:
        return "Implicit signals: no training has seen any yet."
    ratings = found["likes"] + found["dislikes"]
    if found["auc"] is None:
        return f"Implicit signals: {ratings} ratings beside them say too little: not used yet."
    interval = f"{found['auc']:.2f} ({found['low']:.2f} to {found['high']:.2f})"
    used = "used" if found["trusted"] else "not used yet"
    return f"Implicit signals: AUC {interval} against {ratings} ratings: {used}."


def _serves(version: str, served: str) -> str:
    return "serves now" if version == served else ""


def _when(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC" if moment else NONE


def figures(values: Mapping[str, Any] | None) -> str:
    """Return the plain figures of a JSON object on one line; nested ones are left out."""
    plain = {k: v for k, v in (values or {}).items() if isinstance(v, int | float | str)}
    return ", ".join(f"{name.replace('_', ' ')} {figure(value)}" for name, value in plain.items())


def figure(value: object) -> str:
    """Return a figure as people read it."""
    if value is None:
        return NONE
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def table(title: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table under its title."""
    return (
        f'<section class="sheet"><h2>{html.escape(title)}</h2>{grid(title, names, rows)}</section>'
    )


def grid(title: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a table alone; `title` is its name for who can't see it.

    Its roles are written out, as a phone lays rows out as blocks, and tables lose theirs by that.
    """
    head = "".join(f'<th scope="col" role="columnheader">{html.escape(n)}</th>' for n in names)
    body = "".join(f'<tr role="row">{_cells(names, row)}</tr>' for row in rows)
    empty = f'<tr role="row"><td class="quiet" role="cell" colspan="{len(names)}">Nothing yet.</td></tr>'
    return (
        f'<div class="grid" tabindex="0" role="region" aria-label="{html.escape(title)}">'
        f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead>'
        f'<tbody role="rowgroup">{body or empty}</tbody></table></div>'
    )


def _cells(names: Sequence[str], row: Sequence[object]) -> str:
    return "".join(_cell(name, value) for name, value in zip(names, row, strict=True))


def _cell(name: str, value: object) -> str:
    text = NONE if value is None else str(value)
    size = "short" if len(text) <= SHORT else "long"
    shown, column = html.escape(text), html.escape(name)
    return f'<td class="{size}" role="cell" data-column="{column}">{shown}</td>'
