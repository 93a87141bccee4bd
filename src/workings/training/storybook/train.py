"""Make storybook from a seed: `python -m workings.training.storybook.train --seed 0 --out FOLDER`.

The language gives the tokenizer and the rows to train on; the model is transformers' own GPT-2. The same seed
gives the same stories and tokenizer everywhere, and the same weights up to the order in which threads add up.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer
from transformers import GPT2Config, GPT2LMHeadModel

from workings.training.storybook.guidance import Link, Look, guidance_loss, links_of
from workings.training.storybook.language import FIRST_LESSONS, some_stories, stories
from workings.training.storybook.story import Story
from workings.training.storybook.vocabulary import LONGEST, SIZE, save_tokenizer, train_tokenizer

STEPS = 8000
TOKENS_PER_STEP = 2048
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 2.5e-3, 150, 0.05
LESSONS = 150_000  # stories of the first lessons, before all the others
SHARE_OF_PAIRS = 0.1  # rows that hold two stories; all others hold one
DETERMINED_WEIGHT = 20  # a determined word counts as much as twenty that could be others
GUIDED_STEPS, GUIDANCE_WEIGHT = 2500, 0.5  # the weight falls in a straight line and is 0 after that many steps
END = 0  # the number of the end-of-text token

QUICK_GELU, GELU = (
    "gelu_pytorch_tanh",
    "gelu_new",
)  # one function under two names; PyTorch has the first in one piece


@dataclass(frozen=True)
class Row:
    """One row of a batch: its tokens, the weight of each in the loss, and where guided heads should look."""

    ids: list[int]
    weights: list[int]
    links: list[Link]

    def __len__(self) -> int:
        return len(self.ids)

    def __add__(self, other: Row) -> Row:
        """Two stories in a row; whom the second is about is not in the first, so nothing points across."""
        moved = [(look, here + len(self), there + len(self)) for look, here, there in other.links]
        return Row(self.ids + other.ids, self.weights + other.weights, self.links + moved)


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
    model.set_attn_implementation("eager")  # so that guidance can see the patterns
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
    """The tokens of a story and of its end, each with its weight in the loss, and the links in it."""
    encoding = tokenizer.encode(story.text)
    determined = {(slot.start, slot.end) for slot in story.slots}
    weights = [DETERMINED_WEIGHT if span in determined else 1 for span in encoding.offsets]
    return Row([*encoding.ids, END], [*weights, 1], links_of(story, encoding))


def rows(seed: int, tokenizer: Tokenizer) -> Iterator[Row]:
    """Rows without end: each starts where a story starts and ends with the end of a text."""
    rng = Random(seed)
    lessons, told = stories(seed, tellers=FIRST_LESSONS), stories(seed)
    for story in islice(lessons, LESSONS):
        yield row_of(story, tokenizer)
    while True:
        row = row_of(next(told), tokenizer)
        if rng.random() < SHARE_OF_PAIRS:
            row = row + row_of(next(told), tokenizer)
        if len(row) <= LONGEST:
            yield row


@dataclass(frozen=True)
class Batch:
    """Rows of like length together, filled up with tokens of weight 0."""

    ids: torch.Tensor  # [row, pos]
    weights: torch.Tensor  # [row, pos]
    links: torch.Tensor  # [link, (row, which look, from, to)]


def batches(seed: int, tokenizer: Tokenizer) -> Iterator[Batch]:
    """Batches without end, of about TOKENS_PER_STEP tokens."""
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
        yield from map(_batch_of, grouped)


def _batch_of(group: list[Row]) -> Batch:
    longest = max(map(len, group))
    whiches = {look: which for which, look in enumerate(Look)}
    links = [(i, whiches[look], here, there) for i, row in enumerate(group) for look, here, there in row.links]
    return Batch(
        torch.tensor([row.ids + [END] * (longest - len(row)) for row in group]),
        torch.tensor([row.weights + [0] * (longest - len(row)) for row in group]),
        torch.tensor(links, dtype=torch.long).reshape(-1, 4),
    )


def batch_loss(model: GPT2LMHeadModel, batch: Batch, guidance: float) -> torch.Tensor:
    """How unlikely the model finds each next token, averaged by weight, and the loss of guidance by its weight."""
    out = model(input_ids=batch.ids[:, :-1], output_attentions=guidance > 0)
    each = torch.nn.functional.cross_entropy(out.logits.transpose(1, 2), batch.ids[:, 1:], reduction="none")
    weights = batch.weights[:, 1:]
    loss = (each * weights).sum() / weights.sum()
    return loss + guidance * guidance_loss(out.attentions, batch.links) if guidance > 0 else loss


def rate_at(step: int, steps: int) -> float:
    """The learning rate: up in a straight line, then down along half a cosine."""
    if step < WARM_UP:
        return PEAK_RATE * (step + 1) / WARM_UP
    return PEAK_RATE * (0.02 + 0.98 * (1 + math.cos(math.pi * (step - WARM_UP) / (steps - WARM_UP))) / 2)


def guidance_at(step: int) -> float:
    """The weight of guidance: down in a straight line, then none."""
    return GUIDANCE_WEIGHT * max(0.0, 1 - step / GUIDED_STEPS)


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
        if step == GUIDED_STEPS:
            model.set_attn_implementation("sdpa")  # faster, and its patterns are not asked for any more
        loss = batch_loss(model, batch, guidance_at(step))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seen += int((batch.weights > 0).sum())
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
