"""The owner looks through what was said: searches, reads in context, excludes, restores, rates.

A tab of the owner's page with its handlers. Knows nothing of the other tabs.
"""

import html
from collections.abc import Callable
from typing import Any

import gradio as gr
from sqlalchemy.orm import Session

from hitl_chat import heat
from hitl_chat.explainer import Explainer, Look
from storage import queue, reviews
from storage.database import Database, DatabaseBusy
from storage.models import Feedback, Message
from storage.queue import Context, Item

AT_ONCE = 10
"""Answers on one page of the queue."""
LINE = 60
"""Characters of a question and of an answer in the queue."""
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
READ: dict[str, Any] = {**PRIVATE, "queue": False}
"""Events past Gradio's line are quicker, but can't warn."""
RATED = {1: "Liked", -1: "Disliked", 0: "Not rated"}
LONGEST = 6_000
"""Characters of one text in its context."""
OWN = {"Good": 1, "Bad": -1, "No opinion": 0}
INTO_VIEW = "() => document.querySelector('#context').scrollIntoView({block: 'nearest'})"
LOOK = 1.0
"""Seconds between two looks whether an answer was explained."""
WORKING = "Asking the reward head about each word, in a process of its own:"
UNEXPLAINED = {
    "no_head": "No reward head yet: the next training with enough feedback fits one.",
    "no_trainer": "What training needs isn't installed here: pip install -r requirements.txt",
    "busy": "Others are asking too. Try again in a minute.",
}
CHOOSE = '<p class="quiet">Choose an answer to read it in its conversation.</p>'


class Review:
    """The tab's widgets and handlers. Build it inside the tab; `load` fills it."""

    def __init__(self, database: Database, explainer: Explainer | None) -> None:
        self._database = database
        self._explainer = explainer
        with gr.Row(elem_classes="tools row"):
            self._words = gr.Textbox(label="Search words", min_width=240)
            self._kind = gr.Dropdown(
                list(queue.kinds()), label="Show", value="everything", min_width=240
            )
        with gr.Row():
            with gr.Column(min_width=300):
                self._found = gr.Radio([], label="Answers, newest first", elem_id="queue")
                self._end = gr.State(None)
                with gr.Row():
                    newest = gr.Button("Newest", size="sm")
                    older = gr.Button("Older", size="sm")
            with gr.Column(min_width=300):
                context = gr.HTML(CHOOSE, elem_id="context")
                why = gr.Button("What the reward head makes of it", size="sm")
                words, looking = gr.HTML(elem_id="heat"), gr.Timer(LOOK, active=False)
                reason = gr.Textbox(label="Reason to exclude it")
                with gr.Row():
                    out = gr.Button("Exclude", size="sm")
                    back = gr.Button("Restore", size="sm")
                with gr.Row():
                    all_out = gr.Button("Exclude all of this rater's", size="sm")
                    all_back = gr.Button("Restore all of this rater's", size="sm")
                own = gr.Radio(list(OWN), label="Your own rating, to hold raters against")

        self.load(self._words.submit, self._kind.change, newest.click)
        asked = [self._kind, self._words, self._end]
        older.click(self._older, asked, [self._found, self._end], **PRIVATE)
        read = self._found.change(self._read, self._found, [context, own], **READ)
        read.success(lambda: ("", gr.Timer(active=False)), None, [words, looking], **READ)
        why.click(self._explain, self._found, [words, looking], **PRIVATE)
        looking.tick(self._explain, self._found, [words, looking], **READ)
        read.success(None, None, None, js=INTO_VIEW, **READ)
        chosen = [self._found, reason]
        out.click(self._exclude, chosen, [context, reason], **PRIVATE)
        back.click(self._restore, self._found, context, **PRIVATE)
        all_out.click(self._exclude_rater, chosen, [context, reason], **PRIVATE)
        all_back.click(self._restore_rater, self._found, context, **PRIVATE)
        own.input(self._judge, [self._found, own], context, **PRIVATE)

    def load(self, *events: Any) -> None:  # noqa: ANN401 - Gradio's listeners
        """Show the newest answers at these events."""
        for event in events:
            event(self._newest, [self._kind, self._words], [self._found, self._end], **READ)

    def _newest(self, kind: str, words: str) -> tuple[Any, int | None]:
        return self._page(kind, words, None)

    def _older(self, kind: str, words: str, end: int | None) -> tuple[Any, int | None]:
        return self._page(kind, words, end)

    def _page(self, kind: str, words: str, before: int | None) -> tuple[Any, int | None]:
        with self._database.read() as session:
            items = queue.page(session, kind, words, before, AT_ONCE)
        if not items and before is not None:
            gr.Info("There are no older ones.")
            return gr.skip(), before
        label = "Answers, newest first" if items else "Answers: nothing like that was found"
        choices = [(_line(item), item.message) for item in items]
        end = items[-1].place if items else None
        return gr.Radio(choices=choices, value=None, label=label), end

    def _read(self, message: str | None) -> tuple[str, str | None]:
        if not message:
            return CHOOSE, None
        try:
            with self._database.read() as session:
                context = queue.context(session, message)
        except ValueError as error:  # deleted meanwhile
            return f'<p class="problem">{html.escape(str(error))}</p>', None
        own = next(name for name, value in OWN.items() if value == context.decided.gold)
        return shown(context), own

    def _explain(self, message: str | None) -> tuple[str, gr.Timer]:
        """Show what the head makes of each word, or how the work goes on, and look again then."""
        if not message:
            return CHOOSE, gr.Timer(active=False)
        look = self._explainer.look(message) if self._explainer else Look("no_trainer")
        return explained(look), gr.Timer(active=look.state == "working")

    def _exclude(self, message: str | None, reason: str) -> tuple[Any, str]:
        done = self._decide(message, lambda s, one: reviews.exclude(s, one, reason))
        return (gr.skip(), reason) if done is None else (done, "")

    def _restore(self, message: str | None) -> Any:  # noqa: ANN401 - a Gradio update
        return self._decide(message, reviews.restore) or gr.skip()

    def _exclude_rater(self, message: str | None, reason: str) -> tuple[Any, str]:
        told = "{} more answers of this rater are excluded. What they get from now on isn't."
        done = self._decide(message, lambda s, one: reviews.exclude_rater(s, one, reason), told)
        return (gr.skip(), reason) if done is None else (done, "")

    def _restore_rater(self, message: str | None) -> Any:  # noqa: ANN401 - a Gradio update
        told = "{} answers of this rater count again."
        return self._decide(message, reviews.restore_rater, told) or gr.skip()

    def _judge(self, message: str | None, own: str) -> Any:  # noqa: ANN401 - a Gradio update
        return self._decide(message, lambda s, one: reviews.judge(s, one, OWN[own])) or gr.skip()

    def _decide(
        self, message: str | None, work: Callable[[Session, str], object], told: str = ""
    ) -> str | None:
        """Store a decision; returns the answer as it stands then, or None if nothing was stored.

        `told` is shown with what `work` gives.
        """
        if not message:
            gr.Warning("Choose an answer first.", title="Nothing changed")
            return None
        try:
            done = self._database.write(lambda s: work(s, message))
        except (ValueError, DatabaseBusy) as error:
            gr.Warning(html.escape(str(error)), title="Nothing changed")
            return None
        if told:
            gr.Info(told.format(done))
        return self._read(message)[0]


