"""What programs call: named Gradio endpoints, and plain HTTP beside them. Knows no page.

Every endpoint takes and gives plain JSON values. A `token` comes from /start and stands for the
rater. Mistakes come back as one clear line.
"""

import json
import logging
from collections.abc import Iterator
from typing import Any

import gradio as gr
from gradio import events
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hitl_chat.door import Door
from hitl_chat.guard import Owner
from hitl_chat.limits import ANSWER, ERASURE, FEEDBACK, TooMuch
from hitl_chat.outward import downloadable, recall, told_clearly
from hitl_chat.pacing import Pace
from hitl_chat.service import BadToken, Draft, Service
from storage.consent import Agreed
from storage.database import DatabaseBusy

log = logging.getLogger(__name__)

SIGNALS_PATH = "/signals"
MAX_BEACON = 65_536
AT_ONCE = 64
"""Answers that stream at the same time: as many as engines take in, so that all wait in one line."""


def endpoints(service: Service, door: Door, owner: Owner, pace: Pace) -> None:
    """Declare the named endpoints on the Blocks that are being built."""
    _chat_endpoints(service, door, pace)
    _feedback_endpoints(service, door)
    _looking_endpoints(service, door)
    _personal_endpoints(service, door)
    _loop_endpoints(service, door, owner)


def _chat_endpoints(service: Service, door: Door, pace: Pace) -> None:
    def start(request: gr.Request) -> dict[str, str]:
        """Open a conversation for a new rater; gives its id and the rater's token."""
        with told_clearly():
            started = door.start(request)
            return {"conversation": started.conversation, "token": started.token}

    def chat(
        token: str, conversation: str, text: str, request: gr.Request
    ) -> Iterator[dict[str, Any]]:
        """Ask, and stream the answer: message id, text so far, version, done."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, ANSWER)
            asked = _text(text, "text")
            drafts = service.ask(rater, _text(conversation, "conversation"), asked)
            yield from map(_plain, pace.thin(drafts))

    def regenerate(token: str, message: str, request: gr.Request) -> Iterator[dict[str, Any]]:
        """Stream another draft of an answer; the old one is kept beside it."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, ANSWER)
            drafts = service.regenerate(rater, _text(message, "message"))
            yield from map(_plain, pace.thin(drafts))

    def compare(
        token: str, conversation: str, text: str, request: gr.Request
    ) -> Iterator[dict[str, Any]]:
        """Ask, and stream two drafts side by side; /choose says which one is better."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, ANSWER, cost=2)
            asked = _text(text, "text")
            pairs = service.compare(rater, _text(conversation, "conversation"), asked)
            yield from map(_plain_pair, pace.thin(pairs))

    events.api(start, api_name="start", queue=False)
    for stream in (chat, regenerate, compare):
        name = stream.__name__
        events.api(stream, api_name=name, concurrency_limit=AT_ONCE, concurrency_id="answers")


def _feedback_endpoints(service: Service, door: Door) -> None:
    def rate(
        token: str,
        message: str,
        value: int,
        request: gr.Request,
        reasons: list[str] = [],  # noqa: B006 - part of the public signature, never changed
        comment: str = "",
    ) -> dict[str, bool]:
        """Rate an answer: 1, -1, or 0 to take the rating back."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            service.opinions.rate(
                rater,
                _text(message, "message"),
                value,
                _texts(reasons, "reasons"),
                _text(comment, "comment"),
            )
            return {"ok": True}

    def choose(
        token: str, chosen: str, rejected: str, verdict: str, request: gr.Request
    ) -> dict[str, bool]:
        """Say which of two drafts is better: verdict better, tie or both_bad."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            ids = _text(chosen, "chosen"), _text(rejected, "rejected")
            service.opinions.choose(rater, *ids, _text(verdict, "verdict"))
            return {"ok": True}

    def edit(token: str, message: str, text: str | None, request: gr.Request) -> dict[str, bool]:
        """Give the answer that you wanted instead; null takes it back."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            wanted = None if text is None else _text(text, "text")
            service.opinions.edit(rater, _text(message, "message"), wanted)
            return {"ok": True}

    def score(
        token: str, message: str, guideline: str, scores: dict[str, int], request: gr.Request
    ) -> dict[str, bool]:
        """Score an answer from 1 to 5 by the criteria of a guideline; {} takes them back."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            ids = _text(message, "message"), _text(guideline, "guideline")
            service.opinions.score(rater, *ids, scores)
            return {"ok": True}

    for fn in (rate, choose, edit, score):
        events.api(fn, api_name=fn.__name__, queue=False)


def _looking_endpoints(service: Service, door: Door) -> None:
    def again(token: str, message: str, request: gr.Request) -> dict[str, Any]:
        """Answer the same question once more, beside what is shown; says nothing about the answer."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, ANSWER)
            return _plain(service.again(rater, _text(message, "message")))

    def trace(token: str, message: str, request: gr.Request) -> dict[str, Any]:
        """Tell what became of the newest thing that was said about an answer."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            return service.opinions.trace(rater, _text(message, "message"))

    def explain(token: str, message: str, request: gr.Request) -> dict[str, Any]:
        """Tell what the reward head makes of each word; while `state` is working, ask again."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            return service.opinions.explain(rater, _text(message, "message"))

    for fn in (again, trace, explain):
        events.api(fn, api_name=fn.__name__, queue=False)


