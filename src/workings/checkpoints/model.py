"""A loaded model: its config, its weights, its tokenizer, and what one does with them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from workings.checkpoints.files import make_folder
from workings.checkpoints.folder import write_folder
from workings.checkpoints.sparse_autoencoder import Feature, SparseAutoencoder
from workings.checkpoints.splicing import (
    check_fit,
    check_made_for,
    draw_spliced,
    feature_among,
    open_bundled_sae,
    weights_of,
    with_weights,
)
from workings.checkpoints.tokenizer import Tokenizer
from workings.checkpoints.tokenizer_files import tokenizer_files_in
from workings.engine.checks import whole
from workings.engine.evaluation import Evaluation
from workings.engine.generation import Sampling, continue_trace
from workings.engine.program import Program, draw
from workings.engine.trace import Trace, check_ids
from workings.errors import InputError
from workings.language.tables import Graph
from workings.models.gpt2 import GPT2Config, gpt2, weight_axes

Array = np.ndarray
Prompt = str | Sequence[int] | Array

MOST_DRAWN = 4
"""Programs with more tables that are kept with a model."""
_TYPES = ("float32", "float64")


class Model:
    """A language model whose every number can be looked at. Made by `workings.load`."""

    def __init__(
        self,
        name: str,
        config: GPT2Config,
        weights: Mapping[str, Array],
        tokenizer: Tokenizer | None = None,
        saes: Sequence[SparseAutoencoder] = (),
    ) -> None:
        self.name = name
        self.config = config
        self.tokenizer = tokenizer
        self.saes = tuple(saes)
        self._own_weights = dict(weights)
        self._bundled_sae: tuple[SparseAutoencoder, ...] | None = None
        self.weights = {**weights, **weights_of(self.saes)}
        self._program = Program(self._draw(), self.weights)
        self._drawn: dict[Hashable, Program] = {}

    def __repr__(self) -> str:
        c = self.config
        return f"<model {self.name}: {c.n_layers} blocks, {c.n_heads} heads, d_model {c.d_model}, {self.n_parameters:,} parameters>"

    def _draw(self) -> Graph:
        axes = weight_axes(self.config)
        return draw_spliced(gpt2, axes, self.config, self.saes) if self.saes else draw(gpt2, axes, self.config)

    @property
    def graph(self) -> Graph:
        """The model as the language has it: every table and how it follows from others."""
        return self._program.graph

    def program_with(self, *more: Callable[[Graph], object], weights: Mapping[str, Array] | None = None) -> Program:
        """A program of the model with more tables, which each of `more` draws; this model stays as it is.

        `weights` are the numbers of given tables that are drawn besides the model's own.
        """
        graph = self._draw()
        for drawing in more:
            drawing(graph)
        return Program(graph, {**self.weights, **(weights or {})}, base=self._program)

    def program_kept(self, key: Hashable, drawing: Callable[[Graph], object], **options: Any) -> Program:
        """A program of the model with the tables of `drawing`, drawn once for each key; the last few are kept with the model.

        `options` are those of `Program`.
        """
        program = self._drawn.pop(key, None)
        if program is None:
            graph = self._draw()
            drawing(graph)
            program = Program(graph, self.weights, base=self._program, **options)
        self._drawn[key] = program
        for oldest in list(self._drawn)[:-MOST_DRAWN]:
            self._drawn.pop(oldest, None)
        return program

    def with_sae(self, *saes: SparseAutoencoder) -> Model:
        """A new model that reads on through sparse autoencoders: `blocks.2.resid_post.sae.acts` is a table among all others.

        An autoencoder of a table T adds `T.sae.pre` and `T.sae.acts` [pos, d_sae] (the features), `T.sae.recons` (the row rebuilt
        from them), `T.sae.error` (what they miss) and `T.sae.out`, the sum of the two [pos, d_in], which the model goes on
        with. One of `blocks.2.attn.z` reads all heads side by side as one row [pos, n_heads*d_head] (SAELens's `hook_z`), and its `out` is
        cut back to heads. Unedited, it is the row itself up to rounding; an edit of `pre`, `acts` or `recons` shows in all that follows.
        Weights are shared with this model, and those of an autoencoder are at `T.sae.W_enc` and so on.

        Raises `UnknownTable` for a table that the model does not have, `InputError` for another width, for a table that
        no other is worked out from, for two autoencoders of one table, and for one of another model.
        """
        self.check_sae(*saes)
        plain = [sae.folded() if sae.config.rescale_acts_by_decoder_norm else sae for sae in saes]
        return Model(self.name, self.config, self._own_weights, self.tokenizer, [*self.saes, *plain])

    def check_sae(self, *saes: SparseAutoencoder) -> None:
        """That sparse autoencoders fit this model, without drawing it with them. Raises as `with_sae` does."""
        check_fit(self.name, self.without_saes().graph, [*self.saes, *saes])

    def without_saes(self) -> Model:
        """The model without its sparse autoencoders; itself where it has none."""
        return Model(self.name, self.config, self._own_weights, self.tokenizer) if self.saes else self

    def with_weights(self, changed: Mapping[str, Array]) -> Model:
        """A new model in which some weights, of the model or of its sparse autoencoders, are others."""
        own = {name: changed.get(name, array) for name, array in self._own_weights.items()}
        return Model(self.name, self.config, own, self.tokenizer, [with_weights(sae, changed) for sae in self.saes])

    @property
    def n_parameters(self) -> int:
        """How many numbers were learnt."""
        return sum(array.size for array in self.weights.values())

    def encode(self, prompt: Prompt) -> Array:
        """Token ids of a prompt, text or ids, checked.

        Raises `InputError`: an empty prompt, ids outside the vocabulary, more than `n_ctx` tokens, text for a model
        without a tokenizer.
        """
        if isinstance(prompt, Trace):
            raise InputError("a trace came where a prompt is expected: give its text, or its ids (trace.ids)")
        if isinstance(prompt, str):
            if self.tokenizer is None:
                raise InputError(f"{self.name} has no tokenizer, so it takes a list of token ids; text came")
            if prompt == "":
                raise InputError("the prompt is empty; give at least one word (or one token id)")
            prompt = self.tokenizer.encode(prompt)
        if hasattr(prompt, "__len__") and len(prompt) == 0:
            raise InputError("the prompt is empty; give at least one token id")
        return check_ids(prompt, self.config.d_vocab, self.config.n_ctx)

    def trace(self, prompt: Prompt, dtype: str = "float32") -> Trace:
        """Read a prompt (text, or token ids); nothing is worked out before it is asked for.

        `dtype` is `"float32"` or `"float64"`. Raises `InputError` as `encode` does.
        """
        if str(dtype) not in _TYPES:
            raise InputError(f"dtype is one of {' and '.join(_TYPES)}; {dtype!r} came")
        evaluation = Evaluation(self._program, self.encode(prompt), np.dtype(str(dtype)))
        return self.trace_of(evaluation)

    def redraw(self, trace: Trace) -> Trace:
        """The same prompt with the same edits, in the tables of this model alone.

        Raises `InputError` for an edit of a table that the model does not have.
        """
        return self.trace_of(trace.evaluation_in(self._program))

    def trace_of(self, evaluation: Evaluation) -> Trace:
        """A trace of what a program of this model works out, with its tokens and features."""
        return Trace(evaluation, self.config.n_ctx, self.tokenizer, self.feature)

    def feature(self, which: str | int | Feature) -> Feature:
        """The feature of this label or number in the model's sparse autoencoders; without any, in the one bundled with the model.

        Raises `InputError` where there is none, with the nearest labels, and for a feature that was found in another model.
        """
        if isinstance(which, Feature):
            check_made_for(self.name, which.made_for)
            return which
        if not self.saes and self._bundled_sae is None:
            self._bundled_sae = open_bundled_sae(self.name)
        return feature_among(self.name, self.saes or self._bundled_sae or (), which)

    def generate(
        self,
        prompt: Prompt | Trace,
        max_new_tokens: int = 20,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> str | list[int]:
        """Write on: the prompt and what follows, as text (as token ids where there is no tokenizer).

        `prompt` may be a trace with edits, which stay in force. `temperature` 0 always takes the likeliest token;
        above 0 tokens are drawn by their shares, from the `top_k` likeliest, or from the likeliest that together
        have the share `top_p` (Holtzman et al. 2020); the same `seed` draws the same. Stops at the end-of-text token,
        after `max_new_tokens`, or when `n_ctx` is reached, whichever comes first.
        """
        trace = self.as_trace(prompt)
        ids = [int(i) for i in trace.ids]
        ids += self.new_ids(trace, max_new_tokens, Sampling(temperature, top_k, top_p, seed))
        return self.tokenizer.decode(ids) if self.tokenizer else ids

    def stream(
        self,
        prompt: Prompt | Trace,
        max_new_tokens: int = 20,
        temperature: float = 0.0,
        top_k: int | None = None,
        top_p: float | None = None,
        seed: int | None = None,
    ) -> Iterator[str | int]:
        """What each new token adds to the text, as it comes (ids where there is no tokenizer). Options as in `generate`.

        A token that ends inside a character adds nothing yet: its bytes come with the token that completes them.
        """
        trace = self.as_trace(prompt)
        new_ids = self.new_ids(trace, max_new_tokens, Sampling(temperature, top_k, top_p, seed))
        return iter(new_ids) if self.tokenizer is None else self.spell_out([int(i) for i in trace.ids], new_ids)

    def spell_out(self, ids: list[int], new_ids: Iterable[int]) -> Iterator[str]:
        """What each new id adds to the text of `ids`, which grows by them; whole characters only."""
        assert self.tokenizer is not None
        written = self.tokenizer.decode(ids)
        for token_id in new_ids:
            ids.append(token_id)
            whole = self.tokenizer.decode(ids).rstrip("\ufffd")
            if len(whole) > len(written):
                yield whole[len(written) :]
                written = whole
        if rest := self.tokenizer.decode(ids)[len(written) :]:
            yield rest

    def as_trace(self, prompt: Prompt | Trace, dtype: str = "float32") -> Trace:
        """The trace of a prompt; a trace of this model is given back as it is, with its edits and its own dtype.

        Raises `InputError` as `trace` does, and for a trace of another model.
        """
        if not isinstance(prompt, Trace):
            return self.trace(prompt, dtype)
        if not prompt.has_weights(self._own_weights):
            raise InputError(f"this is a trace of another model than {self.name}; make it with model.trace(...)")
        return prompt

    def new_ids(self, trace: Trace, max_new_tokens: int, sampling: Sampling) -> Iterator[int]:
        """New token ids after a trace, one by one; the trace stays as it is."""
        max_new_tokens = whole("max_new_tokens", max_new_tokens, 0)
        end = self.tokenizer.end_token_id if self.tokenizer else None
        return continue_trace(trace, max_new_tokens, sampling, end)

    def diagram(self) -> str:
        """A picture of the architecture with shapes and parameter counts, as SVG text."""
        from workings.readings.diagram import diagram

        return diagram(self.graph, f"{self.name}: {self.n_parameters:,} parameters")

    def save(self, folder: str | Path) -> None:
        """Write the model as a folder in Hugging Face layout, which `transformers` opens too.

        What is in the folder already is replaced only when everything is written. Raises `InputError` for a model without
        a tokenizer and a folder that has one: together they would be another model; and for a model with sparse
        autoencoders, which the layout has no place for.
        """
        folder = Path(folder)
        if self.saes:
            raise InputError(
                f"{self.name} reads on through a sparse autoencoder of {self.saes[0].config.table}, which this layout has no place "
                "for; save model.without_saes(), and each of model.saes by itself"
            )
        if self.tokenizer is None and (others := tokenizer_files_in(folder)):
            raise InputError(
                f"{folder} holds a tokenizer ({', '.join(others)}), and {self.name} has none: together they would be "
                "another model. Choose an empty folder, or remove those files."
            )
        make_folder(folder)
        with TemporaryDirectory(dir=folder, prefix=".saving-") as temporary:
            part = Path(temporary)
            write_folder(part, self.config, self.weights)
            if self.tokenizer is not None:
                self.tokenizer.save(part)
            for path in sorted(part.iterdir()):
                path.replace(folder / path.name)
