"""A whole model as a workbook: LibreOffice works it out, and every table is the engine's, for any prompt and surgery."""

import re

import numpy as np
import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.autoencoders import autoencoder, config_of
from tests.tiny import Tiny, model_of, tinies

import workings
from workings.anatomy.logit_lens import draw_logit_lens
from workings.errors import InputError, WorkbookError
from workings.surgery.steering import smallest_strength
from workings.workbook.check import TOLERANCE, Worked, differences
from workings.workbook.pages.tables import defined_name
from workings.workbook.write import Book

SLOTS = 16


@pytest.fixture(scope="module")
def storybook():
    return workings.load("storybook")


@pytest.fixture(scope="module")
def path(storybook, tmp_path_factory):
    path = tmp_path_factory.mktemp("workbook") / "storybook.xlsx"
    workings.write_workbook(storybook, path, prompt="Mike is quick. He", max_tokens=SLOTS)
    return path


@pytest.fixture
def worked(office, path):
    """Storybook's workbook, as it was written, open in LibreOffice."""
    if getattr(office, "untouched", None) != path:
        office.open(path)
    office.untouched = None
    worked = Worked(office, None)
    yield worked
    if set(worked.changed) <= {"prompt"}:
        worked.type_prompt("Mike is quick. He")
        office.untouched = path


def opened(office, path):
    """Another workbook, open in LibreOffice."""
    office.untouched = None
    return Worked(office, path)


def assert_right(worked, model, trace=None):
    found = list(differences(worked, model, trace))
    wrong = [f"{one.name}: {one.share:.1e}" for one in found if not one.fine]
    assert not wrong, wrong
    return {one.name for one in found}


def test_every_table_of_storybook_is_the_engines(worked, storybook):
    names = assert_right(worked, storybook)
    assert names == set(storybook.program_with(draw_logit_lens).graph.named)
    assert len(names) > 80


@pytest.mark.parametrize(
    "prompt",
    [
        "If today is Tuesday, tomorrow is",
        "Mike is a chef. Anna is a Jedi. She picked up her",
        "It's 7, I'M",
        "  two  spaces",
        "café Zaż",
        "🦊 fox",
        " and" * SLOTS,
        "x",
    ],
)
def test_a_prompt_typed_in_gives_the_engines_tokens_and_next_token(worked, storybook, prompt):
    worked.type_prompt(prompt)
    trace = storybook.trace(prompt, dtype="float64")
    used = int(worked.cell("token_count"))
    assert worked.numbers("token_ids")[:used, 0].astype(int).tolist() == list(trace.ids)
    (text, share), token_id = trace.top(1)[0], trace.top_ids(1)[0][0]
    assert worked.cell("next_token_id") == token_id
    assert worked.cell("next_token") == text
    assert worked.cell("next_token_share") == pytest.approx(share, abs=1e-6)
    assert_right(worked, storybook)


@pytest.mark.parametrize("prompt", ["", " and" * (SLOTS + 1), "many letters " * 40])
def test_a_prompt_that_cannot_be_read_gives_a_message_and_no_next_token(worked, prompt):
    worked.type_prompt(prompt)
    message = worked.office.value("Prompt", 4, 1)
    assert message and str(message)[-1] == "."
    assert worked.cell("token_count") == 0
    assert worked.cell("next_token") == worked.cell("next_token_id") == ""


def test_the_ten_likeliest_and_the_temperature_are_right(worked, storybook):
    trace = storybook.trace("Mike is quick. He", dtype="float64")
    listed = worked.office.values("Prompt", 13, 1, 10, 3)
    for (shown, share, token_id), (likely, expected) in zip(listed, trace.top_ids(10), strict=True):
        assert token_id == likely
        assert share == pytest.approx(expected, abs=1e-6)
        assert shown.replace("␣", " ") == trace.spell(likely)
    worked.set_numbers("temperature", 2.0)
    logits = trace["logits"][-1].astype(np.float64) / 2
    warm = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
    shares = [row[0] for row in worked.office.values("Prompt", 13, 2, 10, 1)]
    assert shares == pytest.approx(sorted(warm, reverse=True)[:10], abs=1e-6)
    worked.set_numbers("temperature", 0.0)
    assert worked.cell("next_token_share") == pytest.approx(1.0)


