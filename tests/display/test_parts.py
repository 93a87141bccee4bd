"""Pieces of a page: what stands in them, that it is only text, and that it stays small."""

import base64
import io
import re
from html.parser import HTMLParser
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from workings.display import parts
from workings.display.picture import INK, as_address
from workings.display.style import BLUE, ORANGE, STYLE

HOSTILE = '<img src=x onerror="alert(1)">&\'$x$\u202e'


class Read(HTMLParser):
    """Checks that every tag is closed, and keeps tags, attributes and text."""

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.text = [], [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in ("img", "br", "meta"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if "style" not in self.open:
            self.text.append(text)

    def all(self, tag):
        return [attributes for known, attributes in self.tags if known == tag]


def every_piece(text):
    sheet = np.array([[0.5, -0.2], [1.0, 0.0]])
    return [
        parts.token_chips([text, text], [1, 2]),
        parts.bars([text], [0.5], [text, text], [[text]]),
        parts.signed_bars([text, text], [1.0, -2.0]),
        parts.waterfall([text, text], [1.0, -2.0], -1.0),
        parts.heat_map(sheet, [text, text], [text, text], corner=text, whole=text),
        parts.word_table([[text, text], [text, text]], sheet, [text, text], [text, text]),
        parts.small_maps([sheet], [text], [text, text], [text, text]),
        parts.lines([text]) + parts.folded(text, parts.heading(text)) + parts.names([text], [text]),
    ]


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=12) | st.just(HOSTILE))
def test_whatever_stands_in_a_token_is_only_text(text):
    page = Read(parts.fragment(*every_piece(text), title=text, said=text))
    allowed = {"class", "style", "title", "scope", "viewbox", "role", "aria-label"}
    allowed |= {"x", "y", "width", "height", "fill-opacity"}
    assert {name for _, attributes in page.tags for name in attributes} <= allowed
    assert not {"script", "img", "a", "iframe", "link", "form"} & {tag for tag, _ in page.tags}


def test_a_piece_needs_nothing_else_and_touches_nothing_outside_itself():
    assert not re.search(r"url\(|@import|https?:|\bid=", parts.fragment(*every_piece("x")))
    rules = re.sub(r"@media[^{]*\{", "", STYLE)
    selectors = [one for rule in re.findall(r"([^{}]+)\{", rules) for one in re.sub(r"\(.*?\)", "", rule).split(",")]
    assert selectors and all(".workings-view" in one for one in selectors if one.strip())


def test_notebooks_do_not_take_dollar_signs_for_mathematics():
    assert "mathjax_ignore" in parts.fragment("$1 and $2")


@pytest.mark.parametrize("theme", ["prefers-color-scheme: dark", "data-jp-theme-light", "vscode-dark", "theme=dark"])
def test_it_follows_the_theme_of_the_machine_and_of_notebooks(theme):
    assert theme in STYLE


def test_a_heat_map_has_every_number_and_shades_by_size_and_sign():
    page = Read(parts.heat_map(np.array([[2.0, -1.0], [0.0, np.nan]]), ["a", "b"], ["c", "d"]))
    cells = page.all("td")
    assert [cell["style"].split(";")[0] for cell in cells] == ["--s:1.00", "--s:0.50", "--s:0.00", "--s:0.00"]
    assert [cell.get("class") for cell in cells] == [None, "less", None, None]
    assert page.text == ["c", "d", "a", "2", "−1", "b", "0", "no number"]


def test_a_word_table_has_the_share_where_one_points():
    page = Read(parts.word_table([["yes"]], np.array([[0.25]]), ["row"], ["column"]))
    (cell,) = page.all("td")
    assert cell["title"] == "25.0%" and cell["style"].startswith("--s:0.25")


