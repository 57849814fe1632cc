"""The cards that go with a data set and with an adapter, in the Hub's form. Knows no network.

A card says what is known and no more: figures come from the data, and what only the host can say,
such as a licence, stays open unless it was given.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from storage.consent import Purpose
from storage.formats import FORMATS
from storage.statistics import Statistics


def data_set(
    name: str,
    files: Mapping[str, int],
    found: Statistics,
    replaced: Counter[str] | None,
    licence: str = "",
    purpose: Purpose = "train",
) -> str:
    """Return the card of a data set whose files hold so many rows; None: nothing was replaced."""
    head = _head(
        {
            **({"license": licence} if licence else {}),
            "pretty_name": f"Feedback on a chat that learns ({name})",
            "task_categories": ["text-generation"],
            "tags": ["human-feedback", "rlhf", *(["trl"] if name.startswith("trl") else [])],
            "configs": [
                {
                    "config_name": "default",
                    "data_files": [{"split": _split(f), "path": f} for f in files],
                }
            ],
        }
    )
    return f"""{head}
# Feedback on a chat that learns

Format `{name}`: {FORMATS[name].sentence}.

## Statistics

{_table([(f"Rows in `{file}`", rows) for file, rows in files.items()] + _figures(found))}

{_table([(f"Answers by `{version}`", n) for version, n in sorted(found.versions.items())])}

{_reasons(found)}

## How it was collected

People chatted with a language model in a browser or through an API and said of its answers what they
liked: thumbs with reasons and a comment, edits into what they wanted, choices between two drafts. They
chose themselves what to talk about and what to rate; nobody was shown a set of prompts. Of each
opinion the newest counts. Equal rows stand here once.

## Consent and personal data

{_privacy(replaced)} Names of people and places are not looked for. Raters stand under a pseudonym that
is the same in every export. {_consent(purpose)}

## Known biases

- Who rates chose to: {len(found.raters)} people, and the busiest gave {found.busiest:.0%} of all opinions.
- {_ratio("Liked among rated answers", found.likes, found.likes + found.dislikes)}
- Length: {_words(found)}
- Order: {_ratio("the draft shown first was preferred", found.first_chosen, found.choices)}
- Answers come from the versions above, which were trained on earlier feedback of the same people.
- Language, age and origin of the people are not known.

## Licence

{licence or "None was named. Ask whoever published this before you use it."}
"""


def adapter(manifest: Mapping[str, Any], cycle: Mapping[str, Any], licence: str = "") -> str:
    """Return the card of an adapter, from its manifest and the journal of the cycle that made it."""
    base = str(manifest.get("base", ""))
    head = _head(
        {
            **({"license": licence} if licence else {}),
            "library_name": "peft",
            "base_model": base,
            "pipeline_tag": "text-generation",
            "tags": ["lora", "rlhf"],
        }
    )
    return f"""{head}
# {manifest["version"]}

A LoRA adapter of `{base}`, trained on what people said of its answers in a chat.
Its parent is `{manifest.get("parent", "base")}`.

```python
from peft import PeftModel
from transformers import AutoModelForCausalLM

model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "<this repository>")
```

## How it was trained

A reward head was fitted on the feedback; the adapter was updated for answers that it scores high, and
promoted because it surely won more than half of the held-out questions. The journal's own figures:

```json
{json.dumps(cycle, indent=2, sort_keys=True, default=str)}
```

## Consent

The people whose feedback this was trained on, and what they agreed to, are for the host to name here.

## Known biases

It does what these people liked, not what is right: it may flatter, and be longer or shorter than it
should. It was compared with its parent on some questions, and on 25 plain facts and refusals; nobody
has looked for anything else.

## Licence

{licence or "None was named, besides what the base model's asks. Ask whoever published this."}
"""


def _head(fields: Mapping[str, Any]) -> str:
    """Return YAML; JSON is YAML, and quotes whatever may stand in a name."""
    lines = [f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in fields.items()]
    return "\n".join(["---", *lines, "---", ""])


def _figures(found: Statistics) -> list[tuple[str, object]]:
    return [
        ("Conversations", found.conversations),
        ("Answers", found.answers),
        ("People who said something", len(found.raters)),
        ("Likes", found.likes),
        ("Dislikes", found.dislikes),
        ("Edits", found.edits),
        ("Choices between drafts", found.choices),
        ("First answer", found.first and f"{found.first:%Y-%m-%d}"),
        ("Last answer", found.last and f"{found.last:%Y-%m-%d}"),
    ]


def _table(rows: Sequence[tuple[str, object]]) -> str:
    lines = [f"| {_cell(what)} | {'' if figure is None else figure} |" for what, figure in rows]
    return "\n".join(["| What | How many |", "|---|---|", *lines])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _reasons(found: Statistics) -> str:
    if not found.reasons:
        return "Nobody gave reasons."
    return _table([(f"Reason: {reason}", n) for reason, n in sorted(found.reasons.items())])


def _privacy(replaced: Counter[str] | None) -> str:
    if replaced is None:
        return "Personal data were left as they are."
    kinds = ", ".join(f"{n} of kind {kind}" for kind, n in sorted(replaced.items())) or "none found"
    return (
        "Emails, phone, card and account numbers, national ids, IP addresses, keys and passwords were "
        f"replaced where they were recognised: {kinds}."
    )


def _consent(purpose: Purpose) -> str:
    if purpose == "publish":
        return (
            "Only people who said yes to a publication are in it; how they can take that back is for "
            "the host to say here."
        )
    return (
        "Nobody is in it who doesn't agree to training. Who said yes to a publication was not looked "
        "at, so this is not to be handed on."
    )


def _words(found: Statistics) -> str:
    if not found.likes or not found.dislikes:
        return "liked and disliked answers can't be compared yet."
    liked, disliked = found.liked_words / found.likes, found.disliked_words / found.dislikes
    return f"liked answers have {liked:.0f} words on average, disliked ones {disliked:.0f}."


def _ratio(what: str, part: int, whole: int) -> str:
    return f"{what}: {part} of {whole}." if whole else f"{what}: nobody has said yet."


def _split(file: str) -> str:
    return "test" if ".test." in file else "train"
