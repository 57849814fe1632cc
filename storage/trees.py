"""A conversation as Open Assistant's message trees. Pure: knows no file.

Nodes have exactly the fields of `oasst_data`'s ExportMessageNode; what it has and we don't is null.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from typing import Any

from storage.models import Message
from storage.names import pseudonym
from storage.transcripts import Transcript

Row = dict[str, Any]

DEEPEST = 100
"""Messages that hang under each other in one tree. What is deeper begins a tree of its own, with the
`parent_id` that it has: readers of JSON refuse what is nested some hundred times."""


def trees(t: Transcript, answers: Sequence[Message]) -> Iterator[Row]:
    """Yield the conversation as trees, each from a message that begins it.

    An answer that isn't to be spoken of is left out with all that followed it; a tree without
    answers is no tree.
    """
    orchard = _Orchard(t, answers)
    roots = deque(orchard.children[None])
    while roots:
        root = roots.popleft()
        nodes, deeper = orchard.grow(root)
        if any(node["role"] == "assistant" for node in nodes):
            yield {
                "message_tree_id": root.id,
                "tree_state": "ready_for_export",
                "prompt": nodes[0],
                "origin": "chat",
            }
        roots.extend(deeper)


class _Orchard:
    """What all trees of one conversation share."""

    def __init__(self, t: Transcript, answers: Sequence[Message]) -> None:
        self._t = t
        self._ratings = t.ratings()
        self._user = pseudonym(t.rater)
        self._beaten = _beaten(t)
        self.children: dict[str | None, list[Message]] = defaultdict(list)
        spoken_of = {answer.id for answer in answers}
        for message in sorted(t.messages.values(), key=lambda m: (m.created_at, m.id)):
            if message.role == "user" or message.id in spoken_of:
                self.children[message.parent_id].append(message)

    def grow(self, root: Message) -> tuple[list[Row], list[Message]]:
        """Return the nodes from `root` down, itself first, and the messages that were too deep."""
        nodes: list[Row] = []
        deeper: list[Message] = []
        waiting: list[tuple[Message, list[Row], int]] = [(root, [], 1)]
        while waiting:
            message, beside, depth = waiting.pop()
            node = self._node(message)
            nodes.append(node)
            beside.append(node)
            under = self.children[message.id]
            if depth == DEEPEST:
                deeper.extend(under)
            else:
                waiting.extend((m, node["replies"], depth + 1) for m in reversed(under))
        return nodes, deeper

    def _node(self, message: Message) -> Row:
        answer = message.role == "assistant"
        rating = self._ratings.get(message.id, 0)
        return {
            "message_id": message.id,
            "parent_id": message.parent_id,
            "user_id": None if answer else self._user,
            "created_date": message.created_at,
            "text": message.text,
            "role": "assistant" if answer else "prompter",
            "lang": None,
            "review_count": 1 if rating else 0,
            "review_result": rating > 0 if rating else None,
            "deleted": False,
            "rank": self._beaten.get(message.id),
            "synthetic": answer,
            "model_name": message.version,
            "emojis": {"+1" if rating > 0 else "-1": 1} if rating else {},
            "replies": [],
            "labels": {"quality": {"value": float(rating > 0), "count": 1}} if rating else {},
            "events": self._events(message),
            "tree_state": None,
        }

    def _events(self, message: Message) -> dict[str, list[Row]]:
        ratings = [
            {"type": "rating", "user_id": self._user, "rating": str(f.value or 0)}
            for f in self._t.said_of(message)
            if f.kind == "rating"
        ]
        return {"rating": ratings} if ratings else {}


def _beaten(t: Transcript) -> dict[str, int]:
    """Return, for each compared draft, how many others were chosen over it: its rank."""
    times: dict[str, int] = {}
    for pair, choice in t.choices().items():
        if choice.verdict == "better":
            for draft in pair:
                times[draft] = times.get(draft, 0) + (draft != choice.message_id)
    return times
