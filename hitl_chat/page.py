"""The chat page: its parts and their wiring. Knows no table; what events do stands in `handlers`."""

import hashlib
import hmac
from typing import Any

import gradio as gr

from hitl_chat import api
from hitl_chat.door import Door
from hitl_chat.fileless import Fileless
from hitl_chat.guard import Owner
from hitl_chat.handlers import Handlers
from hitl_chat.pacing import Pace
from hitl_chat.processes import processors
from hitl_chat.service import Service
from hitl_chat.settings import Settings

TITLE = "Chat that learns"
STORAGE_KEY = "hitl-chat"
PRIVATE: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
STREAMING: dict[str, Any] = {
    **PRIVATE,
    "concurrency_limit": api.AT_ONCE,
    "concurrency_id": "answers",
}
AT_ONCE: dict[str, Any] = {**PRIVATE, "concurrency_limit": None}
"""Short events: they still go through the queue, without which Gradio shows no warnings."""

TOP = f'<h1>{TITLE}</h1><details id="mine"><summary>Your data</summary><div></div></details>'
STATUS = """<details id="learning">
<summary><span>…</span><progress max="1" value="0" hidden aria-label="Training"></progress></summary>
<dl></dl></details>"""
BRIDGE = "window.hitl.connect(trigger); window.hitlStatus.look()"


def build(service: Service, door: Door, owner: Owner, settings: Settings) -> gr.Blocks:
    """Return the page with its named endpoints; nothing runs yet."""
    pace = Pace(processors())
    page = Fileless(title=TITLE, fill_height=True, delete_cache=(3600, 3600))
    with page:
        api.endpoints(service, door, owner, pace)  # first, so that no handler takes a promised name
        handlers = Handlers(service, door, pace, api.SIGNALS_PATH)
        _wire(page, handlers, settings)
    return page


def _wire(page: gr.Blocks, handlers: Handlers, settings: Settings) -> None:
    who = gr.BrowserState(None, storage_key=STORAGE_KEY, secret=_storage_secret(settings.secret))
    keys = gr.JSON(visible=False)
    with gr.Row(elem_id="top"):
        gr.HTML(TOP)
        if settings.sign_in:  # it also makes Gradio serve /login and /logout
            gr.LoginButton(
                "Sign in",
                "Sign out ({})",
                variant="secondary",
                size="sm",
                icon=None,
                elem_id="sign-in",
            )
        new = gr.Button("New conversation", elem_id="new", size="sm")
    chat = gr.Chatbot(
        elem_id="chat",
        show_label=False,
        container=False,
        buttons=[],
        feedback_options=None,
        group_consecutive_messages=False,
        allow_tags=False,
        height=None,
        placeholder="Ask something. Rate, edit or redo the answers: the model learns from that.",
    )
    box = gr.Textbox(
        elem_id="box",
        show_label=False,
        label="Message",
        placeholder="Type a message",
        container=False,
        max_lines=8,
        submit_btn=True,
        autofocus=True,
    )
    gr.HTML(STATUS, elem_id="status")
    bridge = gr.HTML(elem_id="bridge", js_on_load=BRIDGE)

    chat.change(None, chat, None, js="(v) => { window.hitl.sync(v) }", **PRIVATE)
    page.load(handlers.load, who, [who, chat, keys], **AT_ONCE)
    keys.change(None, keys, None, js="(k) => { window.hitl.init(k) }", **PRIVATE)

    # "multiple": by default Gradio drops what is sent while it still holds an event that it cancels.
    asked = box.submit(
        handlers.send,
        [box, who],
        [chat, box, who, keys],
        trigger_mode="multiple",
        **STREAMING,
    )
    again = bridge.submit(handlers.regenerate, who, [chat, box], **STREAMING)
    for stream in (asked, again):
        stream.then(handlers.settle, who, [chat, box], **AT_ONCE)
    box.stop(handlers.stop, who, None, **AT_ONCE)
    bridge.select(handlers.pick, who, chat, **AT_ONCE)
    bridge.undo(handlers.undo, [box, who], [chat, box], **AT_ONCE)
    # The page empties one round trip later: only then has Gradio let go of what it cancels, and
    # until it has, it would swallow the next message.
    started = new.click(handlers.fresh, who, who, cancels=[asked, again], **AT_ONCE)
    started.then(handlers.show, who, chat, **AT_ONCE)


def _storage_secret(secret: bytes) -> str:
    """Every browser sees this one, so it mustn't be the key that signs tokens."""
    return hmac.new(secret, b"browser storage", hashlib.sha256).hexdigest()[:32]
