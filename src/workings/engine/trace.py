"""A trace: one prompt in one model, every number of it, worked out when asked for and never changed behind one's back."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from numbers import Integral
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from workings.engine.checks import whole
from workings.engine.edits import Edit, make_edit
from workings.engine.evaluation import Evaluation
from workings.engine.lookup import find_table
from workings.engine.memory import room
from workings.engine.no_numbers import numbers_at
from workings.engine.rows import Rows
from workings.engine.steering import Direction, Steerable, steered
from workings.errors import InputError, OutsideTable
from workings.language.names import UNEDITED
from workings.language.primitives import GIVEN
from workings.language.tables import Table

if TYPE_CHECKING:
    from workings.display.plots import Picture
    from workings.engine.program import Program
    from workings.readings.explain import Explanation

Array = np.ndarray
WHOLE = slice(None)


class Speaker(Protocol):
    """What a trace needs of a tokenizer."""

    def token_strings(self, ids: Sequence[int]) -> list[str]:
        """What a person reads for every token."""
        ...

    def token_id(self, string: str) -> int | None:
        """The id of a token by its text; None where no token has it."""
        ...


class Trace:
    """Every table of one prompt: `trace["blocks.0.attn.pattern"]` gives it as a NumPy array.

    Nothing is worked out before it is asked for, and nothing twice. Arrays that come out are read-only; to change
    numbers, `edit` gives a new trace. Made by `model.trace(...)`.
    """

    def __init__(
        self,
        evaluation: Evaluation,
        n_ctx: int,
        speaker: Speaker | None = None,
        features: Callable[[Any], Direction] | None = None,
    ) -> None:
        self._evaluation = evaluation
        self.n_ctx = n_ctx
        self._speaker = speaker
        self._features = features
        self.ids = _read_only(evaluation.ids)

    def __repr__(self) -> str:
        edits = f", {len(self.edits)} edits" if self.edits else ""
        return f"<trace of {len(self)} tokens{edits}: {''.join(self.tokens)[:60]!r}>"

    def _repr_html_(self) -> str:
        from workings.engine.showing import trace_html

        return trace_html(self)

    def plot(self) -> Picture:
        """The likeliest next tokens as a matplotlib figure. Raises `MissingExtra` without matplotlib."""
        from workings.engine.showing import trace_plot

        return trace_plot(self)

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def tokens(self) -> list[str]:
        """What a person reads for every token; where the model has no tokenizer, its number."""
        ids = [int(i) for i in self.ids]
        return self._speaker.token_strings(ids) if self._speaker else [str(i) for i in ids]

    @property
    def dtype(self) -> np.dtype:
        """The type of every number: float32 or float64."""
        return self._evaluation.dtype

    @property
    def edits(self) -> tuple[Edit, ...]:
        """The edits in force, oldest first."""
        return self._evaluation.edits

    def edits_of(self, name: str) -> list[Edit]:
        """The edits in force in one table, weight, or the token ids, oldest first; in what slopes hand on, also those that follow from edits."""
        following = self._evaluation.program.following(self.edits)
        of_ids = (edit for edit, _ in self._evaluation.ids_edits)
        return [edit for edit in (*of_ids, *following, *self.edits) if edit.name == name]

    def before_edits(self, name: str) -> Array:
        """A weight, or the token ids, as they were before any edit."""
        return _read_only(self._evaluation.before_edits(self.table(name)))

    def names(self) -> list[str]:
        """The name of every table that is worked out, in the order of working (weights are not among them)."""
        return list(self._evaluation.program.graph.named)

    def weight_names(self) -> list[str]:
        """The name of every weight; `trace[name]` gives its numbers."""
        return [name for name in self._evaluation.program.graph.weights if name != "ids"]

    def __getitem__(self, name: str) -> Array:
        """A whole table, or a weight, by its name.

        Raises `UnknownTable`, a `KeyError`, with the nearest names.
        """
        return self.rows(name)

    def __contains__(self, name: str) -> bool:
        graph = self._evaluation.program.graph
        return name in graph.named or name in graph.weights

    def rows(self, name: str, start: int = 0, stop: int | None = None) -> Array:
        """The rows (token positions) `start` up to `stop` of a table, working out only what they need.

        Negative numbers count from the end, as in slices: `rows("logits", -1)` is `[1, d_vocab]`. Unlike a slice,
        rows that the prompt does not have are an `OutsideTable` error.
        """
        table = self.table(name)
        if table.primitive is GIVEN and table.row_axis is None:
            return self.weight(table)
        asked = f"{start} to {'the end' if stop is None else stop}"
        first, last, _ = slice(start, stop).indices(len(self))
        outside = any(not -len(self) <= edge <= len(self) for edge in (start, stop) if edge is not None)
        if outside or last <= first:
            raise OutsideTable(f"{name} has rows 0 to {len(self) - 1} for this prompt; rows {asked} were asked for")
        start, stop = first, last
        if table.primitive is GIVEN:
            return self.ids[start:stop]
        return _read_only(self._evaluation.read(table, start, stop))

    def weight(self, table: Table) -> Array:
        """The numbers of a weight, with edits in force."""
        assert table.name is not None
        return _read_only(self._evaluation.weight(table.name))

    def table(self, name: str) -> Table:
        """The table of this name as the model's graph has it: its axes, and what it follows from."""
        return find_table(self._evaluation.program.graph, name)

    def used_by(self, name: str, readings: bool = True) -> list[str]:
        """The tables that are worked out from this table or weight: the model's own first, in order of working (past a sparse autoencoder that
        is spliced in, too), then, unless `readings` is off, others, such as a lens's; slopes from slopes, where there are any."""
        return self._evaluation.program.used_by(str(self.table(name).name), readings)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a table, without working it out."""
        return self.table(name).shape(len(self))

    def top(self, k: int = 5) -> list[tuple[str, float]]:
        """The `k` likeliest tokens after the last one, as (token string, probability), likeliest first.

        Raises `InputError` where an edit made these numbers overflow or no numbers at all: then no token is the likeliest.
        """
        return [(self.spell(i), p) for i, p in self.top_ids(k)]

    def top_ids(self, k: int = 5) -> list[tuple[int, float]]:
        """The `k` likeliest tokens after the last one, as (token id, probability), likeliest first. Raises as `top` does."""
        shares = numbers_at(self, "probabilities", -1)
        k = whole("the number of likeliest tokens", k, 1, len(shares))
        best = np.argpartition(-shares, k - 1)[:k]
        best = best[np.lexsort((best, -shares[best]))]
        return [(int(i), float(shares[i])) for i in best]

    def spell(self, token_id: int) -> str:
        """What a person reads for one token id."""
        return self._speaker.token_strings([token_id])[0] if self._speaker else str(token_id)

    def token_id(self, text: str) -> int:
        """The id of the one token whose text this is: `trace.token_id(" Wednesday")`.

        Raises `InputError` where no token of the vocabulary has exactly this text.
        """
        if self._speaker is None:
            raise InputError(f"there is no tokenizer, so a token is given as its id; {text!r} came")
        found = self._speaker.token_id(text)
        if found is not None:
            return found
        near = next((other for other in (f" {text}", text.strip()) if self._speaker.token_id(other) is not None), None)
        hint = f"; {near!r} is one" if near is not None and near != text else ""
        raise InputError(f"{text!r} is not one token of the vocabulary{hint}")

    def explain(self, name: str, *index: int) -> Explanation:
        """How one number came about: `trace.explain("blocks.0.attn.pattern", 2, 4, 0)`.

        The index is that of the array. Raises `UnknownTable` and `OutsideTable`.
        """
        from workings.readings.explain import explain

        return explain(self, name, index)

    # Change -------------------------------------------------------------------------------------------------------

    def edit(self, name: str, index: Any = ..., *, value: Any = None, add: Any = None, scale: Any = None) -> Trace:
        """A new trace in which some numbers of one table are set, added to or scaled, and all that follows is new.

        `index` is a NumPy index into the table (`(4, slice(None))` is row 4); give exactly one of `value`, `add` and
        `scale`, a number or an array that fits the indexed cells. This trace stays as it is. The edit stays in force
        while tokens are appended; a slice that is open at its end takes new tokens in. Weights and `ids` can be
        edited too. `add=0` and `scale=1` change nothing and are allowed, since a series of strengths begins there.
        Slopes, where there are some (`workings.trace_gradient`), become those of the edited model.

        Raises `UnknownTable`, `OutsideTable`, `InputError`.
        """
        table = self.table(name)
        assert table.name is not None
        if UNEDITED in table.name.split("."):
            raise InputError(
                f"{table.name} stays as its formula gives it, so that edits show against it; "
                f"edit {table.name.replace(f'{UNEDITED}.', '')}"
            )
        open_axes = tuple(axis.is_pos for axis in table.axes)
        edit = make_edit(
            table.name, table.shape(len(self)), open_axes, index, self.dtype, value=value, add=add, scale=scale
        )
        if table.primitive is not GIVEN:
            return self._edited(table, edit, edit.rows(table.row_axis or 0, len(self)))
        if table.row_axis is None:
            return self._with_weight(table, edit)
        return self._with_ids(edit)

    def steer(self, what: Steerable, strength: float = 1.0, layer: int | None = None, positions: Any = None) -> Trace:
        """A new trace in which `strength` times a direction is added to the residual stream.

        `what` is a vector [d_model], a feature (anything with `.vector` and `.table`), or the label or number of a feature of the model's
        sparse autoencoder. It is added to `blocks.{layer}.resid_post`; without a `layer`, to the feature's own table
        (of one of `attn.z`, to every head its part).
        `positions` are a position, a list of them or a slice; None means all, those too that generation adds. A strength
        below 0 takes away; 0 changes nothing, so that a slider may rest there. The feature's vector is as long as it is
        stored, so a strength is in units of how strongly the feature fires.

        What it does not do: set how strongly a feature fires (edit `...sae.acts` for that, in a model `with_sae`). Source:
        Turner et al. 2023, Activation Addition: Steering Language Models Without Optimization, section 3.

        Raises `InputError` for an unknown label, a vector of another width or of zeros, a strength that is not finite; `TooLarge` for
        one that makes numbers overflow; `OutsideTable` for a layer or a position that there is none of.
        """
        return steered(self, what, strength, layer, positions)

    def find_feature(self, label: Any) -> Direction:
        """The feature of this label or number in the model's sparse autoencoder, or the feature itself, if it was found in this model.

        Raises `InputError` where there is none.
        """
        if self._features is None:
            if not isinstance(label, str | Integral):
                return label
            raise InputError(
                f"there is no sparse autoencoder here to look {label!r} up in; give a feature of one "
                "(workings.load_sae(...).feature(...)), or a vector"
            )
        return self._features(label)

    def _edited(self, table: Table, edit: Edit, rows: Rows) -> Trace:
        old = self._evaluation
        edits = (*old.edits, edit)
        program = old.program.for_edits(edits)
        if program is not old.program:
            return self._with(old.anew(program, old.ids, edits))
        causal = Evaluation(program, old.ids, old.dtype, edits).causal
        changed = [table, *(self.table(passed.name) for passed in program.following([edit]))]
        stale = old.stale_after(dict.fromkeys(changed, rows), causal)
        return self._with(old.fork(edits, old.ids, stale, old.weights))

    def _with_weight(self, table: Table, edit: Edit) -> Trace:
        old = self._evaluation
        before = old.weight(edit.name)
        changed = room(
            before.shape, before.dtype
        )  # of edits one after another each takes the memory of the one before the last
        changed[...] = before
        with np.errstate(all="ignore"):
            edit.apply(changed)
        stale = old.stale_after({table: Rows.run(0, len(self))}, old.causal)
        return self._with(old.fork((*old.edits, edit), old.ids, stale, {**old.weights, edit.name: changed}))

    def _with_ids(self, edit: Edit) -> Trace:
        old = self._evaluation
        numbers = old.ids.astype(np.float64)  # so that half a token is an error, not rounded away
        edit.apply(numbers)
        ids = check_ids(numbers, self._d_vocab, self.n_ctx)
        stale = old.stale_after({self.table("ids"): edit.rows(-1, len(self))}, old.causal)
        return self._with(old.with_ids(ids, edit, stale))

    def fork(self) -> Trace:
        """A trace of the same numbers that shares all that is worked out; what it works out itself is gone with it."""
        old = self._evaluation
        return self._with(old.fork(old.edits, old.ids, {}, old.weights))

    def evaluation_in(
        self, program: Program, chosen: Mapping[str, Array] | None = None, without: Collection[str] = ()
    ) -> Evaluation:
        """The same prompt with the same edits, but for those of `without`, in another program of the model, one with more tables.

        The model's own rows that are worked out are shared. `chosen` are weights that go with this one evaluation, and `without` names no table
        that the model has by itself. Raises `InputError` where that program does not have a table that is edited here.
        """
        old = self._evaluation
        known = {*program.graph.named, *program.graph.weights}
        edits = tuple(edit for edit in old.edits if edit.name not in without)
        if lost := [edit.name for edit in edits if edit.name not in known]:
            hint = "; give the model that reads on through this sparse autoencoder (model.with_sae, or edits.spliced(model))"
            raise InputError(
                f"the trace has an edit of {lost[0]}, which this model does not have{hint if '.sae.' in lost[0] else ''}"
            )
        weights = {name: array for name, array in old.weights.items() if name in known}
        return old.in_program(program, edits, {**weights, **(chosen or {})})

    def drawn_with(self, other: Trace) -> bool:
        """Whether the other trace has the very same tables, so that numbers of one fit into the other."""
        return self._evaluation.program is other._evaluation.program

    def has_weights(self, weights: Mapping[str, Array]) -> bool:
        """Whether these are the weights that it was made with, before any edit of them."""
        return self._evaluation.program.has_weights(weights)

    def arrays(self) -> Iterator[Array]:
        """The memory behind all numbers that are kept for this trace; traces that share numbers give the same arrays."""
        stores = self._evaluation.stores.values()
        kept = [buffer.array for store in stores for buffer, _ in store.parts]
        for array in (*kept, *self._evaluation.weights.values(), *(edit.amount for edit in self.edits)):
            while isinstance(array.base, np.ndarray):
                array = array.base
            yield array

    @property
    def _d_vocab(self) -> int:
        return int(self.shape("logits")[-1])

    def append(self, ids: Sequence[int]) -> Trace:
        """A new trace with these token ids after the last one; only the new rows are worked out.

        Raises `InputError` where an id is not in the vocabulary or the prompt becomes longer than the model can read.
        """
        old, longer = self._evaluation, self._longer(ids)
        return self._with(longer if longer.looks_ahead() else old.fork(old.edits, longer.ids, {}, old.weights))

    def grow(self, ids: Sequence[int]) -> None:
        """Append token ids to this very trace, for whoever made it and alone holds it; all others use `append`."""
        longer = self._longer(ids)
        if longer.looks_ahead():
            self._evaluation = longer
        else:
            self._evaluation.grow(longer.ids[len(self) :])
        self.ids = _read_only(self._evaluation.ids)

    def _longer(self, ids: Sequence[int]) -> Evaluation:
        """An evaluation with more tokens that shares nothing: one may look ahead to them through an edit whose slice is open."""
        old = self._evaluation
        new_ids = check_ids(ids, self._d_vocab, self.n_ctx, already=len(self))
        return old.anew(old.program, np.concatenate([old.ids, new_ids]), old.edits)

    def _with(self, evaluation: Evaluation) -> Trace:
        return Trace(evaluation, self.n_ctx, self._speaker, self._features)


def check_ids(ids: Sequence[int] | Array, d_vocab: int, n_ctx: int, already: int = 0) -> Array:
    """Token ids as an array, or an `InputError` that says what is wrong with them."""
    try:
        numbers = np.asarray(ids)
    except ValueError:  # lists of different lengths
        raise InputError(f"token ids are a list of whole numbers; {ids!r:.80} came") from None
    if numbers.ndim != 1 or numbers.size == 0:
        raise InputError(f"token ids are a list of at least one whole number; {ids!r:.80} came")
    if numbers.dtype.kind == "f" and np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all():
        numbers = numbers.astype(np.int64)
    if numbers.dtype.kind not in "iu":
        raise InputError(f"token ids are whole numbers; {numbers.tolist()!r:.80} came")
    outside = np.flatnonzero((numbers < 0) | (numbers >= d_vocab))
    if outside.size:
        place = int(outside[0])
        raise InputError(
            f"token id {int(numbers[place])} at place {place} is not in the vocabulary, which has the ids 0 to {d_vocab - 1}"
        )
    if already + len(numbers) > n_ctx:
        raise InputError(
            f"the prompt has {already + len(numbers)} tokens and this model reads at most {n_ctx} (its n_ctx); shorten the prompt"
        )
    return numbers.astype(np.int64)


def _read_only(array: Array) -> Array:
    view = array.view()
    view.flags.writeable = False
    return view
