"""`generate`, `tokens`, `explain`, `attention`: what they print is what the library says."""

from __future__ import annotations

import json

import pytest
from little import TEXT, needs_storybook

import workings
from workings.cli.writing import text_pieces
from workings.display.words import number

PROMPT = "Mike is quick. He"


# generate


@pytest.mark.parametrize(
    "options",
    [[], ["--temperature", "1.3", "--seed", "4"], ["-t", "2", "--top-k", "5", "--top-p", "0.9", "--seed", "1"]],
)
def test_generate_writes_what_the_library_generates(call, ask, folder, model, options):
    names = {"-t": "temperature"}
    given = (
        {names.get(o, o[2:].replace("-", "_")): json.loads(v) for o, v in zip(options[::2], options[1::2], strict=True)}
        if options
        else {}
    )
    expected = model.generate("Mike is", max_new_tokens=12, **given)
    words = ["generate", "Mike is", "--model", folder, "--max-new-tokens", "12", *options]
    assert call(*words).stdout == expected + "\n"
    assert ask(*words)["text"] == expected


def test_letters_of_several_tokens_come_whole(model):
    text = "Größe 😀 日本 é"
    ids = model.tokenizer.encode(text)
    assert len(ids) > len(text) - 4
    pieces = list(text_pieces(model, ids[:1], iter(ids[1:])))
    assert "".join(pieces) == text
    assert not any("\ufffd" in piece for piece in pieces)


def test_bytes_that_never_become_a_letter_are_not_kept_back_for_ever(model):
    ids = model.tokenizer.encode("a😀")[:-1]
    assert "".join(text_pieces(model, ids[:1], iter(ids[1:]))) == model.tokenizer.decode(ids)


def test_generate_says_when_the_model_can_read_no_further(call, folder, model):
    prompt = TEXT[:30]
    room = model.config.n_ctx - len(model.trace(prompt))
    result = call("generate", prompt, "--model", folder, "--max-new-tokens", "500")
    assert f"stopped after {room} of 500 tokens: this model reads at most {model.config.n_ctx} tokens" in result.stderr


def test_generate_gives_ids_where_the_model_has_no_tokenizer(call, wordless):
    ids = workings.load(wordless).generate([3, 1], max_new_tokens=4)
    assert call("generate", "3 1", "--model", wordless, "--max-new-tokens", "4").stdout.split() == [str(i) for i in ids]


@needs_storybook
def test_storybook_knows_the_rhyme(call):
    assert "had a great fall" in call("generate", "Humpty Dumpty sat on a").stdout


# tokens


def test_tokens_shows_every_merge(call, ask, folder, model):
    document = ask("tokens", PROMPT, "--model", folder)
    assert document["ids"] == model.tokenizer.encode(PROMPT)
    text = call("tokens", PROMPT, "--model", folder).stdout
    merges = model.tokenizer.merges(PROMPT)
    for word in merges.words:
        for merge in word.merges:
            assert f"{merge.rank:,}  " in text
    assert [word["ids"] for word in document["words"]] == [word.ids for word in merges.words]


def test_tokens_of_letters_that_take_several_bytes_are_explained(call, folder):
    assert "take several bytes" in call("tokens", "日", "--model", folder).stdout
    assert "take several bytes" not in call("tokens", "Mike", "--model", folder).stdout


# explain


@pytest.mark.parametrize(
    "address",
    [
        ["blocks.0.attn.pattern[2, 4, 0]"],
        ["blocks.0.attn.pattern", "2", "4", "0"],
        ["blocks.0.attn.pattern", "2,4,0"],
        ["blocks.0.attn.pattern[2,", "4,", "0]"],
        ["blocks.0.attn.pattern", "-1", "4", "0"],
        ["--", "blocks.0.attn.pattern", "-1", "4", "0"],
        ["blocks.0.attn.pattern[-1, 4, 0]"],
        ["blocks.0.attn.hook_pattern[2, 4, 0]"],
    ],
)
def test_an_address_can_be_written_in_several_ways(ask, folder, model, address):
    document = ask("explain", "--prompt", PROMPT, "--model", folder, *address)
    assert document["address"] == "blocks.0.attn.pattern[2, 4, 0]"
    assert document["value"] == pytest.approx(float(model.trace(PROMPT)["blocks.0.attn.pattern"][2, 4, 0]))


