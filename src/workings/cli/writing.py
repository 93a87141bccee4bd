"""`workings generate`: text as it comes, whole characters only."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING

from workings.cli.asked import Asked, open_trace
from workings.cli.streams import complain, is_terminal, write_json
from workings.engine.generation import Sampling
from workings.errors import InputError

if TYPE_CHECKING:
    from workings.checkpoints.model import Model
    from workings.engine.trace import Trace


def show_generate(
    model: Model,
    prompt: Asked,
    n: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Write on, for people or as JSON."""
    if temperature == 0 and (top_k is not None or top_p is not None):
        option = "--top-k" if top_k is not None else "--top-p"
        raise InputError(
            f"{option} has no effect at --temperature 0, which always takes the likeliest token; add --temperature 1"
        )
    if n < 0:
        raise InputError(f"--max-new-tokens is at least 0; {n} came")
    trace = open_trace(model, prompt)
    new_ids = model.new_ids(trace, n, Sampling(temperature, top_k, top_p, seed))
    if as_json:
        _write_document(model, prompt, trace, n, list(new_ids))
    else:
        _stream(model, trace, n, new_ids)


def _write_document(model: Model, prompt: Asked, trace: Trace, n: int, new_ids: list[int]) -> None:
    ids = [int(i) for i in trace.ids] + new_ids
    write_json(
        {
            "model": model.name,
            "prompt": prompt.text,
            "ids": ids,
            "new_ids": new_ids,
            "new_tokens": [trace.spell(i) for i in new_ids],
            "text": model.tokenizer.decode(ids) if model.tokenizer else None,
            "stopped": _why_stopped(trace, n, len(new_ids)),
        }
    )


def _stream(model: Model, trace: Trace, n: int, new_ids: Iterator[int]) -> None:
    """The prompt, then every token as it comes; on a terminal the new text stands out, and a last line says why it ended."""
    styled = is_terminal(sys.stdout)
    began, ids = perf_counter(), [int(i) for i in trace.ids]
    pieces = text_pieces(model, ids, new_ids)
    _write(next(pieces))
    for piece in pieces:
        _write(f"\x1b[1m{piece}\x1b[0m" if styled else piece)
    _write("\n")
    count = len(ids) - len(trace)
    reason = _why_stopped(trace, n, count)
    if styled and count:
        rate = count / (perf_counter() - began)
        _write(f"\x1b[2m{count} new tokens, {rate:,.0f} a second; stopped: {reason}\x1b[0m\n")
    elif len(trace) + count == trace.n_ctx and count < n:
        complain(f"stopped after {count} of {n} tokens: {reason}")


def text_pieces(model: Model, ids: list[int], new_ids: Iterator[int]) -> Iterator[str]:
    """The prompt's text, then what each new token adds to it, while `ids` grows by the new ones."""
    if model.tokenizer is None:
        yield " ".join(map(str, ids))
        for token_id in new_ids:
            ids.append(token_id)
            yield f" {token_id}"
        return
    yield model.tokenizer.decode(ids)
    yield from model.spell_out(ids, new_ids)


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


def _why_stopped(trace: Trace, n: int, count: int) -> str:
    if count == n:
        return "that is --max-new-tokens"
    if len(trace) + count == trace.n_ctx:
        return f"this model reads at most {trace.n_ctx} tokens"
    return "the model ended the text"
