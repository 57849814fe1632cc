"""Every setting of the training side, with its bound and one sentence.

Knows where a value comes from (a mapping such as `os.environ`), not what is done with it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


class ConfigError(ValueError):
    """A setting is out of bounds; shown to whoever starts the trainer."""


def number(default: float, low: float, high: float, sentence: str) -> Any:  # noqa: ANN401
    """Declare a bounded setting; the type of `default` is the type of the setting."""
    bound = {"holds": lambda value: low <= value <= high, "text": f"{low} to {high}"}
    return field(default=default, metadata={**bound, "sentence": sentence})


def choice(options: tuple[str, ...], sentence: str) -> Any:  # noqa: ANN401
    """Declare a setting that is one of some words; the first is the default."""
    bound = {"holds": options.__contains__, "text": " or ".join(options)}
    return field(default=options[0], metadata={**bound, "sentence": sentence})


def text(sentence: str) -> Any:  # noqa: ANN401
    """Declare a setting of any words, empty by default; whoever uses it says what is wrong with it."""
    return field(default="", metadata={"holds": lambda _: True, "text": "", "sentence": sentence})


@dataclass(frozen=True)
class TrainingConfig:
    """How feedback becomes an adapter. Each field is the setting `HITL_<NAME>`."""

    # When a cycle runs
    train_after: int = number(16, 1, 100_000, "New feedback that makes a training due.")
    train_every: float = number(60, 0, 86_400, "Seconds between the end of one cycle and the next.")
    min_labels: int = number(12, 2, 100_000, "Labelled answers below which no head is fitted.")
    max_chance: float = number(
        0.2, 0.0, 1.0, "How often feedback dealt out by chance may fit as well; 1 learns from any."
    )
    min_of_rater: int = number(
        1, 1, 1_000, "Opinions below which a rater's don't count; 1 counts everyone's."
    )
    heldout_share: float = number(0.2, 0.05, 0.5, "Share of conversations kept for evaluation.")

    # The reward head
    reward_head: str = choice(
        ("linear", "mlp"), "A linear map, or a small neural net: hidden units beside the map."
    )
    reward_caution: float = number(
        0.5, 0.0, 10.0, "How much of the ensemble's spread is taken off a score."
    )

    reward_function: str = text(
        "The host's own idea of a good answer, FILE.py:FUNCTION; (question, answer) to 0..1."
    )
    reward_share: float = number(
        0.5, 0.0, 1.0, "Share of that function in the reward; 1 leaves the head out."
    )

    # The adapter
    lora_rank: int = number(
        16, 1, 256, "Rank of the LoRA matrices of the first version; later ones go on from it."
    )
    lora_layers: int = number(
        10, 1, 1_000, "How many layers, from the top, the first version adapts; likewise."
    )
    max_prompt: int = number(512, 16, 8_192, "Prompt tokens that training looks at.")
    max_answer: int = number(64, 4, 2_048, "Answer tokens that training looks at.")
    temperature: float = number(0.7, 0.0, 2.0, "Sampling temperature of answers, 0 (greedy) to 2.")

    # The update
    update: str = choice(
        ("ppo", "kto", "dpo", "sft"), "What trains the adapter: ppo, or TRL's kto, dpo or sft."
    )

    # The tilt: before the first rollout, towards words that the reward head likes
    tilt_kl: float = number(0.4, 0.0, 10.0, "How far the tilt goes, in nats of KL per token.")
    tilt_sharpness: float = number(
        1.3, 1.0, 10.0, "Power of the base's probabilities in the tilt; above 1 it is surer."
    )
    tilt_ahead: float = number(
        0.0, 0.0, 10.0, "How much it counts what a token leads to; 0 looks at no other tokens."
    )
    tilt_steps: int = number(24, 0, 10_000, "Gradient steps of the tilt; 0 leaves it out.")
    tilt_rate: float = number(5e-3, 1e-7, 1e-1, "Learning rate of the tilt (AdamW, falling to 0).")

    # The PPO update
    updates: int = number(4, 1, 1_000, "PPO updates in a cycle, unless a stop rule ends it.")
    exam_every: int = number(2, 1, 1_000, "Updates between two looks at unpractised questions.")
    patience: int = number(2, 1, 1_000, "Looks without a better score that end the run.")
    rollouts: int = number(32, 2, 4_096, "Answers drawn for one update.")
    candidates: int = number(4, 1, 64, "Answers drawn to the same prompt; must divide the above.")
    epochs: int = number(2, 1, 16, "Passes over the rollouts of one update.")
    minibatch: int = number(16, 1, 1_024, "Answers in one gradient step.")
    learning_rate: float = number(2e-3, 1e-7, 1e-1, "Learning rate of the adapter (AdamW).")
    value_rate: float = number(1e-2, 1e-7, 1.0, "Learning rate of the value head.")
    clip: float = number(0.2, 0.01, 1.0, "Clip range of the importance ratio and of the values.")
    gamma: float = number(1.0, 0.0, 1.0, "Discount.")
    lam: float = number(0.9, 0.0, 1.0, "Lambda of GAE: how far ahead a token is judged.")
    kl_coef: float = number(
        0.01, 0.0, 10.0, "Price of a nat of KL to the base, in standard deviations of the score."
    )
    surprise_coef: float = number(
        0.008, 0.0, 10.0, "Price of a nat that the base is surprised more than at first, likewise."
    )
    repeat_coef: float = number(
        0.3, 0.0, 10.0, "Price of a token that repeats three in a row, in the same unit."
    )
    variety_coef: float = number(
        0.03, 0.0, 10.0, "Price of a token whose pair with the last one is worn out, likewise."
    )
    target_kl: float = number(0.1, 1e-4, 10.0, "Mean approx_kl to the rollout that ends an update.")
    vf_coef: float = number(0.1, 0.0, 10.0, "Weight of the value loss.")
    missing_eos: float = number(0.1, 0.0, 10.0, "Taken off the score of an answer without an end.")
    grad_norm: float = number(1.0, 0.01, 100.0, "Gradient norm is clipped to this.")
    rated_epochs: int = number(1, 0, 100, "Passes over the rated answers before the first rollout.")
    rated_rate: float = number(
        5e-4, 1e-7, 1e-1, "Learning rate of these passes (AdamW); less beyond four steps in all."
    )
    rated_batch: int = number(8, 1, 1_024, "Rated answers in one gradient step.")
    rated_keep: int = number(512, 1, 100_000, "Newest rated answers that the update learns from.")
    rated_beta: float = number(0.1, 1e-3, 10.0, "Sharpness of the preference term on them.")

    # TRL's updates; batch, number and sharpness as for the rated answers above
    trl_epochs: int = number(4, 1, 100, "Passes of kto, dpo or sft over the rated answers.")
    trl_rate: float = number(5e-4, 1e-7, 1e-1, "Their learning rate (AdamW, falling to 0).")

    # The gate
    gate_prompts: int = number(48, 2, 1_024, "Prompts on which candidate and served compete.")
    gate_questions: int = number(
        12, 0, 24, "Different ones among them at least; everyday ones where people's own are fewer."
    )
    gate_rounds: int = number(2, 1, 16, "Times that both answer each of them; exams ask once.")
    gate_kl: float = number(0.6, 1e-3, 100.0, "Highest mean KL to the base, in nats per token.")
    gate_surprise: float = number(1.15, 1.0, 100.0, "Highest ratio of the base's nats per token.")
    gate_length_low: float = number(0.8, 0.0, 1.0, "Lowest ratio of mean answer lengths.")
    gate_length_high: float = number(1.25, 1.0, 100.0, "Highest ratio of mean answer lengths.")
    gate_distinct: float = number(0.9, 0.0, 1.0, "Lowest ratio of distinct-2.")
    gate_repeat: float = number(0.1, 0.0, 1.0, "Most that repetition may rise.")
    keep_versions: int = number(5, 2, 1_000, "Adapter versions kept on disk.")
    seed: int = number(0, 0, 2**31 - 1, "Seed of everything random in a cycle.")

    @classmethod
    def from_env(cls, env: Mapping[str, str]) -> "TrainingConfig":
        """Read `HITL_<NAME>` for each field.

        Raises:
            ConfigError: a value isn't a number, leaves its bounds or is no choice.
        """
        given = {f.name: env.get(f"HITL_{f.name.upper()}") for f in fields(cls)}
        kinds = {f.name: type(f.default) for f in fields(cls)}
        values = {n: _parse(n, text, kinds[n]) for n, text in given.items() if text}
        return cls(**values)

    def __post_init__(self) -> None:
        for f in fields(self):
            value, bound = getattr(self, f.name), f.metadata
            if not bound["holds"](value):
                raise ConfigError(
                    f"HITL_{f.name.upper()} has value {value}. Use {bound['text']}: "
                    f"{bound['sentence']}"
                )
        if self.rollouts % self.candidates:
            raise ConfigError(
                f"HITL_ROLLOUTS has value {self.rollouts}. "
                f"Use a multiple of HITL_CANDIDATES, which is {self.candidates}."
            )


def _parse(name: str, text: str, kind: type) -> Any:  # noqa: ANN401
    try:
        return kind(text)
    except ValueError:
        raise ConfigError(f"HITL_{name.upper()} has value '{text}'. Not a number.") from None
