"""Patching finds the part that matters: in models written by hand, where one knows which it is; and each cell is what the
same patch gives from scratch."""

from dataclasses import replace

import numpy as np
import pytest
from by_hand import additive, by_hand
from hypothesis import given, settings
from hypothesis import strategies as st
from little import needs_storybook

import workings
from tiny import Change, Tiny, assert_close, model_of, random_ids, third_opinion, tinies
from workings.anatomy.patching import OVER
from workings.errors import InputError, OutsideTable

CLEAN, CORRUPTED = [7, 3, 5, 1, 2, 3], [7, 3, 6, 1, 2, 3]  # after the second 3 comes what came after the first: 5, or 6
FORGOTTEN = [7, 4, 5, 1, 2, 3]  # no 3 before the last one, so there is nothing to look for


def sweep(clean=CLEAN, corrupted=CORRUPTED, **options):
    return workings.patching_sweep(by_hand(), clean, corrupted, 5, 6, **options)


def only(values, *cells):
    """The cells restore all of it, and no other restores anything."""
    left = values.copy()
    for cell in cells:
        assert values[cell] == pytest.approx(1, abs=0.03), cell
        left[cell] = 0
    assert np.abs(left).max() < 0.03, left.round(2)


def test_only_the_head_and_the_positions_that_the_answer_goes_by_restore_it():
    only(sweep().values, (0, 2), (1, 2))
    only(sweep(over="resid_post").values, (0, 2), (1, 5))
    only(sweep(over="attn_out").values, (1, 5))
    only(sweep(over="heads").values, (1, 0))
    only(sweep(over="values").values, (1, 0))
    only(sweep(over="mlp_out").values)


def test_the_previous_token_head_is_found_where_the_token_before_is_what_differs():
    forgotten = sweep(corrupted=FORGOTTEN)
    only(forgotten.values, (0, 1), (1, 2))
    only(sweep(corrupted=FORGOTTEN, over="heads").values, (0, 0), (1, 0))
    only(sweep(corrupted=FORGOTTEN, over="keys").values, (1, 0))
    only(sweep(corrupted=FORGOTTEN, over="queries").values)


def test_the_first_patch_where_the_prompts_differ_is_exactly_the_clean_prompt_and_before_it_exactly_the_corrupted_one():
    model = model_of(Tiny())
    clean, corrupted = [1, 2, 3, 4, 5], [1, 2, 9, 4, 5]
    found = workings.patching_sweep(model, clean, corrupted, 3, 5, dtype="float64")
    assert found.values[0, 2] == pytest.approx(1, abs=1e-12)
    assert (np.delete(found.values[0], 2) == 0).all()
    assert (found.values[:, :2] == 0).all()


@settings(max_examples=12, deadline=None)
@given(tinies(), st.sampled_from(sorted(OVER)), st.sampled_from(["denoising", "noising"]), st.data())
def test_every_cell_is_what_the_same_patch_gives_from_scratch(tiny, over, direction, data):
    model, n = model_of(tiny), data.draw(st.integers(2, 8))
    clean, corrupted = random_ids(tiny, n, 1), random_ids(tiny, n, 2)
    position = data.draw(st.integers(0, n - 1))
    found = workings.patching_sweep(model, clean, corrupted, 3, 5, over, position, direction, "float64")
    source, base = (clean, corrupted) if direction == "denoising" else (corrupted, clean)
    theirs = third_opinion(model, source)
    for (block, column), difference in np.ndenumerate(found.differences):
        name = found.tables[block]
        change = Change(name, (column,), "value", theirs[name][column])
        logits = third_opinion(model, base, [change])["logits"][position]
        assert_close(np.array(difference), logits[3] - logits[5], 1e-10, f"{name} {column}")
    again = found.contrast.difference(found.trace_of(block, column))
    assert again == pytest.approx(found.differences[block, column], abs=1e-10)


def test_noising_finds_what_is_needed():
    found = sweep(over="heads", direction="noising")
    only(1 - found.values, (1, 0))
    only(found.effects, (1, 0))
    assert found.to_dict()["effects"] == found.effects.tolist()
    assert found.best(1)[0][:2] == (1, 0)


def test_progress_is_told_and_ends_with_all_patches():
    told = []
    sweep(progress=lambda done, of: told.append((done, of)))
    assert told[-1] == (12, 12) and told == sorted(told)


def test_a_sweep_as_a_dictionary_has_all_of_it():
    found = sweep(over="heads")
    document = found.to_dict()
    assert document["values"] == found.values.tolist() and document["columns"] == ["head 0", "head 1"]
    assert document["clean"]["ids"] == CLEAN and document["answer"] == {"id": 5, "token": "5"}
    assert document["tables"] == ["blocks.0.attn.z", "blocks.1.attn.z"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"corrupted": [7, 3, 6]}, r"6, 7\|3\|5\|1\|2\|3, and the corrupted one 3, 7\|3\|6"),
        ({"corrupted": CLEAN}, r"are the same tokens, 7\|3\|5\|1\|2\|3, so there is nothing to restore"),
        ({"corrupted": [8, 3, 5, 1, 2, 3]}, "nothing to restore"),  # another token that no part looks at
        ({"over": "resid"}, "resid_pre, resid_mid"),
        ({"direction": "up"}, "denoising or noising"),
        ({"position": 6}, "positions 0 to 5"),
    ],
)
def test_what_cannot_be_swept_is_refused_with_what_can(words, said):
    with pytest.raises(InputError, match=said):
        sweep(**words)