def test_shades_are_there_without_the_style_for_notebooks_that_are_not_trusted():
    """JupyterLab keeps `background-color` where it is an `rgba` with commas, and drops style elements and variables."""
    page = Read(parts.heat_map(np.array([[2.0, -1.0, 0.0, np.nan]]), ["a"], ["c", "d", "e", "f"]))
    page.feed(parts.shaded_text(["x", "y"], [0.5, 0.0]))
    styles = [cell["style"].partition(";")[2] for cell in (*page.all("td"), *page.all("span"))]
    blue, orange = ("background-color:rgba({},{},{}".format(*colour) for colour in (BLUE, ORANGE))
    assert styles == [f"{blue},0.50)", f"{orange},0.25)", "", "", f"{blue},0.25)", ""]
    shades = re.findall(r"(?:\.map td|\.map td\.less|\.shaded span) \{ background: [^;}]*", STYLE)
    assert len(shades) == 3 and all(rule.rstrip().endswith("!important") for rule in shades), "else dark loses its own"


def test_a_table_too_large_for_a_page_shows_its_end_and_says_where_the_rest_is():
    values = np.arange(1000 * 100, dtype=float).reshape(1000, 100)
    names = [[f"{kind}{place}" for place in range(size)] for kind, size in (("r", 1000), ("c", 100))]
    html = parts.heat_map(values, *names, whole="`.values`")
    page = Read(html)
    assert len(page.all("td")) <= parts.MOST_CELLS
    assert "99999" in page.text and "r999" in page.text and "c99" in page.text
    assert "The last 50 of 1,000 rows are shown; `.values` has all." in page.text
    assert "The last 48 of 100 columns are shown; `.values` has all." in page.text


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(-50, 50), min_size=1, max_size=12))
def test_each_bar_of_a_waterfall_begins_where_the_last_one_ended(values):
    page = Read(parts.waterfall([str(v) for v in values], values, sum(values)))
    drawn = [re.findall(r"--[aw]:([-\d.]+)", bar["style"]) for bar in page.all("i")]
    spans = [(float(a), float(a) + float(w)) for a, w in drawn]
    assert len(spans) == len(values) + 1
    less = [bar.get("class") == "less" for bar in page.all("i")]
    ends = [(high, low) if down else (low, high) for (low, high), down in zip(spans, less, strict=True)]
    for (_, stop), (start, _) in pairwise(ends[:-1]):
        assert stop == pytest.approx(start, abs=3e-4)
    assert ends[-1][1] == pytest.approx(ends[-2][1], abs=3e-4)  # the sum ends where the last addend does
    assert all(-1e-3 <= edge <= 1 + 1e-3 for span in spans for edge in span)


def test_a_mark_of_a_small_map_says_who_looks_at_whom():
    sheet = np.array([[1.0, 0.0], [0.25, 0.75]])
    html = parts.small_maps([sheet], ["head 3"], ["Mike", "is"], ["Mike", "is"])
    page = Read(html)
    places = [re.findall(r"grid-area:(\d)/(\d)", mark["style"]) for mark in page.all("i")]
    assert places == [[("1", "1")], [("2", "1")], [("2", "2")]]
    assert "is → Mike: 25.0%" in [mark["title"] for mark in page.all("i")]
    assert page.text == ["head 3"], "a notebook that is not trusted shows the text alone"


def test_large_maps_are_pictures_in_which_no_share_is_lost():
    sheet = np.zeros((600, 600), np.float32)
    sheet[571, 3] = 1.0
    address, wide = as_address(sheet)
    assert wide == 3
    picture = Image.open(io.BytesIO(base64.b64decode(address.split(",")[1]))).convert("RGBA")
    assert picture.size == (200, 200)
    found = np.array(picture)
    assert np.argwhere(found[..., 3]).tolist() == [[190, 1]]
    assert found[190, 1].tolist() == [*INK, 255]
    html = parts.small_maps([np.full((600, 600), 0.5)], ["head 0"], [""] * 600, [""] * 600, "`.pattern`")
    assert "<i " not in html and "A dot is the largest of 3 × 3 numbers; `.pattern` has all." in html


def test_of_very_many_tokens_the_last_are_shown():
    html = parts.token_chips([f"t{place}" for place in range(1024)])
    assert html.count("<li") == parts.MOST_CHIPS and "t1023" in html and "of 1,024 tokens" in html