def test_a_wrong_formula_is_caught(worked, storybook):
    page, row, column, _, _ = worked.places["blocks_1_ln2_mean"]
    worked.changed.append("blocks_1_ln2_mean")
    worked.office.set_formula(page, row + 2, column, "=1.25")
    found = {one.name: one for one in differences(worked, storybook)}
    assert not found["blocks.1.ln2.mean"].fine
    assert not found["blocks.1.resid_post"].fine
    assert found["blocks.1.resid_mid"].fine


def test_a_changed_weight_changes_what_follows_as_an_edit_does(worked, storybook):
    worked.set_numbers("blocks_2_ln1_w", 0.5)
    edited = storybook.trace("Mike is quick. He", dtype="float64").edit("blocks.2.ln1.w", ..., value=0.5)
    assert pytest.approx(edited["logits"], abs=1e-4) == worked.numbers("logits")[:, : len(edited)].T


# Surgery


def test_a_vector_added_to_the_stream_is_the_engines_edit(worked, storybook):
    vector = np.random.default_rng(0).standard_normal(storybook.config.d_model).astype(np.float32)
    for name, value in {"block": 1, "first": 1, "last": 3, "strength": 2.5}.items():
        worked.set_numbers(f"surgery_{name}", value)
    worked.set_numbers("surgery_vector", vector)
    trace = storybook.trace("Mike is quick. He", dtype="float64")
    edited = trace.edit("blocks.1.resid_post", (slice(1, 4), slice(None)), add=2.5 * vector.astype(np.float64))
    found = worked.numbers("logits")[:, : len(trace)].T
    assert np.abs(found - edited["logits"]).max() <= TOLERANCE * 10 * np.abs(edited["logits"]).max()
    assert np.abs(found - trace["logits"]).max() > 0.1


def test_switched_off_heads_and_mlps_are_the_engines_edits(worked, storybook):
    page = worked.office.values("Surgery", 0, 0, 60, 8)
    row = next(number for number, cells in enumerate(page) if cells[0] == "Knock out heads and MLPs") + 3
    worked.changed.append("switches")
    worked.office.set("Surgery", row, 1 + 2, 0)  # block 0, head 2
    worked.office.set("Surgery", row + 1, 1 + storybook.config.n_heads, 0)  # block 1, MLP
    trace = storybook.trace("Mike is quick. He", dtype="float64")
    edited = trace.edit("blocks.0.attn.z", (2, slice(None), slice(None)), scale=0.0)
    edited = edited.edit("blocks.1.mlp_out", ..., scale=0.0)
    found = worked.numbers("logits")[:, : len(trace)].T
    assert np.abs(found - edited["logits"]).max() <= TOLERANCE * np.abs(edited["logits"]).max()


def test_storybooks_jedi_feature_turns_a_phone_into_a_lightsaber(worked, storybook):
    flip = smallest_strength(storybook.trace("The student picked up his"), "jedi", " lightsaber")
    worked.type_prompt("The student picked up his")
    assert worked.cell("next_token") == " phone"
    worked.set_numbers("surgery_strength", flip.strength - 0.2)
    assert worked.cell("next_token") == " phone"
    worked.set_numbers("surgery_strength", flip.strength + 0.2)
    assert worked.cell("next_token") == " lightsaber"


# Other models


