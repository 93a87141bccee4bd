"""Edits of tables in a workbook: LibreOffice replays every one of them, for the prompt it was made in and for others."""

import numpy as np
import openpyxl
import pytest
from tests.autoencoders import autoencoder, config_of
from tests.tiny import Tiny, model_of

import workings
from workings.errors import InputError, WorkbookError
from workings.workbook.check import Worked, differences
from workings.workbook.operations import Operations
from workings.workbook.pages import edits as edits_page
from workings.workbook.pages.edits import in_words

ALL = slice(None)
SLOTS = 8
PROMPT = [3, 1, 4, 1, 5]
OTHERS = ([2, 7, 1, 8, 2, 8, 1], [6, 2, 6, 4, 9, 1, 3, 5], [7, 3, 9, 9, 2])


@pytest.fixture(scope="module")
def model():
    return model_of(Tiny(layers=2)).with_sae(autoencoder(config_of("topk", 15, 20, "blocks.0.resid_post")))


def edited_everywhere(model):
    """A trace with edits of every kind of table: a feature, attention, a neuron, a scale, one head, what is read at the end."""
    trace = model.trace(PROMPT)
    trace = trace.edit("blocks.0.resid_post.sae.acts", (ALL, 7), value=1.5)
    trace = trace.edit("blocks.1.attn.pattern", (0, 4, 2), value=0.0)
    trace = trace.edit("blocks.0.attn.scores", (1, ALL, 1), add=1.5)
    trace = trace.edit("blocks.0.mlp.post", (4, 3), add=0.7)
    trace = trace.edit("blocks.1.ln2.scale", ..., scale=1.25)
    trace = trace.edit("blocks.1.attn.q", (1, slice(3, None), slice(1, 3)), scale=-0.5)
    trace = trace.edit("blocks.0.attn.z", (1, 2, 1), value=0.25)
    trace = trace.edit("embed", 0, value=0.5)
    trace = trace.edit("logits", (ALL, 6), add=0.5).edit("logits", (2, slice(0, 5)), value=0.0)
    return trace.edit("blocks.1.attn.k", (0, [0, 3], [2, 1]), value=[1.0, -1.0])


def replayed_in_python(trace, model, ids):
    """The same edits in another prompt, by their file."""
    return workings.EditList.of(trace).apply(model.trace(ids, dtype="float64"))


def written(office, folder, model, trace, slots=SLOTS):
    """A trace's workbook, open in LibreOffice."""
    workings.write_workbook(model, folder / "edited.xlsx", prompt=trace, max_tokens=slots, replace=True)
    office.untouched = None
    return Worked(office, folder / "edited.xlsx")


def assert_replayed(worked, model, trace, prompts=()):
    """The workbook's tables are those of the edited trace, and after other prompts those of the edits in them."""
    for ids in (None, *prompts):
        if ids is not None:
            worked.type_prompt(" ".join(map(str, ids)))
            assert worked.numbers("token_ids")[: len(ids), 0].tolist() == ids
        wrong = [f"{one.name}: {one.share:.1e}" for one in differences(worked, model, trace) if not one.fine]
        assert not wrong, (ids, wrong)


def test_edits_of_every_kind_of_table_are_replayed_for_this_prompt_and_for_others(office, model, tmp_path):
    trace = edited_everywhere(model)
    worked = written(office, tmp_path, model, trace)
    assert_replayed(worked, model, trace, OTHERS)
    assert any(not one.fine for one in differences(worked, model, model.trace(PROMPT)))


def test_edits_of_one_number_after_one_another_have_the_effect_of_all_in_their_order(office, model, tmp_path):
    trace = model.trace(PROMPT)
    for change in ({"add": 2.0}, {"scale": 3.0}, {"value": 5.0}, {"add": 1.0}, {"scale": -0.5}):
        trace = trace.edit("blocks.0.mlp.pre", (slice(1, 4), 2), **change)
    for change in ({"scale": 3.0}, {"add": 2.0}):
        trace = trace.edit("blocks.0.mlp.pre", (4, 2), **change)
    worked = written(office, tmp_path, model, trace)
    assert worked.numbers("blocks_0_mlp_pre")[1:4, 2].tolist() == [-3.0] * 3
    assert worked.numbers("edits_2_times")[0, 2] == 3 and worked.numbers("edits_2_plus")[0, 2] == 2
    assert_replayed(worked, model, trace)


@pytest.mark.parametrize(
    ("name", "index", "change", "prompts"),
    [
        ("blocks.0.attn.pattern", (0, 2, 4), {"value": 0.5}, OTHERS[:2]),  # looks ahead
        ("blocks.0.attn.scores", (1, 1, ALL), {"value": 2.0}, ([1, 2], OTHERS[1])),
    ],
)
def test_edits_right_of_the_diagonal_take_in_the_tokens_that_are_there_and_no_others(
    office, model, tmp_path, name, index, change, prompts
):
    trace = model.trace(PROMPT).edit(name, index, **change)
    assert_replayed(written(office, tmp_path, model, trace), model, trace, prompts)


def test_the_pages_cells_are_the_edits_and_undo_them(office, model, tmp_path):
    trace = model.trace(PROMPT).edit("blocks.0.mlp.post", (ALL, 3), value=4.0)
    worked = written(office, tmp_path, model, trace)
    times, plus = worked.numbers("edits_1_times"), worked.numbers("edits_1_plus")
    assert np.flatnonzero(times[0] != 1).tolist() == np.flatnonzero(plus[0]).tolist() == [3]
    worked.set_numbers("edits_1_times", np.ones_like(times))
    worked.set_numbers("edits_1_plus", np.zeros_like(plus))
    assert_replayed(worked, model, model.trace(PROMPT))


