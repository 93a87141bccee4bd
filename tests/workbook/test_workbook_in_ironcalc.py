"""A second opinion: IronCalc, an engine of its own that shares no code with LibreOffice, works storybook's workbook out."""

import re

import ironcalc
import numpy as np
import openpyxl
import pytest
from openpyxl.utils.cell import range_boundaries

import workings
from workings.workbook.check import TOLERANCE
from workings.workbook.pages.tables import defined_name

PROMPT = "The student picked up his"


@pytest.fixture(scope="module")
def model():
    return workings.load("storybook")


def edited(trace):
    """Edits of three kinds, of attention too, where the formulas are of another make."""
    trace = trace.edit("blocks.1.attn.scores", (1, slice(None), 0), add=1.5)
    trace = trace.edit("blocks.2.attn.pattern", (0, 3, 1), value=0.0)
    return trace.edit("blocks.0.mlp.post", (slice(2, None), 77), scale=-2.0)


@pytest.fixture(scope="module", params=[lambda trace: trace, edited], ids=["as it is", "edited"])
def change(request):
    return request.param


@pytest.fixture(scope="module")
def worked(model, change, tmp_path_factory):
    """Read any defined name of the workbook, after a prompt was typed that the file was not written with."""
    path = tmp_path_factory.mktemp("ironcalc") / "storybook.xlsx"
    workings.write_workbook(model, path, prompt=change(model.trace("Mike is quick. He")), max_tokens=6)
    frame = openpyxl.load_workbook(path)
    book = ironcalc.load_from_xlsx(str(path), "en", "UTC")

    def cells(name):
        page, place = re.fullmatch(r"'?([^'!]+)'?!(.+)", frame.defined_names[name].attr_text).groups()
        left, top, right, bottom = range_boundaries(place.replace("$", ""))
        return frame.sheetnames.index(page), range(top, bottom + 1), range(left, right + 1)

    def read(name):
        sheet, rows, columns = cells(name)
        return [[book.get_cell_value(sheet, row, column) for column in columns] for row in rows]

    sheet, rows, columns = cells("prompt")
    book.set_user_input(sheet, rows[0], columns[0], PROMPT)
    book.evaluate()
    return read


def test_the_next_token_is_the_engines(worked, model, change):
    trace = change(model.trace(PROMPT))
    assert worked("next_token") == [[trace.top(1)[0][0]]]
    assert worked("token_count") == [[len(trace)]]
    assert [row[0] for row in worked("token_ids")][: len(trace)] == list(trace.ids)


def test_every_table_is_the_engines(worked, model, change):
    trace = change(model.trace(PROMPT, dtype="float64"))
    for name in trace.names():
        expected = trace[name]
        if expected.ndim == 3:
            names = [defined_name(name, head) for head in range(len(expected))]
            found = np.array([worked(one) for one in names], float)
        else:
            found = np.array(worked(defined_name(name)), float)
            found = found.T if name in ("logits", "probabilities") else found
        found = found[..., : expected.shape[-2], : expected.shape[-1]]
        assert np.abs(found - expected).max() <= TOLERANCE * np.abs(expected).max(), name
