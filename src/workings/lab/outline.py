"""What a model consists of, for the page: every table and weight, where it belongs, who reads it, and search by name."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from typing import Any

from workings.checkpoints.model import Model
from workings.engine.lookup import plain_name
from workings.engine.program import Program
from workings.language.glossary import sentence
from workings.language.tables import Table, axis_labels

_BLOCK = re.compile(r"(?:(encoder|decoder)\.)?blocks\.(\d+)\.")
_LENS = re.compile(r"(.*)\.resid_(mid|post)\.(lens|tuned_lens)\.logits")
_GROUPS = {
    "ids": "Prompt",
    "embed": "Embeddings",
    "pos_embed": "Embeddings",
    "W_E": "Embeddings",
    "W_pos": "Embeddings",
    "ln_final": "Final norm",
    "logits": "Next token",
    "probabilities": "Next token",
    "W_U": "Next token",
}
MOST_FOUND = 50


class Outline:
    """The tables and weights of a model's program."""

    def __init__(self, model: Model, program: Program) -> None:
        self.model, graph = model, program.graph
        self.tables = [graph.weights["ids"], *graph.named.values()]
        self.weights = [table for name, table in graph.weights.items() if name != "ids"]

    @cached_property
    def document(self) -> dict[str, Any]:
        """What does not change while the lab runs, ready for JSON."""
        model = self.model
        config = {
            **asdict(model.config),
            "d_head": model.config.d_head,
            "n_key_value_heads": model.config.n_key_value_heads,
        }
        return {
            "name": model.name,
            "n_parameters": model.n_parameters,
            "config": config,
            "has_tokenizer": model.tokenizer is not None,
            "diagram": model.diagram(),
            "tables": self.entries[: len(self.tables)],
            "weights": self.entries[len(self.tables) :],
        }

    @cached_property
    def entries(self) -> list[dict[str, Any]]:
        """What is told of every table, then of every weight."""
        return [_entry(table) for table in (*self.tables, *self.weights)]

    def spelt(self, name: str) -> str:
        """A table's name as it is spelt here, of whatever spelling it came in; one that nobody knows as it came."""
        plain = plain_name(name)
        return plain if any(entry["name"] == plain for entry in self.entries) else name

    def find(self, text: str) -> list[dict[str, str]]:
        """Tables and weights whose names are like the text, in any spelling, best first."""
        text = plain_name(text.strip()).lower()
        scored = [
            (_likeness(text, table.name or ""), place, table)
            for place, table in enumerate((*self.tables, *self.weights))
        ]
        found = sorted((-score, place, table) for score, place, table in scored if score > 0)[:MOST_FOUND]
        return [{"name": table.name or "", "sentence": _sentence(table)} for _, _, table in found]


def _entry(table: Table) -> dict[str, Any]:
    labels: Sequence[str] = axis_labels(table.axes)
    sizes = [axis.size for axis in table.axes]
    return {
        "name": table.name,
        "sentence": _sentence(table),
        "axes": labels,
        "shape": sizes,
        "group": group_of(table.name or ""),
    }


def group_of(name: str) -> str:
    """The heading that a table stands under."""
    if ".lens." in name:
        return "Logit lens"
    if "tuned_lens." in name:
        return "Tuned lens"
    if found := _BLOCK.match(name):
        side, number = found.groups()
        return f"{side.capitalize()} block {number}" if side else f"Block {number}"
    return _GROUPS.get(name.split(".")[0], "Other")


def _sentence(table: Table) -> str:
    name = table.name or ""
    if found := _LENS.fullmatch(name):
        block, kind, lens = found.groups()
        where = f"{block}'s attention" if kind == "mid" else block
        by = ", by the tuned lens" if lens == "tuned_lens" else ""
        return f"What the model would say if it stopped after {where}{by}: the score of every token as the next one."
    return sentence(name)


def _likeness(text: str, name: str) -> float:
    """How well a name fits what was typed: 0 for not at all."""
    lower = name.lower()
    if not text or lower == text:
        return 5.0
    if lower.endswith("." + text) or lower.startswith(text):
        return 4.0
    if text in lower:
        return 3.0
    words = re.split(r"[.\s\[\]]+", text)
    if all(word in lower for word in words):
        return 2.0
    ratio = difflib.SequenceMatcher(None, text, lower.rsplit(".", 1)[-1]).ratio() if len(text) <= 100 else 0.0
    return ratio if ratio > 0.6 else 0.0