def test_vectors_after_two_blocks_stand_on_two_pages(office, model, tmp_path):
    vector = np.linspace(-1, 1, model.config.d_model)
    trace = model.trace(PROMPT).steer(vector, layer=0).steer(vector, 2.0, layer=1, positions=[0, 3])
    trace = trace.edit("blocks.0.attn.z", (1, ALL, ALL), value=0.0).edit("blocks.0.attn.z", (0, 2, 1), add=1.0)
    found = Operations.of(trace, SLOTS)
    assert found.pushed and found.pushed.block == 0 and found.switches == {("blocks.0.attn.z", 1): 0.0}
    assert [(one.name, one.sheet, one.positions) for one in found.changed] == [
        ("blocks.1.resid_post", 0, (0, 3)),
        ("blocks.0.attn.z", 0, (2,)),
    ]
    worked = written(office, tmp_path, model, trace)
    assert worked.cell("surgery_strength") == 1
    assert_replayed(worked, model, trace, OTHERS)


def test_what_a_workbook_gives_in_another_prompt_is_what_the_file_of_edits_gives_in_python(office, model, tmp_path):
    trace = model.trace(PROMPT).edit("blocks.0.resid_post.sae.acts", (ALL, 7), value=1.5)
    trace = trace.edit("blocks.1.attn.pattern", (0, 4, 2), value=0.0)
    worked = written(office, tmp_path, model, trace)
    worked.type_prompt(" ".join(map(str, OTHERS[1])))
    expected = replayed_in_python(trace, model, OTHERS[1])["logits"]
    assert pytest.approx(expected, abs=1e-6) == worked.numbers("logits").T


def test_rows_with_the_same_edit_share_their_lines_up_to_the_last_position_of_the_workbook(model):
    trace = model.trace(PROMPT).edit("blocks.0.attn.q", (ALL, slice(1, None), 0), value=1.0)
    found = Operations.of(trace, SLOTS).changed
    assert [(one.sheet, one.positions) for one in found] == [(head, tuple(range(1, SLOTS))) for head in range(3)]


def test_edits_that_undo_each_other_need_no_page(model, tmp_path):
    trace = model.trace(PROMPT).edit("blocks.0.mlp.post", 1, add=2.0).edit("blocks.0.mlp.post", 1, add=-2.0)
    workings.write_workbook(model, tmp_path / "none.xlsx", prompt=trace, max_tokens=SLOTS)
    assert "Edits" not in openpyxl.load_workbook(tmp_path / "none.xlsx", read_only=True).sheetnames


def test_the_page_names_its_edits_and_rows_in_words(model, tmp_path):
    trace = model.trace(PROMPT).edit("blocks.1.attn.pattern", (0, 4, 2), value=0.0)
    trace = trace.edit("blocks.0.mlp.post", (slice(0, 2), [1, 3]), add=[0.5, 2])
    workings.write_workbook(model, tmp_path / "words.xlsx", prompt=trace, max_tokens=SLOTS)
    page = openpyxl.load_workbook(tmp_path / "words.xlsx", data_only=True)["Edits"]
    said = [str(row[0]) for row in page.iter_rows(values_only=True, max_col=1)]
    assert "blocks.1.attn.pattern[0, 4, 2] is set to 0" in said
    assert "blocks.0.mlp.post[0:2, [1, 3]] has 2 numbers added" in said
    assert any(text.startswith("head 0, position 4") for text in said)
    assert "positions 0, 1" in said and "first changed: 2" in said


def test_an_edit_in_words_says_what_was_done(model):
    trace = model.trace(PROMPT).edit("embed", (1, ALL), scale=0.5)
    assert in_words(trace.edits[0]) == "embed[1, :] is multiplied by 0.5"


def test_an_edit_of_a_table_that_the_model_lacks_is_refused(model, tmp_path):
    trace = model.trace(PROMPT)
    plain = model_of(Tiny(layers=2))
    for name in ("blocks.0.resid_post.sae.acts", "blocks.0.resid_post.sae.W_dec"):
        with pytest.raises(InputError, match=r"sparse autoencoder.*edits\.spliced\(model\)"):
            workings.write_workbook(plain, tmp_path / "no.xlsx", prompt=trace.edit(name, 1, add=1.0), max_tokens=SLOTS)
    assert not list(tmp_path.iterdir())


def test_a_trace_longer_than_the_workbook_is_refused_in_words(model, tmp_path):
    trace = model.trace(PROMPT).edit("blocks.0.mlp.post", (4, 3), add=0.7)
    with pytest.raises(InputError, match="3 tokens"):
        workings.write_workbook(model, tmp_path / "no.xlsx", prompt=trace, max_tokens=3)


def test_more_edits_than_a_sheet_has_rows_are_refused_in_words(model, tmp_path, monkeypatch):
    monkeypatch.setattr(edits_page, "MOST_ROWS", 20)
    trace = model.trace(PROMPT).edit("blocks.0.mlp.post", (slice(0, 5), 3), add=[0.5, 0.6, 0.7, 0.8, 0.9])
    with pytest.raises(WorkbookError, match=r"blocks\.0\.mlp\.post need .* rows of the page Edits"):
        workings.write_workbook(model, tmp_path / "no.xlsx", prompt=trace, max_tokens=SLOTS)
    assert not list(tmp_path.iterdir())