def test_an_answer_must_be_one_token_and_not_the_one_against_it():
    with pytest.raises(InputError, match="both '5'"):
        workings.patching_sweep(by_hand(), CLEAN, CORRUPTED, 5, 5)
    with pytest.raises(InputError, match="ids 0 to 11"):
        workings.patching_sweep(by_hand(), CLEAN, CORRUPTED, 12, 5)


def test_a_patch_that_left_no_number_is_never_the_strongest_and_is_shown_as_none():
    whole = sweep()
    broken = whole.differences.copy()
    broken[0, 2], broken[0, 0], broken[1, 5] = np.inf, np.nan, -np.inf
    some, none = replace(whole, differences=broken), replace(whole, differences=np.full_like(broken, np.nan))
    assert some.best(1)[0][:2] == (1, 2) == whole.best(2)[1][:2]
    assert len(some.best(100)) == broken.size - 3 and none.best(1) == []
    html = some._repr_html_()
    assert html.count(">no number</td>") == 3 and "In 3 cells the patch left no number" in html
    assert "The strongest is block 1, at " in html
    assert "No patch has a number, so none is the strongest." in none._repr_html_()
    colours = some.plot().axes[-1]
    assert "(grey: no number)" in colours.get_ylabel() and "grey" not in whole.plot().axes[-1].get_ylabel()
    mesh = some.plot().axes[0].collections[0]
    assert np.ma.getmaskarray(mesh.get_array()).sum() == 3  # what is masked is left unpainted, over the grey


def test_a_cell_that_a_sweep_does_not_have_is_refused():
    with pytest.raises(OutsideTable, match="blocks 0 to 1 and the positions 0 to 5"):
        sweep().trace_of(2, 0)


# Attribution patching


@pytest.mark.parametrize("over", ["resid_pre", "attn_out", "mlp_out", "heads", "values"])
@pytest.mark.parametrize("direction", ["denoising", "noising"])
def test_attribution_patching_is_exact_where_the_model_only_adds(over, direction):
    asked = (additive(), [1, 2, 3, 4, 5], [1, 6, 3, 7, 5], 8, 9, over, -1, direction, "float64")
    estimated, true = workings.attribution_patching(*asked), workings.patching_sweep(*asked)
    assert np.abs(true.values).max() > 0.1 or over == "mlp_out"
    np.testing.assert_allclose(estimated.values, true.values, atol=1e-9)
    assert estimated.trace_of(1, 1).edits == true.trace_of(1, 1).edits or over != "mlp_out"


def test_attribution_patching_ranks_heads_of_a_random_model_much_as_true_patches_do():
    model = model_of(Tiny(layers=3, heads=4, n_ctx=24))
    correlations = []
    for seed in range(6):
        clean = random_ids(Tiny(), 10, seed)
        corrupted = [*clean[:4], (clean[4] + 3) % 23, *clean[5:]]
        asked = (model, clean, corrupted, 3, 5, "heads")
        estimated = workings.attribution_patching(*asked).differences.ravel()
        correlations.append(_rank_correlation(estimated, workings.patching_sweep(*asked).differences.ravel()))
    assert min(correlations) > 0.9, correlations


def _rank_correlation(a, b):
    """Spearman's."""
    return float(np.corrcoef(a.argsort().argsort(), b.argsort().argsort())[0, 1])


# Path patching


def path(sender, receiver, corrupted=FORGOTTEN, **options):
    return workings.path_patch(by_hand(), CLEAN, corrupted, sender, receiver, 5, 6, **options).value


def test_the_previous_token_head_tells_the_induction_heads_keys_and_nothing_else():
    sender = ("blocks.0.attn.z", 0)
    assert path(sender, ("blocks.1.attn.k", 0)) == pytest.approx(1, abs=0.03)
    for receiver in (("blocks.1.attn.q", 0), ("blocks.1.attn.v", 0), ("blocks.1.attn.k", 1), "logits"):
        assert path(sender, receiver) == pytest.approx(0, abs=0.03), receiver
    assert path(sender, ("blocks.1.attn.k", 0), sender_positions=2) == pytest.approx(1, abs=0.03)
    assert path(sender, ("blocks.1.attn.k", 0), receiver_positions=[0, 1]) == pytest.approx(0, abs=0.03)


