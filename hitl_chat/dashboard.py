"""The owner's page at /admin: what goes on, and tabs for all the rest. Knows nothing of the chat page.

It is a Gradio app of its own, mounted beside the chat, so that one login covers all of it,
handlers and files included. A tab's panels are read when it is opened; those of trainings and versions
again when a cycle has ended or another version serves.
"""

import contextlib
import html
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import fastapi
import gradio as gr
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from hitl_chat import looks, panels, tables
from hitl_chat.door import Door
from hitl_chat.guard import CALLER, Owner, OwnerOnly
from hitl_chat.limits import TooMuch
from hitl_chat.outward import downloadable
from hitl_chat.raters import Raters
from hitl_chat.review import Review
from hitl_chat.service import Service
from storage import adapters, export
from storage.database import Database, DatabaseBusy
from storage.models import BASE_VERSION

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
AT_ONCE: dict[str, Any] = {**PRIVATE, "queue": False}
EVERY = 3
"""Seconds between two looks."""
TITLE = "Owner's page"
LIVE_REGION = "() => document.querySelector('#announced').setAttribute('aria-live', 'polite')"
"""Gradio has no attribute for it; what appears in there is read out."""


@dataclass(frozen=True)
class Mounted:
    """What the app needs to serve this page under /admin."""

    routes: list[BaseRoute]
    lifespan: Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]


def mounted(
    service: Service, database: Database, owner: Owner, door: Door, options: dict[str, Any]
) -> Mounted:
    """Build the page behind its login; without a password only this machine reaches it."""
    inner = fastapi.FastAPI()
    gr.mount_gradio_app(
        inner,
        build(service, database),
        path="/",
        auth=(lambda _, password: _knows(owner, password)) if owner.password else None,
        auth_message="Any user name; the password is the one set as HITL_ADMIN_PASSWORD.",
        show_error=False,
        ssr_mode=False,
        theme=looks.theme(),
        css=looks.style("owner.css"),
        head=looks.scripts("sentences.js", "owner.js"),
        **options,
    )

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        del app
        async with inner.router.lifespan_context(inner):
            yield

    async def with_slash(request: Request) -> RedirectResponse:
        del request
        return RedirectResponse("admin/")

    routes = [Route("/admin", with_slash), Mount("/admin", OwnerOnly(inner, owner, door.address))]
    return Mounted(routes, lifespan)


def _knows(owner: Owner, password: str) -> bool:
    try:
        return owner.knows(password, CALLER.get())
    except TooMuch as error:
        later = {"Retry-After": str(error.wait)}
        raise fastapi.HTTPException(429, str(error), later) from error


def build(service: Service, database: Database) -> gr.Blocks:
    """Return the page; nothing runs yet."""
    look = _Look(service, database)
    page = gr.Blocks(title=TITLE, delete_cache=(3600, 3600))
    with page:
        gr.HTML(f'<h1>{TITLE}</h1><a href="../">to the chat</a>', elem_id="owner-top")
        announced = gr.HTML(elem_id="announced")
        overview = gr.HTML(elem_id="overview")
        running = gr.HTML(elem_id="running")
        changed = gr.State("")
        with gr.Tabs():
            with gr.Tab("Feedback") as first:
                liking = gr.HTML(elem_id="liking")
            with gr.Tab("Training") as trained:
                cycle = gr.Dropdown(label="Update of cycle", elem_id="cycle")
                curves = gr.HTML(elem_id="curves")
                done = gr.HTML(elem_id="cycles")
            with gr.Tab("Versions") as served:
                version, versions = _versions(look)
            with gr.Tab("Review") as reviewed:
                review = Review(database, service.opinions.explainer)
            with gr.Tab("Raters and bias") as told:
                raters = Raters(database, service.opinions.explainer)
            with gr.Tab("Export"):
                _export(look)
        tick = gr.Timer(EVERY)

        page.load(None, js=LIVE_REGION)
        live = [announced, overview, running, changed]
        gr.on([page.load, tick.tick], look.live, None, live, **AT_ONCE)
        gr.on([page.load, first.select], look.liking, None, liking, **AT_ONCE)
        training = [done, cycle, curves]
        gr.on([trained.select, changed.change], look.training, None, training, **AT_ONCE)
        cycle.input(look.curves, cycle, curves, **AT_ONCE)
        serving = [version, versions]
        gr.on([served.select, changed.change], look.versions, None, serving, **AT_ONCE)
        review.load(reviewed.select)
        raters.load(told.select)
    return page


