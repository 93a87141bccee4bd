"""What people may type to name a number: the lab reads it as Python and the command line do."""

from __future__ import annotations

import pytest

PROMPT = "Mike is quick. He"


@pytest.fixture(scope="module")
def view(visitor):
    return visitor.open(PROMPT)["id"]


def place(visitor, view, text, here=""):
    found = visitor.json("place", view=view, text=text, here=here)
    return found["table"], *found["index"]


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("blocks.0.attn.pattern[1, 4, 0]", ("blocks.0.attn.pattern", 1, 4, 0)),
        ("blocks.0.attn.pattern 1 4 0", ("blocks.0.attn.pattern", 1, 4, 0)),
        ("blocks.0.attn.pattern", ("blocks.0.attn.pattern", 0, 0, 0)),
        ("[1, 4, 0]", ("blocks.1.attn.pattern", 1, 4, 0)),
        ("", ("blocks.1.attn.pattern", 0, 0, 0)),
        ("blocks.0.attn.hook_pattern[0,1,1]", ("blocks.0.attn.pattern", 0, 1, 1)),
        ("blocks.1.attn.hook_attn_scores[0,1,1]", ("blocks.1.attn.scores", 0, 1, 1)),
        ("hook_embed[0,0]", ("embed", 0, 0)),
        ("embed.W_E[1,1]", ("W_E", 1, 1)),
        ("blocks.0.mlp.hook_post[1,1]", ("blocks.0.mlp.post", 1, 1)),
        ("gradient.blocks.0.mlp.hook_post[1,-1]", ("gradient.blocks.0.mlp.post", 1, 19)),
        ("gradient.blocks.0.mlp.post.passed[1,1]", ("gradient.blocks.0.mlp.post", 1, 1)),
        ("choice.logits[0, 3]", ("choice.logits", 0, 3)),
        ("ids[-1]", ("ids", -1)),
    ],
)
def test_an_address_names_a_number_in_every_spelling(visitor, view, model, typed, meant):
    n_pos = len(model.trace(PROMPT))
    table, *index = place(visitor, view, typed, here="blocks.1.attn.pattern")
    assert (table, *index) == (meant[0], *(i % n_pos if i < 0 else i for i in meant[1:]))


def test_a_word_stands_for_its_token_and_in_quotes_exactly(visitor, view, model):
    n_pos, tokens = len(model.trace(PROMPT)), [model.tokenizer.decode([i]) for i in range(model.config.d_vocab)]
    both = [text for text in tokens if f" {text}" in tokens and text.isalpha()]
    assert both
    for text in both[:3]:
        bare, blank = tokens.index(text), tokens.index(f" {text}")
        assert place(visitor, view, f"logits[-1, {text}]") == ("logits", n_pos - 1, blank)
        assert place(visitor, view, f'logits[-1, "{text}"]') == ("logits", n_pos - 1, bare)
        assert place(visitor, view, f'logits[-1, " {text}"]') == ("logits", n_pos - 1, blank)
        assert place(visitor, view, f"logits[-1, ␣{text}]") == ("logits", n_pos - 1, blank)
    assert place(visitor, view, 'logits[-1, ","]') == ("logits", n_pos - 1, tokens.index(","))


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ("nope", "there is no table named 'nope'; Ctrl-K finds tables"),
        ("blocks.0.attn.patern[0,0,0]", "did you mean blocks.0.attn.pattern"),
        ("blocks.0.attn.pattern[,,]", "in blocks.0.attn.pattern the place head is a whole number"),
        ("blocks.0.attn.pattern[0,,1]", "'' came"),
        (
            "logits[0x3,0]",
            "in logits the place pos is a whole number, and negative ones count from the end; '0x3' came",
        ),
        ("logits[0, 1e1]", "“1e1” is not one token"),
        ("logits[1.0, 1]", "'1.0' came"),
        ("logits[0,]", "'' came"),
        ("logits[1]", "in logits a number has 2 places, [pos, d_vocab]; 1 came"),
        ("logits[999, 0]", "in logits the place pos goes from 0 to"),
        ("logits[-999, 0]", "-999 came"),
        ("logits[0, Tomatoes]", "“Tomatoes” is not one token"),
        ("gradient.W_E[0, 0]", "there are no slopes of W_E"),
        ("gradient.nope", "there is no table named 'nope'"),
        ("logits]0[", "there is no table named"),
    ],
)
def test_what_names_no_number_is_refused_in_words(visitor, view, typed, told):
    answer = visitor.get("place", view=view, text=typed)
    assert answer.status_code == 400 and told in answer.json()["error"], answer.text


def test_edits_are_told_by_the_names_that_tables_have_here(visitor):
    edits = [{"table": name, "index": [0], "scale": 2.0, "on": True} for name in ("hook_embed", "embed.W_E", "nope")]
    told = visitor.client.post("/api/view", json={"prompt": PROMPT, "ids": None, "edits": edits}).json()["edits"]
    assert [edit["table"] for edit in told] == ["embed", "W_E", "nope"]


@pytest.mark.parametrize(
    ("typed", "name"),
    [("blocks.1.hook_resid_mid", "blocks.1.resid_mid"), ("gradient.hook_embed", "gradient.embed"), ("hook_mlp_out", "blocks.0.mlp_out"), ("embed.W_E", "W_E")],
)  # fmt: skip
def test_search_finds_tables_in_every_spelling(visitor, typed, name):
    assert visitor.json("find", text=typed)["found"][0]["name"] == name