def test_a_token_can_stand_for_its_place_in_the_vocabulary(ask, folder, model):
    spaced, plain = model.tokenizer.token_id(" is"), model.tokenizer.token_id("i")
    words = ["--prompt", "Mike", "--model", folder]
    assert ask("explain", "logits[-1, is]", *words)["index"] == [len(model.trace("Mike")) - 1, spaced]
    assert ask("explain", "logits", "-1", '"i"', *words)["index"][1] == plain


def test_explain_shows_formula_terms_and_sources(call, folder, model):
    found = model.trace(PROMPT).explain("logits", 2, 7)
    text = " ".join(call("explain", "logits[2, 7]", "--prompt", PROMPT, "--model", folder, columns=100).stdout.split())
    assert found.formula in text
    assert found.sentence in text
    for term in found.terms:
        assert term.text in text
    for source in found.sources[:12]:
        assert str(source) in text


def test_an_edited_weight_and_an_edited_token_id_say_what_they_were(call, folder, model, tmp_path):
    trace, file = model.trace("Mike is"), tmp_path / "edits.json"
    edits = [{"table": "W_E", "index": [4, 0], "value": 3.0}, {"table": "ids", "index": [1], "value": 4}]
    file.write_text(json.dumps({"prompt": "Mike is", "edits": edits}))
    weight = call("explain", "W_E[4, 0]", "--edits", str(file), "--model", folder, columns=100).stdout
    assert f"changed by hand: set to 3 (it was {number(trace['W_E'][4, 0])})" in weight
    token = call("explain", "ids[1]", "--edits", str(file), "--model", folder, columns=100).stdout
    assert f"set to 4, {model.tokenizer.token_strings([4])[0]!r} (it was {trace.ids[1]}, ' is')" in token


def test_sources_can_be_asked_in_turn_down_to_where_numbers_begin(ask, folder, model):
    to_ask, asked = ["logits[1, 7]"], {"logits"}
    while to_ask:
        sources = ask("explain", to_ask.pop(), "--prompt", "Mike is", "--model", folder)["sources"]
        new = {source.split("[")[0]: source for source in sources}
        to_ask += [source for table, source in new.items() if table not in asked]
        asked |= set(new)
    trace = model.trace("Mike is")
    assert asked == {"ids", *trace.names(), *trace.weight_names()} - {"probabilities"}


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("ids[1]", "Read from the prompt. This is where the numbers begin."),
        ("W_E[3, 4]", "This is where the numbers begin."),
        ("blocks.0.attn.scores[0, 0, 1]", "masked: token 1 comes after token 0"),
        ("logits[0, 5]", "Any of these can be asked in turn"),
    ],
)
def test_the_beginnings_and_the_mask_are_told_in_words(call, folder, address, said):
    text = call("explain", address, "--prompt", "Mike is", "--model", folder).stdout
    assert said in " ".join(text.split())


def test_float64_gives_more_digits(ask, folder, model):
    words = ["explain", "logits[0, 0]", "--prompt", "Mike", "--model", folder, "--dtype", "float64"]
    assert ask(*words)["value"] == float(model.trace("Mike", dtype="float64")["logits"][0, 0])


def test_explain_without_an_address_lists_every_table(ask, call, folder, model):
    trace = model.trace("Mike")
    names = [table["name"] for table in ask("explain", "--prompt", "Mike", "--model", folder)["tables"]]
    assert names == ["ids", *trace.names(), *trace.weight_names()]
    text = call("explain", "--prompt", "Mike", "--model", folder).stdout
    assert "blocks.N.attn.pattern" in text
    assert "blocks.1" not in text


