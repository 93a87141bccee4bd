"""Finding a table by the name that a person typed."""

from __future__ import annotations

import difflib
import re

from workings.errors import UnknownTable
from workings.language.tables import Graph, Table

_OF_SAES = re.compile(r"\.hook_sae_acts_(pre|post)$")
"""SAELens's names for what an autoencoder works out, after the name of the table that it reads."""
_ELSEWHERE = {"embed.W_E": "W_E", "pos_embed.W_pos": "W_pos", "unembed.W_U": "W_U", "embed.hook_out": "embed"}


def plain_name(name: str) -> str:
    """A table's name as it is spelled here: `blocks.2.resid_post` for TransformerLens's `blocks.2.hook_resid_post`."""
    name = _OF_SAES.sub(lambda found: ".sae.pre" if found[1] == "pre" else ".sae.acts", name)
    return _ELSEWHERE.get(name, name).replace("hook_", "").replace("attn.attn_scores", "attn.scores")


def find_table(graph: Graph, name: str) -> Table:
    """The table, weight or token ids of this name; `hook_` of other libraries may stand in it.

    Raises `UnknownTable`, with the nearest names.
    """
    if not isinstance(name, str):
        raise UnknownTable(
            f"a table is asked for by its name, such as 'logits' (trace.names() lists them all); {name!r:.80} came"
        )
    plain = plain_name(name)
    table = graph.named.get(plain) or graph.weights.get(plain)
    if table is None:
        known = [*graph.named, *graph.weights]
        near = difflib.get_close_matches(str(plain), known, n=3, cutoff=0.6)
        hint = f"did you mean {' or '.join(near)}?" if near else "trace.names() lists them all"
        raise UnknownTable(f"there is no table named {name!r}; {hint}")
    return table