def _versions(look: "_Look") -> tuple[gr.Dropdown, gr.HTML]:
    with gr.Row(elem_classes="tools row"):
        version = gr.Dropdown(label="Version", elem_id="version", scale=2)
        back = gr.Button("Serve this version", elem_id="serve")
        last = gr.Button("Roll back to the one before", elem_id="roll-back")
    versions = gr.HTML(elem_id="versions")
    back.click(look.serve, version, [version, versions], **PRIVATE)
    last.click(look.roll_back, None, [version, versions], **PRIVATE)
    return version, versions


def _export(look: "_Look") -> None:
    with gr.Row(elem_classes="tools row"):
        name = gr.Dropdown(
            [(f"{n}: {form.sentence}", n) for n, form in export.FORMATS.items()],
            label="Data set",
            value=next(iter(export.FORMATS)),
            elem_id="format",
            scale=2,
        )
        make = gr.Button("Export", elem_id="export")
        file = gr.DownloadButton(visible="hidden", elem_id="file")
    made = make.click(look.export, name, file, **PRIVATE)
    click = "() => document.querySelector('#file').click()"
    made.success(None, None, None, js=click, **PRIVATE)


class _Look:
    """The page's handlers."""

    def __init__(self, service: Service, database: Database) -> None:
        self._service = service
        self._database = database

    def live(self) -> tuple[str, str, str, str]:
        """Return what goes on, and a text that changes when the panels are out of date."""
        status = self._service.loop.status()
        cycle, serving = status["cycle"], status.get("serving")
        stamp = f"{cycle and cycle['id']} {serving and serving['since']}"
        said = tables.announcement(status)
        return said, tables.overview(status), tables.running(status["running"]), stamp

    def liking(self) -> str:
        """Return what was said, and of which version."""
        with self._database.read() as session:
            return panels.liking(session)

    def training(self) -> tuple[str, Any, str]:
        """Return the cycles, those with curves to choose from, and the newest one's curves."""
        with self._database.read() as session:
            known = panels.practised(session)
            choice = gr.Dropdown(choices=known, value=known[0] if known else None)
            return panels.training(session), choice, panels.curves(session, None)

    def curves(self, cycle: int | None) -> str:
        """Return how the update of a cycle went."""
        with self._database.read() as session:
            return panels.curves(session, cycle)

    def versions(self) -> tuple[Any, str]:
        """Return the versions to choose from, with the one that serves chosen, and their tables."""
        with self._database.read() as session:
            names = [*(one.version for one in adapters.versions(session)), BASE_VERSION]
            choice = gr.Dropdown(choices=names, value=adapters.served(session))
            return choice, panels.versions(session)

    def serve(self, version: str | None) -> tuple[Any, str]:
        """Serve the chosen version."""
        if not version:
            gr.Warning("Choose a version first.", title="Nothing changed")
            return self.versions()
        return self._roll_back(version)

    def roll_back(self) -> tuple[Any, str]:
        """Serve the version before the one that serves."""
        return self._roll_back(None)

    def export(self, name: str) -> str:
        """Write a data set; returns the file."""
        try:
            return downloadable(self._service.loop.export(name))
        except (ValueError, OSError) as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from error

    def _roll_back(self, version: str | None) -> tuple[Any, str]:
        try:
            serves = self._service.loop.roll_back(version)
            gr.Info(f"Version {html.escape(serves)} serves from now on.")
        except (ValueError, DatabaseBusy) as error:
            gr.Warning(html.escape(str(error)), title="Nothing changed")
        return self.versions()
