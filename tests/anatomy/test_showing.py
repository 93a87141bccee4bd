"""In a notebook everything shows itself, small, safe and alone; and as a figure for papers."""

import subprocess
import sys
from functools import lru_cache

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.tiny import Tiny, model_of, random_ids

import workings
from workings.checkpoints.model import Model
from workings.errors import MissingExtra

MOST = 500_000
"""Bytes of HTML that the largest of them may have."""
NAMES = ["trace", "edited", "lens", "attention", "one head", "explanation", "attribution", "heads"]


class Hostile:
    """A tokenizer whose every token is a trap."""

    end_token_id = None

    def token_strings(self, ids):
        return [f'<b onclick="x">${i}$&' for i in ids]

    def token_id(self, text):
        return None


@lru_cache
def shown(n_tokens: int, hostile: bool = False):
    tiny = Tiny(layers=3, heads=4, n_ctx=1024, d_vocab=60)
    model = model_of(tiny)
    if hostile:
        model = Model(model.name, model.config, model.weights, Hostile())
    ids = np.array(random_ids(tiny, n_tokens))
    trace = model.trace(ids)
    row = min(3, n_tokens - 1)
    return {
        "trace": trace,
        "edited": trace.edit("blocks.0.resid_post", (row, slice(None)), scale=0.0),
        "lens": workings.logit_lens(model, ids),
        "attention": workings.attention(trace, 1),
        "one head": workings.attention(trace, 1, 2),
        "explanation": trace.explain("logits", -1, 5),
        "attribution": workings.attribution(trace, 3, against=5),
        "heads": workings.head_scores(model, n_prompts=1),
    }


@pytest.mark.parametrize("name", NAMES)
def test_everything_shows_itself_with_no_more_than_a_notebook_can_hold(name):
    for n_tokens in (1, 12, 1024):
        html = shown(n_tokens)[name]._repr_html_()
        assert html.startswith('<div class="workings-view') and html.rstrip().endswith("</div>")
        assert len(html) < MOST, (name, n_tokens, len(html))


@pytest.mark.parametrize("name", NAMES)
def test_whatever_tokens_are_they_are_only_text(name):
    html = shown(12, hostile=True)[name]._repr_html_()
    assert "<b onclick" not in html and "<script" not in html and " id=" not in html
    if name in ("trace", "lens", "one head"):
        assert "&lt;b␣onclick=&quot;x&quot;&gt;" in html


def test_what_is_left_out_of_a_long_one_is_said():
    long = shown(1024)
    assert "The last 300 of 1,024 tokens" in long["trace"]._repr_html_()
    assert "The last 100 of 1,024 positions are shown; `.top()` has all." in long["lens"]._repr_html_()
    assert "`.pattern` has all" in long["attention"]._repr_html_()


def test_the_numbers_on_the_page_are_those_of_the_object():
    things = shown(12)
    trace = things["trace"]
    assert f"{trace.top(1)[0][1]:.1%}" in trace._repr_html_()
    assert "blocks.0.resid_post[3, :] multiplied by 0" in things["edited"]._repr_html_()
    ids, shares = things["lens"].top(1)
    assert f'title="{shares[0, 5, 0]:.1%}">{ids[0, 5, 0]}</td>' in things["lens"]._repr_html_()
    assert things["attention"].sentences(1)[0].replace('"', "&quot;") in things["attention"]._repr_html_()
    assert str(things["explanation"].address) in things["explanation"]._repr_html_()
    biggest = max(things["attribution"].parts, key=lambda part: abs(part.value))
    assert biggest.name in things["attribution"]._repr_html_()
    best = things["heads"].best("first token", 1)[0][2]
    assert f"{best:.0%}" in things["heads"]._repr_html_()