def test_a_sweep_of_paths_finds_who_tells_the_receiver():
    found = workings.path_patching_sweep(by_hand(), CLEAN, FORGOTTEN, ("blocks.1.attn.k", 0), 5, 6)
    only(found.values, (0, 0))
    assert found.differences.shape == (1, 2)
    logits = workings.path_patching_sweep(by_hand(), CLEAN, FORGOTTEN, "logits", 5, 6)
    only(logits.values, (1, 0))
    assert found.contrast.difference(found.trace_of(0, 0)) == pytest.approx(found.differences[0, 0], abs=1e-4)


def test_in_a_model_that_only_adds_the_effect_of_a_head_is_the_sum_over_all_its_paths():
    model, asked = (
        additive(),
        (
            [1, 2, 3, 4, 5],
            [1, 6, 3, 7, 5],
        ),
    )

    def value(sender, receiver):
        return workings.path_patch(model, *asked, sender, receiver, 8, 9, dtype="float64").value

    whole = workings.patching_sweep(model, *asked, 8, 9, "heads", dtype="float64").values
    for head in range(2):
        middle, last = ("blocks.1.attn.z", head), ("blocks.2.attn.v", head)
        ways = [value(middle, "logits"), *(value(middle, ("blocks.2.attn.v", other)) for other in range(2))]
        assert sum(ways) == pytest.approx(whole[1, head], abs=1e-9)
        assert min(map(abs, ways)) > 1e-4
        assert value(middle, ("blocks.2.attn.q", head)) == pytest.approx(0, abs=1e-12)
        assert value("blocks.0.attn_out", last) != pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("through_mlps", [False, True])
def test_a_path_holds_all_that_is_written_between_but_for_mlps_that_may_answer(through_mlps):
    model = model_of(Tiny(layers=3))
    clean, corrupted = [1, 2, 3, 4, 5], [1, 2, 9, 4, 5]
    found = workings.path_patch(
        model, clean, corrupted, "blocks.0.mlp_out", "logits", 3, 5, dtype="float64", through_mlps=through_mlps
    )
    base = third_opinion(model, corrupted)
    kept = [
        Change(f"blocks.{b}.{kind}", ..., "value", base[f"blocks.{b}.{kind}"])
        for b in (1, 2)
        for kind in (("attn_out",) if through_mlps else ("attn_out", "mlp_out"))
    ]
    sent = Change("blocks.0.mlp_out", ..., "value", third_opinion(model, clean)["blocks.0.mlp_out"])
    logits = third_opinion(model, corrupted, [sent, *kept])["logits"][-1]
    choice = found.contrast.choice
    assert found.difference == pytest.approx(logits[choice.token] - logits[choice.against], abs=1e-10)


def test_a_sweep_of_paths_lets_mlps_answer_where_it_is_asked_to():
    asked = ([1, 2, 3, 4, 5], [1, 2, 9, 4, 5], "logits", 3, 5)
    sweep = workings.path_patching_sweep(model_of(Tiny(layers=3)), *asked, dtype="float64", through_mlps=True)
    assert sweep.method == "path patching into logits, through MLPs"
    prompts, (receiver, *tokens) = asked[:2], asked[2:]
    for block, head in ((0, 1), (2, 0)):
        sender = (f"blocks.{block}.attn.z", head)
        one = workings.path_patch(
            model_of(Tiny(layers=3)), *prompts, sender, receiver, *tokens, dtype="float64", through_mlps=True
        )
        assert sweep.differences[block, head] == pytest.approx(one.difference, abs=1e-10)


def test_a_path_that_is_none_is_refused():
    with pytest.raises(InputError, match="does not come before"):
        path(("blocks.1.attn.z", 0), ("blocks.1.attn.q", 0))
    with pytest.raises(InputError, match="does not come before"):
        path("blocks.0.mlp_out", ("blocks.0.attn.q", 0))
    with pytest.raises(InputError, match="same on both prompts"):
        path("pos_embed", "logits")
    with pytest.raises(InputError, match="no head comes before"):
        workings.path_patching_sweep(by_hand(), CLEAN, CORRUPTED, ("blocks.0.attn.q", 0), 5, 6)
    with pytest.raises(OutsideTable, match="heads 0 to 1"):
        path(("blocks.0.attn.z", 2), "logits")


@needs_storybook
def test_in_storybook_her_tells_two_heads_whom_to_look_at():
    model = workings.load("storybook")
    prompts = [
        f"Mike is a chef. Anna is a Jedi. {who} picked up {whose}" for who, whose in (("She", "her"), ("He", "his"))
    ]
    heads = workings.patching_sweep(model, *prompts, over="heads")
    assert {place[:2] for place in heads.best(3)} == {(1, 1), (2, 0), (3, 1)}
    for block, head in ((2, 0), (3, 1)):
        told = workings.path_patching_sweep(model, *prompts, (f"blocks.{block}.attn.q", head))
        assert told.best(1)[0][:2] == (1, 1) and told.best(1)[0][2] > 0.5
        told = workings.path_patching_sweep(model, *prompts, (f"blocks.{block}.attn.k", head))
        assert told.best(1)[0][2] < 0.1
