"""Of whom a simulated crowd is made, and how its people err: numbers, each with its bound.

Knows where a value comes from (a flag), not what is done with it.
"""

import argparse
from dataclasses import dataclass, field, fields
from typing import Any

FEWEST_HONEST = 0.1


class MixError(ValueError):
    """A crowd can't be made like that; shown to whoever starts the simulation."""


def number(most: float, sentence: str) -> Any:  # noqa: ANN401
    """Declare a number from 0, its default, to `most`; the type of `most` is its type."""
    return field(default=type(most)(0), metadata={"most": most, "sentence": sentence})


@dataclass(frozen=True)
class Mix:
    """With everything at 0, all people are honest, of one mind, and always say what they think.

    `silent`, `flippers` and `length_lovers` are shares of all people who come. Each of them asks as
    much as an honest one, in addition to what the honest ones do.
    """

    # How honest people err
    noise: float = number(1.0, "chance that a thumb or a choice is turned")
    disagreement: float = number(10.0, "spread of people's own minds around the taste")
    position_bias: float = number(1.0, "chance that the first of two drafts is taken unread")
    length_bias: float = number(1.0, "added to what is felt when an answer is twice as long")

    # What they do besides thumbs
    compare: float = number(0.9, "share of questions asked as a comparison of two drafts")
    silent: float = number(0.9, "share of people who rate nothing; what people do is noted then")

    # Who means harm
    flippers: float = number(0.9, "share of people who turn every thumb")
    length_lovers: float = number(0.9, "share of people who rate by length alone")
    flooder: int = number(100_000, "likes that one person gives to what the taste hates")
    sybils: int = number(10_000, "raters who turn one or two thumbs each and vanish")

    def __post_init__(self) -> None:
        for f in fields(self):
            value, most = getattr(self, f.name), f.metadata["most"]
            if not 0 <= value <= most:
                raise MixError(f"{_flag(f.name)} is {value}; use 0 to {most}")
        if self.honest < FEWEST_HONEST:
            raise MixError(
                f"--silent, --flippers and --length-lovers leave {self.honest:.0%} of the people; "
                f"leave {FEWEST_HONEST:.0%} or more"
            )

    @property
    def honest(self) -> float:
        """The share of people who rate, and mean it."""
        return round(1 - self.silent - self.flippers - self.length_lovers, 9)

    @classmethod
    def from_options(cls, options: argparse.Namespace) -> "Mix":
        """Read what `add_flags` declared.

        Raises:
            MixError: a value leaves its bounds.
        """
        return cls(**{f.name: getattr(options, f.name) for f in fields(cls)})


def add_flags(parser: argparse.ArgumentParser) -> None:
    """Declare a flag for each number."""
    group = parser.add_argument_group("the crowd; everything is 0 unless said")
    for f in fields(Mix):
        kind = type(f.default)
        group.add_argument(
            _flag(f.name), type=kind, default=f.default, metavar="N", help=f.metadata["sentence"]
        )


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