def _personal_endpoints(service: Service, door: Door) -> None:
    def mine(token: str, request: gr.Request) -> dict[str, Any]:
        """Tell what you agree to, how much is stored of you, and which versions learned from it."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            return service.personal.tell(rater)

    def everything(token: str, request: gr.Request) -> dict[str, Any]:
        """Give all that is stored of you."""
        with told_clearly():
            rater = door.enter(_text(token, "token"), request, FEEDBACK)
            return service.personal.everything(rater)

    def agree(  # what each part is called is the endpoint's signature
        token: str,
        store: bool,  # noqa: FBT001
        train: bool,  # noqa: FBT001
        publish: bool,  # noqa: FBT001
        request: gr.Request,
    ) -> dict[str, Any]:
        """Say what you agree to from now on; without `store`, what there is of you is erased."""
        with told_clearly():
            act = FEEDBACK if store else ERASURE
            rater = door.enter(_text(token, "token"), request, act)
            agreed = service.agree(rater, Agreed(store, train, publish))
            if not store:
                recall(service.loop.exports)
            return agreed

    def erase(token: str, request: gr.Request) -> dict[str, Any]:
        """Erase all there is of you; the token is worth nothing afterwards."""
        with told_clearly():
            erased = service.erase(door.enter(_text(token, "token"), request, ERASURE))
            recall(service.loop.exports)
            return erased

    for fn in (mine, everything, agree, erase):
        events.api(fn, api_name=fn.__name__, queue=False)


def _loop_endpoints(service: Service, door: Door, owner: Owner) -> None:
    def status() -> dict[str, Any]:
        """Served version, counts of feedback, the last cycle with its verdict, and a running one."""
        with told_clearly():
            return service.loop.public()

    def export(format: str, request: gr.Request) -> dict[str, Any]:
        """Write a data set and give the file; needs the header X-Admin-Password."""
        with told_clearly():
            owner.check(request.headers, door.address(request))
            path = service.loop.export(_text(format, "format"))
            return gr.FileData(path=downloadable(path), orig_name=path.name).model_dump()

    events.api(status, api_name="status", queue=False)
    events.api(export, api_name="export", concurrency_limit=1)


def routes(service: Service, door: Door) -> list[Route]:
    """Return the plain HTTP routes: is the server well, and the browsers' signals."""

    async def healthz(request: Request) -> Response:
        del request
        try:
            state = await run_in_threadpool(service.loop.status)
        except (SQLAlchemyError, OSError) as error:
            log.warning("Not healthy: %s", error)
            return JSONResponse({"ok": False, "problem": "The database can't be read."}, 503)
        return JSONResponse({"ok": True, "version": state["version"]})

    async def take_signals(request: Request) -> Response:
        raw = await _body(request)
        if raw is None:
            return PlainTextResponse(f"More than {MAX_BEACON} bytes.\n", 413)
        return await run_in_threadpool(_take_signals, service, door, raw)

    return [
        Route("/healthz", healthz),
        Route(SIGNALS_PATH, take_signals, methods=["POST"]),
    ]


async def _body(request: Request) -> bytes | None:
    """Return what was sent, or None as soon as it is too much."""
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > MAX_BEACON:
            return None
    return raw


def _take_signals(service: Service, door: Door, raw: bytes) -> Response:
    try:
        body = json.loads(raw)
        door.signal(body)
        service.opinions.take_beacon(body)
    except BadToken as error:
        return PlainTextResponse(f"{error}\n", 403)
    except TooMuch as error:
        return PlainTextResponse(f"{error}\n", 429, headers={"Retry-After": str(error.wait)})
    except DatabaseBusy as error:
        return PlainTextResponse(f"{error}\n", 503, headers={"Retry-After": "1"})
    except (ValueError, RecursionError):
        return PlainTextResponse("Not a batch of signals.\n", 400)
    return Response(status_code=204)


def _plain(draft: Draft) -> dict[str, Any]:
    plain: dict[str, Any] = {
        "message": draft.message,
        "text": draft.text,
        "version": draft.version,
        "done": draft.done,
    }
    if draft.ahead:
        plain["ahead"] = draft.ahead
    if not draft.stored:
        plain["stored"] = False
    return plain


def _plain_pair(drafts: list[Draft]) -> dict[str, Any]:
    shown = [{"message": draft.message, "text": draft.text} for draft in drafts]
    return {"drafts": shown, "done": all(draft.done for draft in drafts)}


def _text(value: object, name: str) -> str:
    """Gradio passes on whatever JSON came in; the hint alone checks nothing."""
    if not isinstance(value, str):
        raise ValueError(f"'{name}' must be a text.")  # noqa: TRY004 - shown like other bad input
    return value


def _texts(value: object, name: str) -> list[str]:
    if not isinstance(value, list):
        raise ValueError(f"'{name}' must be a list of texts.")  # noqa: TRY004
    return [_text(item, name) for item in value]
