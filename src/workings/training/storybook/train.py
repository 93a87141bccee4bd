"""Make storybook from a seed: `python -m workings.training.storybook.train --seed 0 --out FOLDER`.

The language gives the tokenizer and the rows to train on; the model is transformers' own GPT-2. The same seed
gives the same stories and tokenizer everywhere, and the same weights up to the order in which threads add up.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from workings.training.storybook.language import FIRST_LESSONS, some_stories, stories
from workings.training.storybook.story import Story
from workings.training.storybook.vocabulary import LONGEST, SIZE, save_tokenizer, train_tokenizer

STEPS = 5200
TOKENS_PER_STEP = 2048
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 2.5e-3, 150, 0.05
LESSONS = 150_000  # stories of the first lessons, before all the others
SHARE_OF_PAIRS = 0.2  # rows that hold two stories; all others hold one
DETERMINED_WEIGHT = 20  # a determined word counts as much as twenty that could be others
END = 0  # the number of the end-of-text token

QUICK_GELU, GELU = (
    "gelu_pytorch_tanh",
    "gelu_new",
)  # one function under two names; PyTorch has the first in one piece

Row = list[tuple[int, int]]  # (token, weight)


def small_gpt2() -> GPT2LMHeadModel:
    """A GPT-2 of 4 blocks, 4 heads and 128 numbers a token (0.94 million parameters), untrained."""
    config = GPT2Config(
        vocab_size=SIZE,
        n_positions=LONGEST,
        n_embd=128,
        n_layer=4,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        activation_function=QUICK_GELU,
        bos_token_id=END,
        eos_token_id=END,
    )
    model = GPT2LMHeadModel(config)
    with torch.no_grad():
        model.transformer.wpe.weight.copy_(waves(LONGEST, config.n_embd))
    return model


def waves(n_positions: int, width: int) -> torch.Tensor:
    """Positions to begin with: sines and cosines, from quick to slow, so that "three tokens ago" is easy to find.

    They are trained like all other weights. Source: Vaswani et al. 2017, section 3.5.
    """
    turns = torch.arange(n_positions)[:, None] * torch.logspace(0, -2.3, width // 2)[None]  # [pos, width / 2]
    return 0.05 * torch.cat([turns.sin(), turns.cos()], dim=1)


def row_of(story: Story, tokenizer: Tokenizer) -> Row:
    """The tokens of a story and of its end, each with its weight in the loss."""
    encoding = tokenizer.encode(story.text)
    determined = {(slot.start, slot.end) for slot in story.slots}
    weights = [DETERMINED_WEIGHT if span in determined else 1 for span in encoding.offsets]
    return list(zip([*encoding.ids, END], [*weights, 1], strict=True))


def rows(seed: int, tokenizer: Tokenizer) -> Iterator[Row]:
    """Rows without end: each starts where a story starts and ends with the end of a text."""
    rng = Random(seed)
    lessons, told = stories(seed, tellers=FIRST_LESSONS), stories(seed)
    for story in islice(lessons, LESSONS):
        yield row_of(story, tokenizer)
    while True:
        row = row_of(next(told), tokenizer)
        if rng.random() < SHARE_OF_PAIRS:
            row += row_of(next(told), tokenizer)
        if len(row) <= LONGEST:
            yield row


def batches(seed: int, tokenizer: Tokenizer) -> Iterator[torch.Tensor]:
    """Rows of like length together, filled up with weight 0; [row, pos, token or weight]."""
    rng = Random(seed)
    endless = rows(seed, tokenizer)
    while True:
        drawn = sorted(islice(endless, 6000), key=len)
        grouped: list[list[Row]] = [[]]
        for row in drawn:
            if (len(grouped[-1]) + 1) * len(row) > TOKENS_PER_STEP:
                grouped.append([])
            grouped[-1].append(row)
        rng.shuffle(grouped)
        for group in grouped:
            longest = max(map(len, group))
            yield torch.tensor([row + [(END, 0)] * (longest - len(row)) for row in group])


def weighted_loss(model: GPT2LMHeadModel, batch: torch.Tensor) -> torch.Tensor:
    """How unlikely the model finds each next token, averaged by weight."""
    ids, weights = batch.unbind(-1)  # [row, pos] each
    logits = model(input_ids=ids[:, :-1]).logits  # [row, pos - 1, d_vocab]
    each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), ids[:, 1:], reduction="none")
    return (each * weights[:, 1:]).sum() / weights[:, 1:].sum()


def rate_at(step: int, steps: int) -> float:
    """The learning rate: up in a straight line, then down along half a cosine."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP))) / 2)


def adamw(model: GPT2LMHeadModel) -> torch.optim.AdamW:
    """AdamW that shrinks matrices only, never biases or layer norms."""
    matrices = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": matrices, "weight_decay": WEIGHT_DECAY}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98))


def train(model: GPT2LMHeadModel, tokenizer: Tokenizer, seed: int, steps: int) -> int:
    """Train in place, saying now and then how it goes; gives the number of tokens seen."""
    optimizer = adamw(model)
    seen, begun, average = 0, time.monotonic(), 0.0
    for step, batch in enumerate(islice(batches(seed, tokenizer), steps)):
        for group in optimizer.param_groups:
            group["lr"] = rate_at(step, steps)
        loss = weighted_loss(model, batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seen += int((batch[..., 1] > 0).sum())
        average = loss.item() if step == 0 else 0.98 * average + 0.02 * loss.item()
        if step % 50 == 0 or step == steps - 1:
            minutes = (time.monotonic() - begun) / 60
            print(
                f"step {step:5d} of {steps}  loss {average:.4f}  {seen:,} tokens  {minutes:.1f} minutes",
                flush=True,
            )
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description="Make storybook from a seed.")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder to write the model into")
    parser.add_argument("--steps", type=int, default=STEPS)
    chosen = parser.parse_args()
    torch.manual_seed(chosen.seed)
    chosen.out.mkdir(parents=True, exist_ok=True)
    tokenizer = train_tokenizer(story.text for story in some_stories(chosen.seed, 20_000))
    save_tokenizer(tokenizer, chosen.out)
    model = small_gpt2()
    print(f"{model.num_parameters():,} parameters, {tokenizer.get_vocab_size()} tokens")
    train(model, tokenizer, chosen.seed, chosen.steps)
    model.config.activation_function = GELU
    model.save_pretrained(chosen.out)


if __name__ == "__main__":
    main()
