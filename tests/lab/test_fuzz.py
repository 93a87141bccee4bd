"""Any request at all: a plain answer, soon, and never a mistake of the server's own."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from visitors import HOME, Visitor, visiting

from workings import SparseAutoencoder, TunedLens
from workings.models.sae import SAEConfig, sae_weight_axes

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # edits may divide by zero

GETS = ["model", "tile", "changed", "range", "explain", "formula", "labels", "attention", "lens", "lens/cell", "merges", "write", "find", "heads", "looks", "knockout", "attribution", "patching", "patching/cell", "report.html", "edits.json", "features", "features/card", "features/firing", "features/strengths", "steer", "steer/smallest", "continuations", "view", "nothing", ""]  # fmt: skip
NAMES = ["ids", "embed", "W_E", "W_pos", "logits", "probabilities", "blocks.0.attn.pattern", "blocks.1.attn.scores", "blocks.0.attn.W_O", "blocks.0.ln1.mean", "ln_final.scale", "blocks.0.attn.b_Q", "blocks.1.resid_post.lens.logits", "blocks.0.resid_post.tuned_lens.logits", "tuned_lens.blocks.0.resid_post.W", "blocks.1.mlp.post", "gradient.blocks.0.attn.k", "gradient.blocks.1.mlp.post", "gradient.embed", "choice.token", "choice.logits"]  # fmt: skip
SECONDS = 60

junk = st.text(max_size=12) | st.sampled_from(["", "-1", "0", "1e9", "NaN", "9" * 25, ":", "1:", "-3:2", "0:0", "5:3", "%00", "null", "[]", "../..", "‮", "١", "0x1", "1_0", " 1", "+1", "1,", ",1", "0,0,0,0"])  # fmt: skip
spans = st.builds("{}:{}".format, st.integers(-2, 60), st.integers(-2, 60)) | junk
numbers = st.integers(-3, 60).map(str) | junk
indices = st.lists(st.integers(-50, 50), max_size=4).map(lambda parts: ",".join(map(str, parts))) | junk
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
amounts = st.integers(-3, 3) | st.floats() | st.lists(st.floats(-1e40, 1e40), max_size=12) | st.lists(st.lists(st.integers(-2, 2), max_size=3), max_size=3) | json_values  # fmt: skip
parts = st.integers(-60, 60) | st.sampled_from([":", "1:", ":2", "-1:", "3:2", "0:99", "::", "", "a"]) | json_values
edits = st.fixed_dictionaries(
    {"table": st.sampled_from(NAMES) | json_values, "index": st.lists(parts, max_size=4) | json_values},
    optional={
        "value": amounts,
        "add": amounts,
        "scale": amounts,
        "on": st.booleans() | json_values,
        "more": json_values,
    },
)
plain_edits = st.builds(
    lambda table, index, kind, amount: {"table": table, "index": index, kind: amount},
    st.sampled_from(NAMES), st.lists(st.integers(-4, 4) | st.sampled_from([":", "1:", ":2"]), max_size=3),
    st.sampled_from(["value", "add", "scale"]), st.floats(-1e30, 1e30) | st.sampled_from([0, 1e38, -3e38]),
)  # fmt: skip
some_views = st.fixed_dictionaries(
    {},
    optional={
        "prompt": st.text(max_size=30) | json_values,
        "ids": st.none() | st.lists(st.integers(-1, 320), max_size=50) | json_values,
        "edits": st.lists(edits | plain_edits, max_size=4) | json_values,
        "model": st.sampled_from(["tiny", "/etc", None]) | json_values,
    },
)


@pytest.fixture(scope="module")
def fuzzed(model):
    config = SAEConfig(model.config.d_model, 12, "blocks.0.resid_post", "topk", k=3)
    random = np.random.default_rng(3)
    weights = {
        name: random.standard_normal([axis.size or 1 for axis in axes])
        for name, axes in sae_weight_axes(config).items()
    }
    sae = SparseAutoencoder(config, weights, {0: "first", 1: "second"})
    with visiting(model, table_bytes=2_000_000, sae=sae, tuned=TunedLens.identity(model)) as visitor:
        yield visitor


def is_plain(answer: Any, began: float) -> bool:
    assert answer.status_code < 500, answer.text
    assert time.perf_counter() - began < SECONDS
    if answer.status_code >= 400 and answer.content and answer.headers["content-type"] == "application/json":
        assert set(answer.json()) == {"error", "kind"}
        assert answer.json()["kind"] in ("unknown view", "input", "limit", "forbidden")
    return True


def ask(visitor: Visitor, path: str, query: dict[str, str]) -> None:
    began = time.perf_counter()
    assert is_plain(visitor.client.get(f"{HOME}/api/{path}", params=query), began)


@settings(max_examples=300)
@given(data=st.data())
def test_any_question_gets_a_plain_answer(fuzzed, data):
    changes = data.draw(st.lists(plain_edits, max_size=2))
    view = fuzzed.open(ids=data.draw(st.lists(st.integers(0, 299), min_size=1, max_size=9)), edits=changes)["id"]
    query = data.draw(
        st.fixed_dictionaries(
            {},
            optional={
                "table": st.sampled_from(NAMES) | junk, "sheet": numbers, "rows": spans, "columns": spans, "index": indices, "axis": st.just("d_vocab") | junk,
                "from": numbers, "to": numbers, "block": numbers | st.sampled_from(["blocks.0.resid_post", "blocks.0.resid_mid"]), "position": numbers, "text": st.text(max_size=40),
                "temperature": st.floats().map(str) | junk, "seed": numbers, "most": st.integers(-1, 6).map(str) | junk, "view": junk,
                "feature": numbers | st.sampled_from(["first", "SECOND", "third"]), "strength": st.floats().map(str) | junk, "positions": spans | numbers,
                "token": numbers, "against": numbers, "answer": numbers, "part": st.sampled_from(["L0H1", "1_mlp_out", "embed"]) | junk, "order": st.sampled_from(["model", "size"]) | junk,
                "other": st.text(max_size=9), "over": st.sampled_from(["resid_pre", "heads"]) | junk, "method": st.sampled_from(["patching", "attribution"]) | junk, "column": numbers,
                "into": st.sampled_from(["logits", "1.0.q", "0.0.k", "1.9.v", "blocks.1.mlp.pre", "embed", "W_E"]) | junk, "through_mlps": st.sampled_from(["yes", "no"]), "direction": st.sampled_from(["denoising", "noising"]) | junk, "edits": st.sampled_from(["yes", "no"]) | junk,
                "head": numbers, "by": st.sampled_from(["zero", "mean"]) | junk,
                "kind": st.sampled_from(["logit", "tuned"]) | junk, "after_attention": st.sampled_from(["yes", "no"]) | junk,
            },
        )
    )  # fmt: skip
    ask(fuzzed, data.draw(st.sampled_from(GETS)), {"view": view, **query})


@settings(max_examples=300)
@given(given_view=some_views | json_values)
def test_any_view_gets_a_plain_answer(fuzzed, given_view):
    import json

    began = time.perf_counter()
    body = json.dumps(given_view).encode(errors="surrogatepass")
    answer = fuzzed.client.post("/api/view", content=body)
    assert is_plain(answer, began)
    if answer.status_code == 200:
        found = answer.json()
        ask(fuzzed, "tile", {"view": found["id"], "table": "logits"})
        ask(fuzzed, "range", {"view": found["id"], "table": "blocks.0.attn.scores"})
        ask(fuzzed, "explain", {"view": found["id"], "table": "probabilities", "index": "0,0"})
        ask(fuzzed, "report.html", {"view": found["id"]})
        saved = fuzzed.get("edits.json", view=found["id"]).json()
        assert fuzzed.post(saved).json()["id"] == found["id"]


@settings(max_examples=100)
@given(body=st.binary(max_size=200))
def test_any_bytes_get_a_plain_answer(fuzzed, body):
    began = time.perf_counter()
    assert is_plain(fuzzed.client.post("/api/view", content=body), began)


@settings(max_examples=100)
@given(path=st.text(max_size=30), query=st.dictionaries(st.text(max_size=6), st.text(max_size=6), max_size=3), method=st.sampled_from(["GET", "HEAD", "POST", "PUT", "OPTIONS"]))  # fmt: skip
def test_any_address_gets_a_plain_answer(fuzzed, path, query, method):
    from urllib.parse import quote

    began = time.perf_counter()
    answer = fuzzed.client.request(
        method, f"{HOME}/{quote(path, errors='replace')}", params={k: v for k, v in query.items() if k != "token"}
    )
    assert is_plain(answer, began)


@settings(max_examples=60)
@given(headers=st.dictionaries(st.sampled_from(["host", "origin", "cookie", "content-length", "content-type", "if-none-match", "sec-fetch-site", "range", "accept"]), st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20), max_size=4))  # fmt: skip
def test_any_headers_get_a_plain_answer(fuzzed, headers):
    began = time.perf_counter()
    assert is_plain(fuzzed.client.get("/api/model", headers=headers), began)
    assert is_plain(fuzzed.client.post("/api/view", content=b"{}", headers=headers), began)


@settings(max_examples=60)
@given(prompts=st.lists(st.text("ab c", min_size=3, max_size=3), min_size=2, max_size=2), path=st.sampled_from(["attribution", "patching", "patching/cell"]), method=st.sampled_from(["patching", "attribution"]), over=st.sampled_from(["resid_pre", "heads", "mlp_out"]), into=st.sampled_from(["", "1.1.k", "logits", "blocks.1.attn.pattern"]), direction=st.sampled_from(["denoising", "noising"]), changes=st.lists(plain_edits, max_size=2))  # fmt: skip
def test_any_pair_of_prompts_gets_a_plain_answer(fuzzed, prompts, path, method, over, into, direction, changes):
    view = fuzzed.open(prompts[0], edits=changes)["id"]
    what = {"into": into} if into else {"over": over, "method": method}
    query = {"other": prompts[1], "direction": direction, "block": "0", "column": "1", **what}
    ask(fuzzed, path, {"view": view, **query})
