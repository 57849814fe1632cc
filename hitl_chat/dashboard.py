"""The owner's page at /admin: versions, cycles, metrics, exports. Knows nothing of the chat page.

It is a Gradio app of its own, mounted beside the chat, so that one login covers all of it,
handlers and files included.
"""

import contextlib
import html
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import fastapi
import gradio as gr
from sqlalchemy.orm import Session
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse
from starlette.routing import BaseRoute, Mount, Route

from hitl_chat import looks, tables
from hitl_chat.guard import Owner, OwnerOnly
from hitl_chat.outward import downloadable
from hitl_chat.service import Service
from storage import adapters, cycles, export
from storage.database import Database, DatabaseBusy
from storage.models import BASE_VERSION

PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
EVERY = 3
"""Seconds between two looks."""
TITLE = "Owner's page"
SHOWN_CYCLES = 50


@dataclass(frozen=True)
class Mounted:
    """What the app needs to serve this page under /admin."""

    routes: list[BaseRoute]
    lifespan: Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]


def mounted(service: Service, database: Database, owner: Owner, options: dict[str, Any]) -> Mounted:
    """Build the page behind its login; without a password only this machine reaches it."""
    inner = fastapi.FastAPI()
    gr.mount_gradio_app(
        inner,
        build(service, database),
        path="/",
        auth=(lambda _, password: owner.knows(password)) if owner.password else None,
        auth_message="Any user name; the password is the one set as HITL_ADMIN_PASSWORD.",
        show_error=False,
        ssr_mode=False,
        theme=looks.theme(),
        css=looks.style(),
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

    routes = [Route("/admin", with_slash), Mount("/admin", OwnerOnly(inner, owner))]
    return Mounted(routes, lifespan)


def build(service: Service, database: Database) -> gr.Blocks:
    """Return the page; nothing runs yet."""
    look = _Look(service, database)
    page = gr.Blocks(title=TITLE, delete_cache=(3600, 3600))
    with page:
        gr.HTML(f'<h1>{TITLE}</h1><a href="../">to the chat</a>', elem_id="owner-top")
        overview = gr.HTML()
        running = gr.HTML(elem_id="running")
        with gr.Row(elem_classes="tools row"):
            version = gr.Dropdown(label="Version", elem_id="version", scale=2)
            back = gr.Button("Serve this version", elem_id="serve")
            last = gr.Button("Roll back to the one before", elem_id="roll-back")
        versions = gr.HTML(elem_id="versions")
        done = gr.HTML(elem_id="cycles")
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
        tick = gr.Timer(EVERY)

        live = [overview, running, versions, done]
        gr.on([page.load, tick.tick], look.live, None, live, queue=False, **PRIVATE)
        page.load(look.choices, None, version, queue=False, **PRIVATE)
        back.click(look.serve, version, live, **PRIVATE)
        last.click(look.roll_back, None, live, **PRIVATE)
        click = "() => document.querySelector('#file').click()"
        made = make.click(look.export, name, file, **PRIVATE)
        made.success(None, None, None, js=click, **PRIVATE)
        versions.change(look.names, None, version, queue=False, **PRIVATE)
    return page


class _Look:
    """The page's handlers."""

    def __init__(self, service: Service, database: Database) -> None:
        self._service = service
        self._database = database

    def live(self) -> tuple[str, str, str, str]:
        """Return all panels as they are now."""
        status = self._service.status()
        with self._database.read() as session:
            recent = cycles.recent(session, SHOWN_CYCLES)
            known, history = adapters.versions(session), adapters.history(session)
            versions = tables.versions(known, history, adapters.served(session))
            done = tables.cycles(recent) + tables.rewards(recent) + tables.implicit(recent)
        return tables.overview(status), tables.running(status["running"]), versions, done

    def choices(self) -> Any:  # noqa: ANN401 - a Gradio update
        """Return the versions to choose from, with the one that serves chosen."""
        with self._database.read() as session:
            return gr.Dropdown(choices=_names(session), value=adapters.served(session))

    def names(self) -> Any:  # noqa: ANN401 - a Gradio update
        """Return the versions to choose from; what is chosen stays."""
        with self._database.read() as session:
            return gr.Dropdown(choices=_names(session))

    def serve(self, version: str | None) -> tuple[str, str, str, str]:
        """Serve the chosen version."""
        if not version:
            gr.Warning("Choose a version first.", title="Nothing changed")
            return self.live()
        return self._roll_back(version)

    def roll_back(self) -> tuple[str, str, str, str]:
        """Serve the version before the one that serves."""
        return self._roll_back(None)

    def export(self, name: str) -> str:
        """Write a data set; returns the file."""
        try:
            return downloadable(self._service.export(name))
        except (ValueError, OSError) as error:
            raise gr.Error(html.escape(str(error)), print_exception=False) from error

    def _roll_back(self, version: str | None) -> tuple[str, str, str, str]:
        try:
            serves = self._service.roll_back(version)
            gr.Info(f"Version {html.escape(serves)} serves from now on.")
        except (ValueError, DatabaseBusy) as error:
            gr.Warning(html.escape(str(error)), title="Nothing changed")
        return self.live()


def _names(session: Session) -> list[str]:
    return [*(adapter.version for adapter in adapters.versions(session)), BASE_VERSION]
