"""Why the reward head likes an answer: what each token adds to its score. Knows no page.

python -m training.explain --message ID

prints one JSON line. A process of its own, since the chat has no torch: the newest head is read, the
base's frozen layers run over this one answer, and that is all.

Shapes: B answers, of which there is one, of T tokens.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import Any

import torch

from storage import transcripts
from storage.database import Database, DatabaseBusy, DatabaseUnusable
from storage.home import Home, HomeError
from storage.models import Message
from training import heads, targets
from training.base import Base, ModelMissing, load_base, quick_dtype
from training.config import ConfigError, TrainingConfig
from training.gguf import wanted
from training.heads import NoHead, Reading
from training.policy import Policy
from training.process import stand_back
from training.prompts import Answer, Turn
from training.reward_head import RewardHead, spread
from training.rollout import answer_ids, given, token_features

BROKEN = "\ufffd"
"""Stands at the end of a text while the last token holds only half a character."""
OTHER_BASE = "The newest reward head was fitted on {base}. The next training fits one anew."
MENDABLE = (ConfigError, ModelMissing, HomeError, DatabaseUnusable, DatabaseBusy, NoHead)


class NoAnswer(ValueError):
    """There is no such answer, or nothing in it; shown to whoever asks."""


def explain(base: Base, head: RewardHead, reading: Reading, item: tuple[list[Turn], Answer]) -> Any:  # noqa: ANN401 - JSON
    """Return what the head makes of an answer to some turns, as plain values.

    `mean` is how many people would like it, as a share, and `spread` how much the head's members
    differ about that. An average answer gets `start`; what is between the two is the sum of the
    tokens' shares and of what its length and markup do, `form`. The last token, without text, is
    that it ends there, unless it was stopped or cut; what is beyond the head's limit is the `rest`.

    Raises:
        NoHead: the head was fitted on another base.
    """
    if reading.base != base.name:
        raise NoHead(OTHER_BASE.format(base=reading.base))
    layers = int(base.model.config.num_hidden_layers)
    config = replace(
        TrainingConfig(),
        lora_layers=max(1, layers - reading.frozen),
        max_prompt=reading.max_prompt,
        max_answer=reading.max_answer,
    )
    with closing(Policy(base, config)) as policy:
        answers = given(policy, [item], config)
    if answers.features_BF.shape[1] != len(head.mean_F):
        raise NoHead(OTHER_BASE.format(base="another model of this name"))
    tokens_BTF = token_features(base, answers.ids_BT, answers.trunk_BTD)
    mask_BT = answers.mask_BT.cpu()
    told_BT = head.told(answers.features_BF, tokens_BTF, mask_BT)
    members_BK = head.members(answers.features_BF)
    mean, start = float(members_BK.mean()), float(head.bias_K.sigmoid().mean())
    shares = told_BT[mask_BT].tolist()
    tokens = pieces(base, answers.ids_BT[answers.mask_BT].tolist(), shares)
    whole = answer_ids(base, item[1])
    return {
        "cycle": reading.cycle,
        "mean": mean,
        "spread": float(spread(members_BK)),
        "start": start,
        "form": mean - start - sum(shares),
        "tokens": [{"text": text, "share": share} for text, share in tokens],
        "rest": _text(base, whole)[len(_text(base, whole[: reading.max_answer])) :],
    }


def pieces(base: Base, ids: list[int], shares: list[float]) -> list[tuple[str, float]]:
    """Return the tokens' texts with their shares; tokens that halve a character are put together."""
    found: list[tuple[str, float]] = []
    said, share = "", 0.0
    for place, one in enumerate(ids):
        share += shares[place]
        now = _text(base, ids[: place + 1])
        last = place + 1 == len(ids)
        if now.endswith(BROKEN) and not last:
            continue
        if one in base.stop_ids and now != said:  # half a character, then the end
            found.append((now[len(said) :], share - shares[place]))
            said, share = now, shares[place]
        found.append((now[len(said) :], share))
        said, share = now, 0.0
    return found


def _text(base: Base, ids: list[int]) -> str:
    text: str = base.tokenizer.decode(
        ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
    )
    return text


def read(database: Database, message: str) -> tuple[list[Turn], Answer]:
    """Return the turns that an answer was given to, and the answer.

    Raises:
        NoAnswer: there is none of this id, or it has no text.
    """
    with database.read() as session:
        answer = session.get(Message, message)
        if answer is None or answer.role != "assistant" or not answer.text.strip():
            raise NoAnswer(f"There is no answer '{message}' with a text.")
        transcript = transcripts.of(session, answer.conversation_id)
        return transcript.prompt(answer), targets.given(answer)


def main(argv: Sequence[str], env: Mapping[str, str]) -> int:
    """Explain one answer; returns the exit status."""
    options = _options().parse_args(argv)
    try:
        config, home = TrainingConfig.from_env(env), Home.from_env(env)
        head, reading = heads.load(home.head)
        with closing(Database.existing(home)) as database:
            item = read(database, options.message)
        base = load_base(wanted(env), home, quick_dtype())
        told = explain(base, head, reading, item)
    except (*MENDABLE, NoAnswer) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    share = 1 - config.reward_share if config.reward_function else 1.0
    sys.stdout.write(json.dumps({"message": options.message, "head_share": share} | told) + "\n")
    return 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m training.explain", description="What each token adds to an answer's score."
    )
    parser.add_argument("--message", required=True, metavar="ID", help="the answer's id")
    return parser


if __name__ == "__main__":
    stand_back()
    torch.set_num_threads(1)  # the others belong to chat
    sys.exit(main(sys.argv[1:], os.environ))