def test_showing_keeps_nothing_in_memory_that_was_not_there():
    trace = model_of(Tiny()).trace([1, 2, 3, 4])
    trace["logits"]
    before = sum(array.nbytes for array in trace.arrays())
    workings.attention(trace, 0)._repr_html_()
    pattern = trace["blocks.0.attn.pattern"].nbytes
    assert sum(array.nbytes for array in trace.arrays()) <= before + pattern


@pytest.mark.parametrize("name", NAMES)
def test_plot_gives_a_figure_and_leaves_pyplot_alone(name):
    figure = shown(12)[name].plot()
    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert "matplotlib.pyplot" not in sys.modules


def test_a_figure_has_the_numbers_of_the_table_the_first_token_on_top():
    maps = shown(12)["one head"]
    axes = maps.plot().axes[0]
    assert np.asarray(axes.collections[0].get_array()).reshape(12, 12) == pytest.approx(maps.pattern[0])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    several = shown(12)["attention"].plot()
    assert all(axes.get_ylim()[0] > axes.get_ylim()[1] for axes in several.axes[:4])
    assert [axes.get_title() for axes in several.axes[:4]] == [f"head {head}" for head in range(4)]


def test_the_bars_of_an_attribution_end_at_its_total():
    found = shown(12)["attribution"]
    bars = found.plot().axes[0].patches
    assert bars[-1].get_width() == pytest.approx(found.total)
    assert bars[-2].get_x() + bars[-2].get_width() == pytest.approx(found.total, abs=1e-3)


def test_without_matplotlib_plot_says_what_to_install(monkeypatch):
    for known in [name for name in sys.modules if name.startswith("matplotlib") or name == "workings.display.plots"]:
        monkeypatch.delitem(sys.modules, known)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra, match=r"workings\[plot\]"):
        model_of(Tiny()).trace([1, 2]).plot()


def test_looking_in_a_notebook_does_not_import_matplotlib():
    code = "import sys, workings; workings.load('storybook').trace('Mike is')._repr_html_(); print('matplotlib' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("broken", [1e30, 3e38 * (-1) ** np.arange(15), 3e38 * np.sin(np.arange(15))])
def test_numbers_that_an_edit_made_overflow_show_themselves_all_the_same(broken):
    trace = model_of(Tiny()).trace([1, 2, 3, 4]).edit("blocks.0.resid_post", (2, slice(None)), value=broken)
    if np.ndim(broken) and broken[1] > 0:
        assert not np.isfinite(trace["blocks.1.attn.pattern"]).all()
    things = [trace, workings.attention(trace, 1), workings.attention(trace, 1, 0)]
    things += [
        trace.explain("logits", -1, 5),
        trace.explain("blocks.1.resid_post", 2, 0),
        workings.attribution(trace, 3),
    ]
    for thing in things:
        assert "workings-view" in thing._repr_html_()
        assert thing.plot()._repr_png_()


@pytest.mark.parametrize(("direction", "done"), [("denoising", "restored"), ("noising", "taken away")])
def test_a_sweep_shows_its_map_and_both_prompts(direction, done):
    tiny = Tiny(layers=3, heads=4, n_ctx=1024, d_vocab=60)
    model = Model("tiny", model_of(tiny).config, model_of(tiny).weights, Hostile())
    ids = np.array(random_ids(tiny, 9))
    other = np.concatenate([[(ids[0] + 1) % 60], ids[1:]])
    sweep = workings.patching_sweep(model, ids, other, answer=4, against=7, direction=direction)
    effects = sweep.values if direction == "denoising" else 1 - sweep.values
    html = sweep._repr_html_()
    assert html.count("<td") >= effects.size and "<b onclick" not in html
    block = sweep.best(1)[0][0]
    assert f"The strongest is block {block}" in html and f": {effects.max():.0%}." in html
    figure = sweep.plot()
    assert done in figure.axes[1].get_ylabel()
    np.testing.assert_allclose(np.asarray(figure.axes[0].collections[0].get_array()).reshape(3, 9), effects)
