"""Markdown as nested values that a page builds elements from, such as `{"tag": "em", "inside": ["so"]}`.

Only what forms text. A link or a picture is its text, and HTML stays as it was written: whoever makes
elements of these tags and sets all else as text shows what a model wrote and neither fetches nor runs it.
Knows no page.
"""

from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Node = str | dict[str, Any]
"""A text; or a `tag`, the nodes `inside`, and, of a list that doesn't begin with 1, its `start`."""

TAGS = {
    "paragraph": "p",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "blockquote": "blockquote",
    "hr": "hr",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
    "strong": "strong",
    "em": "em",
    "s": "s",
    "softbreak": "br",  # as in the chat, where a line of the source is a line
    "hardbreak": "br",
}
_PARSER = MarkdownIt("commonmark", {"html": False, "maxNesting": 100})
_PARSER.enable(["table", "strikethrough"])


def nodes(text: str) -> list[Node]:
    """Return what a Markdown text says and how it is formed; what lies a hundred deep is left out."""
    return _inside(SyntaxTreeNode(_PARSER.parse(text)))


def _inside(node: SyntaxTreeNode) -> list[Node]:
    return [made for child in node.children for made in _made(child)]


def _made(node: SyntaxTreeNode) -> list[Node]:
    """Return what a part of the text comes to: where it forms nothing, what is inside."""
    if node.type in ("fence", "code_block"):
        return [_element("pre", [_element("code", [node.content])])]
    if node.type == "code_inline":
        return [_element("code", [node.content])]
    if node.type == "heading":  # only bold: it is no heading of the page
        return [_element("p", [_element("strong", _inside(node))])]
    if node.type in TAGS and not node.hidden:
        start = {"start": node.attrs["start"]} if "start" in node.attrs else {}
        return [_element(TAGS[node.type], _inside(node)) | start]
    return _inside(node) or ([node.content] if node.content else [])


def _element(tag: str, inside: list[Node]) -> dict[str, Any]:
    return {"tag": tag, "inside": inside}
