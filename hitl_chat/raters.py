"""The owner's tab about who rates, and whether the head is fair: widgets and handlers.

How one rater differs from the others is found out by a process (`training.rater`), which takes a while.
Knows neither what a head is made of nor who may look.
"""

import html
from collections.abc import Mapping
from typing import Any

import gradio as gr

from hitl_chat import panels
from hitl_chat.explainer import Explainer, Look
from hitl_chat.review import PRIVATE, READ, unfinished
from storage import insight
from storage.database import Database

LOOK = 1.0
"""Seconds between two looks whether it was found out."""
WORKING = "Fitting a head to all the others, in a process of its own:"
CHANCE = 0.5
"""AUC of scores that say nothing."""


class Raters:
    """The tab. Build it inside; `load` fills it."""

    def __init__(self, database: Database, explainer: Explainer | None) -> None:
        self._database = database
        self._explainer = explainer
        self._table = gr.HTML(elem_id="raters")
        with gr.Row(elem_classes="tools row"):
            self._rater = gr.Dropdown(label="Rater", elem_id="rater", scale=2)
            ask = gr.Button("How this rater differs", elem_id="differs")
        self._found = gr.HTML(elem_id="differing")
        self._looking = gr.Timer(LOOK, active=False)
        self._bias = gr.HTML(elem_id="bias")
        shown = [self._found, self._looking]
        ask.click(self._differs, self._rater, shown, **PRIVATE)
        self._looking.tick(self._differs, self._rater, shown, **READ)
        self._rater.input(lambda: ("", gr.Timer(active=False)), None, shown, **READ)

    def load(self, event: Any) -> None:  # noqa: ANN401 - a Gradio listener
        """Show who rates, at this event."""
        event(self._who, None, [self._table, self._rater, self._bias], **READ)

    def _who(self) -> tuple[str, Any, str]:
        with self._database.read() as session:
            found = insight.raters(session, panels.SHOWN_RATERS)
            choices = [(one.rater[:8], one.rater) for one in found]
            first = choices[0][1] if choices else None
            told = panels.raters(session), panels.bias(session)
        return told[0], gr.Dropdown(choices=choices, value=first), told[1]

    def _differs(self, rater: str | None) -> tuple[str, gr.Timer]:
        """Show how a rater differs, or how the work goes on, and look again then."""
        if not rater:
            return "", gr.Timer(active=False)
        look = self._explainer.look(rater, "rater") if self._explainer else Look("no_trainer")
        return differing(look), gr.Timer(active=look.state == "working")


def differing(look: Look) -> str:
    """Return how a rater differs from the others, or why that isn't known yet."""
    if look.told:
        return "".join(f"<p>{html.escape(line)}</p>" for line in _lines(look.told))
    return unfinished(look, WORKING)


def _lines(told: Mapping[str, Any]) -> list[str]:
    shared, own = told["shared"], told["own"]
    lines = [
        f"A head of what all the others said ({told['others']} ratings) foretells this rater's "
        f"{told['ratings']}: {_auc(shared)}.",
        f"Moved by this rater's own ratings, and held against those it hasn't seen: {_auc(own)}.",
        _verdict(shared, own),
    ]
    if told["apart"]:
        kinds = (f"{kind} {worth:+.2f}" for kind, worth in told["apart"].items())
        lines.append(f"What sets them apart most: {', '.join(kinds)}.")
    return lines


def _auc(found: Mapping[str, Any]) -> str:
    if found["auc"] is None:
        return "all thumbs alike, so nothing can be told"
    return f"AUC {found['auc']:.2f} ({found['low']:.2f} to {found['high']:.2f}, chance is {CHANCE})"


def _verdict(shared: Mapping[str, Any], own: Mapping[str, Any]) -> str:
    if shared["auc"] is None:
        return "Neither tells anything until they have both liked and disliked answers."
    if shared["high"] < CHANCE:
        return "They like what the others dislike: another taste, or harm."
    if own["low"] > shared["auc"]:
        return "They have a taste of their own beside what all share."
    if shared["low"] > CHANCE:
        return "They like what the others like."
    return "Neither is surely better than chance: too few ratings, a taste no head tells, or careless ones."
