import torch

from training.base import Base
from training.decoding import AT_ONCE, draw_token, generate


def test_an_answer_ends_with_its_own_end_and_is_never_longer_than_asked(base: Base) -> None:
    torch.manual_seed(0)
    answers = generate(base, [[5, 6, 7], [8, 9]] * 20, 10, 1.0)
    assert all(len(answer) <= 10 for answer in answers)
    for answer in answers:
        assert all(token not in base.stop_ids for token in answer[:-1])


def test_greedy_answers_are_those_of_the_models_own_loop_in_any_company(base: Base) -> None:
    prompts = [[3] * 20, [5, 6, 7], [9], *([4] * (1 + n % 7) for n in range(AT_ONCE))]
    together = generate(base, prompts, 10, 0.0)
    assert len(together) == len(prompts)
    for prompt, answer in list(zip(prompts, together, strict=True))[:12]:
        alone = base.model.generate(  # type: ignore[operator]
            input_ids=torch.tensor([prompt]),
            attention_mask=torch.ones(1, len(prompt), dtype=torch.long),
            max_new_tokens=10,
            do_sample=False,
            eos_token_id=sorted(base.stop_ids),
            pad_token_id=base.tokenizer.pad_token_id,
        )
        assert answer == alone[0, len(prompt) :].tolist()


def test_tokens_are_drawn_with_their_chances() -> None:
    torch.manual_seed(0)
    logits_V = torch.tensor([0.0, -100.0, 1.0, 2.0, -1.0])
    drawn = draw_token(logits_V.expand(20_000, -1), 0.5)
    found = drawn.bincount(minlength=5) / len(drawn)
    assert torch.allclose(found, torch.softmax(logits_V / 0.5, 0), atol=0.01)
    assert found[1] == 0


def test_without_a_temperature_the_likeliest_token_is_taken() -> None:
    assert draw_token(torch.tensor([[0.0, 3.0, 2.0], [5.0, 1.0, 0.0]]), 0).tolist() == [1, 0]
