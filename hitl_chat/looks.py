"""Theme, style and scripts of both pages. Nothing is fetched from elsewhere: fonts are the system's."""

from pathlib import Path

import gradio as gr

ASSETS = Path(__file__).parent / "assets"
SCRIPTS = (
    "sentences.js",
    "words.js",
    "told.js",
    "parts.js",
    "signals.js",
    "mine.js",
    "forms.js",
    "heat.js",
    "beside.js",
    "answers.js",
    "status.js",
)
"""The chat page's, in this order: the later ones call the earlier ones."""


def theme() -> gr.themes.Base:
    """Return the theme that the style sheet builds on."""
    return gr.themes.Default(
        primary_hue="teal",
        neutral_hue="slate",
        font=["ui-sans-serif", "system-ui", "sans-serif"],
        font_mono=["ui-monospace", "monospace"],
    )


def style(*more: str) -> str:
    """Return the style sheet that both pages share, and more of them."""
    return "\n".join((ASSETS / name).read_text() for name in ("style.css", *more))


def scripts(*names: str) -> str:
    """Return a page's scripts, for its head."""
    together = "\n".join((ASSETS / name).read_text() for name in names)
    return f"<script>\n{together}</script>"