def _line(item: Item) -> str:
    out = "excluded, " if item.excluded else ""
    return f"{RATED[item.rating]}: {out}{_short(item.question)} → {_short(item.answer)}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"


def explained(look: Look) -> str:
    """Return the heat map of an answer, or why there is none yet."""
    if look.told:
        return heat.shown(look.told)
    return unfinished(look, WORKING)


def unfinished(look: Look, working: str) -> str:
    """Return how the work of another process goes on, or why it doesn't."""
    if look.state == "working":
        return f'<p class="quiet">{working} {look.seconds} s</p>'
    return f'<p class="problem">{html.escape(look.detail or UNEXPLAINED[look.state])}</p>'


def shown(context: Context) -> str:
    """Return an answer in its conversation, with all that was said and decided about it."""
    out = context.decided.excluded
    alert = f'<p class="problem">Excluded: {html.escape(out)}</p>' if out else ""
    before = "".join(
        _turn(message, "asked", "Question")
        if message.role == "user"
        else _turn(message, "", "Answer")
        for message in context.before
    )
    version = context.answer.version or "unknown"
    answer = _turn(context.answer, "judged", f"This answer, by version {version}")
    drafts = "".join(_turn(draft, "", "Another draft") for draft in context.drafts)
    told = [_told(row, context) for row in context.said]
    if context.decided.gold:
        told.append(f"You rated it {'good' if context.decided.gold > 0 else 'bad'}.")
    said = "".join(f"<li>{html.escape(line)}</li>" for line in told)
    return f"{alert}{before}{answer}{drafts}<h2>What was said</h2><ul>{said}</ul>"


def _turn(message: Message, kind: str, title: str) -> str:
    text = message.text if len(message.text) <= LONGEST else f"{message.text[:LONGEST]}…"
    return (
        f'<div class="turn {kind}"><h2>{html.escape(title)}</h2>'
        f"<p>{html.escape(text) or '(empty)'}</p></div>"
    )


def _told(row: Feedback, context: Context) -> str:
    """Return one row of feedback as a sentence."""
    when = f"{row.created_at:%Y-%m-%d %H:%M}, rater {row.rater_id[:8]}"
    if row.kind == "rating":
        said = {1: "liked it", -1: "disliked it"}.get(row.value or 0, "took the rating back")
        details = "; ".join([*(row.reasons or []), *filter(None, [row.comment])])
        return f"{when}: {said}{f': {details}' if details else ''}"
    if row.kind == "edit":
        wanted = f"wanted this instead: {row.text[:LONGEST]}" if row.text else "took the edit back"
        return f"{when}: {wanted}"
    if row.kind == "scores":
        given = ", ".join(f"{criterion} {value}" for criterion, value in (row.scores or {}).items())
        return f"{when}: {f'scored it: {given}' if given else 'took the scores back'}"
    chosen = "this one" if row.message_id == context.answer.id else "the other draft"
    alike = {"tie": "called both drafts alike", "both_bad": "called both drafts bad"}
    return f"{when}: {alike.get(row.verdict or '', f'chose {chosen}')}"
