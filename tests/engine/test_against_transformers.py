"""Every named table is what `transformers` works out from the same weights."""

import copy
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tiny import ACTIVATIONS, Tiny, pair, random_ids, tinies

Tensors = dict[str, torch.Tensor]


def tables_of(model: Any, ids: list[int]) -> Tensors:
    """What `transformers` has for every table, by our names; what it keeps to itself is worked out anew in torch."""
    seen: Tensors = {}

    def watch(module: torch.nn.Module, name: str) -> Any:
        def look(_: Any, inputs: tuple, output: Any) -> None:
            seen[f"{name}.in"] = inputs[0].detach()
            seen[name] = (output[0] if isinstance(output, tuple) else output).detach()

        return module.register_forward_hook(look)

    body = model.transformer
    parts = {"wte": body.wte, "wpe": body.wpe, "ln_f": body.ln_f}
    for i, block in enumerate(body.h):
        parts |= {f"{i}": block, f"{i}.ln1": block.ln_1, f"{i}.ln2": block.ln_2, f"{i}.c_attn": block.attn.c_attn}
        parts |= {
            f"{i}.c_proj": block.attn.c_proj,
            f"{i}.mlp": block.mlp,
            f"{i}.c_fc": block.mlp.c_fc,
            f"{i}.act": block.mlp.act,
        }
    hooks = [watch(module, name) for name, module in parts.items()]
    with torch.no_grad():
        out = model(torch.tensor([ids]), output_attentions=True)
    for hook in hooks:
        hook.remove()
    seen = {name: value[0] if value.ndim > 2 else value for name, value in seen.items()}
    return _by_our_names(model.config, seen, out)


def _by_our_names(config: Any, seen: Tensors, out: Any) -> Tensors:
    tables = {"embed": seen["wte"], "pos_embed": seen["wpe"]}
    for i in range(config.n_layer):
        at = f"blocks.{i}"
        q, k, v = (_heads(part, config) for part in seen[f"{i}.c_attn"].split(config.n_embd, dim=-1))
        scale = (config.n_embd // config.n_head) ** -0.5 if config.scale_attn_weights else 1.0
        scale /= i + 1 if config.scale_attn_by_inverse_layer_idx else 1
        tables |= {
            f"{at}.resid_pre": seen[f"{i}.in"],
            f"{at}.resid_mid": seen[f"{i}.ln2.in"],
            f"{at}.resid_post": seen[f"{i}"],
        }
        tables |= _norm(f"{at}.ln1", seen[f"{i}.ln1.in"], seen[f"{i}.ln1"], config)
        tables |= _norm(f"{at}.ln2", seen[f"{i}.ln2.in"], seen[f"{i}.ln2"], config)
        tables |= {f"{at}.attn.q": q, f"{at}.attn.k": k, f"{at}.attn.v": v}
        tables |= {f"{at}.attn.scores": q @ k.transpose(1, 2) * scale, f"{at}.attn.pattern": out.attentions[i][0]}
        tables |= {f"{at}.attn.z": _heads(seen[f"{i}.c_proj.in"], config), f"{at}.attn_out": seen[f"{i}.c_proj"]}
        tables |= {
            f"{at}.mlp.pre": seen[f"{i}.c_fc"],
            f"{at}.mlp.post": seen[f"{i}.act"],
            f"{at}.mlp_out": seen[f"{i}.mlp"],
        }
    tables |= _norm("ln_final", seen["ln_f.in"], seen["ln_f"], config)
    return tables | {"logits": out.logits[0], "probabilities": out.logits[0].softmax(-1)}


def _heads(x: torch.Tensor, config: Any) -> torch.Tensor:
    return x.reshape(len(x), config.n_head, -1).transpose(0, 1)


def _norm(name: str, x: torch.Tensor, normalized: torch.Tensor, config: Any) -> Tensors:
    scale = (x.var(-1, keepdim=True, unbiased=False) + config.layer_norm_epsilon).sqrt()
    return {f"{name}.mean": x.mean(-1, keepdim=True), f"{name}.scale": scale, f"{name}.normalized": normalized}


def check(tiny: Tiny, ids: list[int], dtype: str) -> None:
    theirs, model = pair(tiny)
    theirs = theirs if dtype == "float32" else copy.deepcopy(theirs).double()
    expected = tables_of(theirs, ids)
    trace = model.trace(ids, dtype=dtype)
    assert set(trace.names()) == set(expected)
    for name in trace.names():
        found, wanted = trace[name], expected[name].numpy()
        assert found.shape == wanted.shape, name
        assert found.dtype == dtype, name
        if name.endswith("scores"):
            later = np.triu(np.ones(found.shape[-2:], bool), 1)
            assert (found[:, later] == -1e9).all(), name
            found, wanted = found[:, ~later], wanted[:, ~later]
        np.testing.assert_allclose(found, wanted, rtol=0, atol=5e-5 if dtype == "float32" else 1e-10, err_msg=name)


@settings(max_examples=60)
@given(tinies(), st.integers(1, 12), st.sampled_from(["float32", "float64"]))
def test_every_table_agrees_with_transformers(tiny: Tiny, n_tokens: int, dtype: str) -> None:
    check(tiny, random_ids(tiny, n_tokens, tiny.seed), dtype)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_agrees_with_transformers(activation: str) -> None:
    for dtype in ("float32", "float64"):
        check(Tiny(activation=activation, layers=1), [3, 1, 4, 1, 5], dtype)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize(("scaled", "scaled_by_layer"), [(False, False), (True, True), (False, True)])
def test_every_way_to_scale_and_tie_agrees_with_transformers(tied: bool, scaled: bool, scaled_by_layer: bool) -> None:
    tiny = Tiny(layers=3, heads=2, d_head=3, d_mlp=None, tied=tied, scaled=scaled, scaled_by_layer=scaled_by_layer)
    for dtype in ("float32", "float64"):
        check(tiny, [3, 1, 4, 1, 5, 9], dtype)


def test_a_prompt_longer_than_a_block_of_queries_agrees_with_transformers() -> None:
    tiny = Tiny(n_ctx=300, heads=2, d_head=8)
    check(tiny, random_ids(tiny, 300), "float32")
    check(tiny, random_ids(tiny, 131), "float64")