@pytest.mark.parametrize("slots", [1, 9])
@given(tiny=tinies(), data=st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_random_models_come_out_right_in_every_table(office, tmp_path, slots, tiny, data):
    model = model_of(tiny)
    numbers = st.lists(st.integers(0, tiny.d_vocab - 1), min_size=1, max_size=slots)
    workings.write_workbook(model, tmp_path / "tiny.xlsx", prompt=data.draw(numbers), max_tokens=slots, replace=True)
    worked = opened(office, tmp_path / "tiny.xlsx")
    assert_right(worked, model)
    ids = data.draw(numbers)
    worked.type_prompt(" ".join(map(str, ids)))
    assert worked.numbers("token_ids")[: len(ids), 0].tolist() == ids
    assert_right(worked, model)


@pytest.mark.parametrize("table", ["blocks.0.resid_post", "blocks.1.attn.z"])
def test_a_sparse_autoencoder_comes_out_right_too(office, tmp_path, table):
    model = model_of(Tiny()).with_sae(autoencoder(config_of("topk", 15, 20, table)))
    workings.write_workbook(model, tmp_path / "sae.xlsx", prompt=[3, 1, 4], max_tokens=4)
    found = assert_right(opened(office, tmp_path / "sae.xlsx"), model)
    assert {f"{table}.sae.{part}" for part in ("acts", "recons", "error", "out")} <= found


@pytest.mark.parametrize("typed", ["", "99", "1 x", "1 2.5", "1 -2", " ".join("1" * 10)])
def test_token_ids_that_cannot_be_read_give_a_message(office, tmp_path, typed):
    workings.write_workbook(model_of(Tiny()), tmp_path / "tiny.xlsx", prompt="3 1", max_tokens=9)
    worked = opened(office, tmp_path / "tiny.xlsx")
    worked.type_prompt(typed)
    assert worked.cell("token_count") == 0
    assert worked.cell("next_token") == ""
    assert str(office.value("Prompt", 4, 1)).endswith(".")


# What the file holds before anybody works it out


def test_cached_numbers_are_the_engines_own_float32_numbers(path, storybook):
    book = openpyxl.load_workbook(path, data_only=True)
    trace = storybook.trace("Mike is quick. He")
    for name in ("embed", "blocks.2.resid_post", "blocks.0.mlp.post", "ln_final.scale"):
        found = _cached(book, defined_name(name))[: len(trace)]
        assert np.array_equal(found.astype(np.float32), trace[name]), name
    weight = _cached(book, "blocks_3_attn_W_Q_head1").astype(np.float32)
    assert np.array_equal(weight, storybook.weights["blocks.3.attn.W_Q"][1])
    pattern = _cached(book, "blocks_1_attn_pattern_head2")[: len(trace), : len(trace)]
    assert pattern.astype(np.float32) == pytest.approx(trace["blocks.1.attn.pattern"][2], abs=1e-7)


def test_cached_values_are_what_libreoffice_works_out(path, worked):
    book = openpyxl.load_workbook(path, data_only=True)
    for page in book:
        cells = [[cell.value for cell in row] for row in page.iter_rows()]
        if "weights" in page.title or not cells:
            continue
        found = worked.office.values(page.title, 0, 0, len(cells), len(cells[0]))
        for number, (row, calculated) in enumerate(zip(cells, found, strict=True)):
            for column, (cached, value) in enumerate(zip(row, calculated, strict=True)):
                where = f"{page.title} {number},{column}"
                if isinstance(value, float):
                    assert float(cached or 0) == pytest.approx(value, rel=1e-4, abs=1e-5), where
                else:
                    assert _unescaped(cached or "") == value, where


def test_every_page_but_the_first_is_linked_from_the_contents_and_every_name_points_somewhere(path):
    book = openpyxl.load_workbook(path)
    linked = {row[0].value for row in book["Contents"].iter_rows(min_row=11) if row[0].value}
    for page in book.sheetnames[1:]:
        assert any(f"'{page}'" in str(text) for text in linked), page
    for name, defined in book.defined_names.items():
        page = re.fullmatch(r"'?([^'!]+)'?!.*", defined.attr_text)
        assert page and page[1] in book.sheetnames, name


def _unescaped(text):
    """The text that a file's `_x0007_` stands for, which openpyxl leaves as it is."""
    return re.sub("_x([0-9A-F]{4})_", lambda found: chr(int(found[1], 16)), text)


def _cached(book, name):
    page, cells = next(iter(book.defined_names[name].destinations))
    return np.array([[cell.value for cell in row] for row in book[page][cells]], np.float64)


# Mistakes


def test_a_file_that_is_there_stays_unless_it_may_be_replaced(storybook, tmp_path):
    path = tmp_path / "mine.xlsx"
    path.write_text("mine")
    with pytest.raises(WorkbookError, match="--force"):
        workings.write_workbook(storybook, path)
    assert path.read_text() == "mine"
    workings.write_workbook(storybook, path, replace=True)
    assert path.stat().st_size > 1_000_000
    assert [child.name for child in tmp_path.iterdir()] == ["mine.xlsx"]


@pytest.mark.parametrize("max_tokens", [0, -1, 129])
def test_more_tokens_than_the_model_reads_are_refused(storybook, tmp_path, max_tokens):
    with pytest.raises(InputError, match="1 to 128"):
        workings.write_workbook(storybook, tmp_path / "no.xlsx", max_tokens=max_tokens)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("prompt", ["", " and" * 5, "bad\x01character"])
def test_a_first_prompt_that_the_sheet_cannot_read_is_refused_before_anything_is_written(storybook, tmp_path, prompt):
    with pytest.raises(InputError, match=r"rompt"):
        workings.write_workbook(storybook, tmp_path / "no.xlsx", prompt=prompt, max_tokens=4)
    assert not list(tmp_path.iterdir())


def test_a_prompt_too_long_for_a_sheet_is_refused_by_the_limits_name(tmp_path):
    model = model_of(Tiny(layers=1, heads=4, d_head=2, n_ctx=5000))
    with pytest.raises(WorkbookError, match=r"blocks\.0\.attn\.scores.*20,00.*16,384"):
        workings.write_workbook(model, tmp_path / "wide.xlsx", prompt=[1], max_tokens=5000)
    assert not list(tmp_path.iterdir())


def test_ctrl_c_in_the_middle_leaves_no_file(storybook, tmp_path):
    def interrupt(done, whole):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        workings.write_workbook(storybook, tmp_path / "half.xlsx", progress=interrupt)
    assert not list(tmp_path.iterdir())


def test_whoever_waits_no_more_is_heard_before_the_first_cell_is_written(storybook, tmp_path):
    """Pages for 128 tokens take seconds to be made, most of them the steps of merging."""
    asked, told = [], []

    def check():
        asked.append(len(told))
        if len(asked) == 70:  # within the 96 steps for 16 tokens
            raise TimeoutError

    with pytest.raises(TimeoutError):
        workings.write_workbook(
            storybook, tmp_path / "left.xlsx", progress=lambda *done: told.append(done), check=check
        )
    assert not told
    assert not list(tmp_path.iterdir())


def test_storybooks_file_is_under_twelve_megabytes(path):
    assert path.stat().st_size < 12_000_000


def test_the_writer_shares_nothing_with_the_models_own_graph(storybook):
    before = len(storybook.graph.tables)
    Book(storybook, None, 4).pages()
    assert len(storybook.graph.tables) == before


# A trace with edits as a workbook


def operated(model):
    """A trace with every operation that the page Surgery has a place for, and an edited weight."""
    trace = model.trace("Mike is quick. He")
    trace = trace.steer(np.linspace(-2, 3, model.config.d_model), 1.5, layer=1, positions=slice(2, None))
    trace = trace.edit("blocks.0.attn.z", (2, slice(None), slice(None)), value=0.0)
    trace = trace.edit("blocks.3.mlp_out", ..., scale=0.5)
    return trace.edit("blocks.2.ln1.w", (0, slice(0, 9)), scale=1.25)


def test_a_trace_with_operations_is_replayed_by_the_workbook(office, storybook, tmp_path):
    trace, plain = operated(storybook), storybook.trace("Mike is quick. He")
    workings.write_workbook(storybook, tmp_path / "operated.xlsx", prompt=trace, max_tokens=8)
    worked = opened(office, tmp_path / "operated.xlsx")
    assert_right(worked, storybook, trace)
    assert any(not one.fine for one in differences(worked, storybook, plain))
    assert worked.cell("surgery_strength") == 1 and worked.cell("surgery_first") == 2
    worked.set_numbers("surgery_strength", 0.0)
    assert any(not one.fine for one in differences(worked, storybook, trace))


def test_its_cached_numbers_are_those_of_the_operations_too(storybook, tmp_path):
    trace = operated(storybook)
    workings.write_workbook(storybook, tmp_path / "operated.xlsx", prompt=trace, max_tokens=8)
    book = openpyxl.load_workbook(tmp_path / "operated.xlsx", data_only=True, read_only=True)
    shown = [row[1] for row in book["Surgery"].iter_rows(min_row=10, max_row=10, values_only=True)]
    assert shown == [trace.top(1)[0][0]]