# attention


def test_attention_as_json_is_the_trace(ask, folder, model):
    pattern = model.trace(PROMPT)["blocks.1.attn.pattern"]
    words = ["attention", PROMPT, "--model", folder]
    assert ask(*words, "--block", "1")["pattern"] == [
        [[json.loads(str(x)) for x in row] for row in head] for head in pattern
    ]
    assert len(ask(*words, "--block", "1", "--head", "2")["pattern"]) == len(pattern[2])
    looks = ask(*words)["last_token_looks_at"]
    assert len(looks) == 6
    assert looks[5]["position"] == int(pattern[2, -1, :-1].argmax())


def test_a_head_shows_its_shares_in_percent(call, folder, model):
    pattern = model.trace(PROMPT)["blocks.1.attn.pattern"][2]
    lines = call("attention", PROMPT, "--block", "1", "--head", "2", "--model", folder, columns=140).stdout.splitlines()
    last = next(line.split() for line in lines if line.split()[:2] == [str(len(pattern) - 1), "␣He"])
    assert last[2:] == ["·" if share < 0.005 else f"{share * 100:.0f}" for share in pattern[-1]]


@pytest.mark.parametrize("options", [[], ["--block", "1"], ["--block", "1", "--head", "2"]])
def test_maps_are_coloured_on_a_terminal_and_plain_elsewhere(call, folder, options):
    words = ["attention", PROMPT, *options, "--model", folder]
    assert "\x1b[" not in call(*words).stdout
    assert "\x1b[" in call(*words, FORCE_COLOR="1", COLORTERM="truecolor").stdout
    assert "48;2;" not in call(*words, FORCE_COLOR="1", COLORTERM="truecolor", NO_COLOR="1").stdout


def test_small_maps_have_shades_where_there_is_no_colour(call, folder):
    assert "@@" in call("attention", PROMPT, "--block", "0", "--model", folder).stdout


@pytest.mark.parametrize("options", [[], ["--block", "1"], ["--block", "1", "--head", "2"]])
@pytest.mark.parametrize("columns", [40, 60, 80, 200])
def test_maps_keep_to_the_width_and_say_what_they_leave_out(call, folder, options, columns):
    prompt = TEXT[:28]
    text = call("attention", prompt, *options, "--model", folder, columns=columns).stdout
    assert max(len(line) for line in text.splitlines() if not line.strip().startswith("workings")) <= columns
    if columns == 40 and options[2:]:
        assert "a wider window shows more" in " ".join(text.split())


# lens


def test_lens_as_json_is_the_lens(ask, folder, model):
    lens = workings.logit_lens(model, PROMPT, after_attention=True)
    document = ask("lens", PROMPT, "--token", "is", "--attention", "--model", folder)
    assert document["streams"] == list(lens.streams)
    ids, shares = lens.top(1)
    assert document["likeliest"]["ids"] == ids[..., 0].tolist()
    assert document["likeliest"]["shares"] == [[json.loads(str(x)) for x in row] for row in shares[..., 0]]
    token_shares, ranks = lens.token(" is")
    assert document["token"]["token"] == " is"
    assert document["token"]["ranks"] == ranks.tolist()
    assert document["token"]["shares"] == [[json.loads(str(x)) for x in row] for row in token_shares]
    assert "token" not in ask("lens", PROMPT, "--model", folder)


def test_lens_shows_the_likeliest_token_and_its_share_in_every_cell(call, folder, model):
    _, shares = workings.logit_lens(model, "Mike").top(1)
    text = call("lens", "Mike", "--model", folder, columns=140).stdout
    for block in range(2):
        line = next(line for line in text.splitlines() if line.startswith(f"  block {block} "))
        assert line.split()[3::2] == [f"{share * 100:.0f}" for share in shares[block, :, 0]]


