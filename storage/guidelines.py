"""By what an answer is scored, task by task, and what people are told about it. Knows no table.

A guideline's name ends in the version of its words and is stored with every score. Whoever changes
the words adds a version here and keeps the old one, so that old scores still say what they meant.
"""

from dataclasses import dataclass

LOWEST, HIGHEST = 1, 5


@dataclass(frozen=True)
class Guideline:
    """The criteria of one task, each with what earns a 5."""

    task: str
    version: int
    criteria: dict[str, str]

    @property
    def name(self) -> str:
        """Return what is stored with a score."""
        return f"{self.task}-{self.version}"


CURRENT = (
    Guideline(
        "dialogue",
        1,
        {
            "natural": "Reads as a person would say it.",
            "logical": "Follows from what was said, without contradicting itself.",
            "informative": "Tells what was asked for, and nothing beside it.",
        },
    ),
    Guideline(
        "summarisation",
        1,
        {
            "fluent": "Reads well by itself.",
            "accurate": "Says nothing that the text doesn't.",
            "complete": "Leaves out nothing that matters.",
        },
    ),
    Guideline(
        "translation",
        1,
        {
            "faithful": "Means what the original means.",
            "fluent": "Could have been written in this language.",
            "fitting": "Keeps tone, names and terms.",
        },
    ),
    Guideline(
        "code",
        1,
        {
            "correct": "Runs and does what was asked.",
            "complete": "Handles the cases that were named.",
            "readable": "A colleague would understand and keep it.",
        },
    ),
)
"""What the page offers, the usual task first."""

KNOWN = {guideline.name: guideline for guideline in CURRENT}
"""Every guideline that a score may name, older versions included."""

TASKS = tuple(dict.fromkeys(guideline.task for guideline in KNOWN.values()))