def test_lens_shows_share_and_rank_of_a_chosen_token(call, folder, model):
    _, ranks = workings.logit_lens(model, PROMPT).token(" is")
    text = call("lens", PROMPT, "--token", "is", "--model", folder, columns=300).stdout
    line = next(line for line in text.splitlines() if line.startswith("  block 1 "))
    assert [int(word[1:]) for word in line.split() if word.startswith("#")] == ranks[1].tolist()


@pytest.mark.parametrize("options", [[], ["--token", "is"], ["--attention"]])
@pytest.mark.parametrize("columns", [40, 80, 140])
def test_the_lens_keeps_to_the_width_and_is_coloured_on_a_terminal_only(call, folder, options, columns):
    words = ["lens", TEXT[:40], *options, "--model", folder]
    text = call(*words, columns=columns).stdout
    assert max(len(line) for line in text.splitlines() if not line.strip().startswith("workings")) <= columns
    assert "\x1b[" not in text
    assert "48;2;" in call(*words, columns=columns, FORCE_COLOR="1", COLORTERM="truecolor").stdout


def test_lens_takes_ids_where_the_model_has_no_tokenizer(call, ask, wordless):
    assert ask("lens", "3 1", "--token", "7", "--model", wordless)["token"]["id"] == 7
    assert call("lens", "3 1", "--model", wordless).exit_code == 0


@pytest.mark.parametrize(("token", "said"), [("nonsense", "is not one token"), ("5000", "0 to ")])
def test_a_token_that_is_not_there_is_refused(call, folder, token, said):
    result = call("lens", "Mike", "--token", token, "--model", folder)
    assert result.exit_code == 1
    assert said in result.stderr


@needs_storybook
def test_the_lens_shows_when_the_jedi_gets_her_lightsaber(ask):
    prompt = "Mike is a chef. Anna is a Jedi. She picked up her"
    ranks = [row[-1] for row in ask("lens", prompt, "--token", "lightsaber")["token"]["ranks"]]
    assert ranks[-1] == 1
    assert ranks[0] > 1


# attribution


def test_attribution_as_json_is_the_librarys(ask, folder, model):
    words = ["attribution", PROMPT, "--model", folder, "--token", "is", "--against", "i", "--position", "1"]
    spaced, plain = model.tokenizer.token_id(" is"), model.tokenizer.token_id("i")
    expected = workings.attribution(model.trace(PROMPT), spaced, plain, 1)
    document = ask(*words)
    assert document["total"] == pytest.approx(expected.total)
    assert [part["name"] for part in document["parts"]] == [part.name for part in expected.parts]
    assert sum(part["value"] for part in document["parts"]) == pytest.approx(document["total"], rel=1e-5)


@pytest.mark.parametrize("part", [None, "L1H2", "0_mlp_out", "embed"])
@pytest.mark.parametrize("columns", [50, 80, 140])
def test_attribution_shows_its_parts_and_their_sum(call, folder, model, part, columns):
    options = [] if part is None else ["--part", part]
    text = call("attribution", PROMPT, "--model", folder, *options, columns=columns).stdout
    assert max(len(line) for line in text.splitlines() if not line.strip().startswith("workings")) <= columns
    found = workings.attribution(model.trace(PROMPT))
    together = next(line.split() for line in text.splitlines() if line.startswith("  together"))
    assert float(together[1].replace("−", "-")) == pytest.approx(
        found.total if part is None else found[part].value, rel=1e-2, abs=6e-3
    )


def test_a_part_that_is_not_there_is_refused_with_those_that_are(call, folder):
    result = call("attribution", PROMPT, "--model", folder, "--part", "L9H9")
    assert result.exit_code == 1
    assert "no part is named L9H9" in result.stderr and "L1H2" in result.stderr


@needs_storybook
def test_the_commands_that_attribution_suggests_work(call):
    import shlex

    text = call("attribution", "Mike is a chef. Anna is a Jedi. She picked up her", "--against", "phone").stdout
    commands = [line.strip() for line in text.splitlines() if line.strip().startswith("workings")]
    assert commands
    for line in commands:
        assert call(*shlex.split(line)[1:]).exit_code == 0
