"""The report: one file that needs nothing else, and says in plain words what the numbers say."""

from __future__ import annotations

import re
from dataclasses import replace
from html import escape, unescape
from html.parser import HTMLParser

import pytest
from visitors import visiting

import workings
from workings.anatomy.tuned_lens import TunedLens
from workings.display.words import percent
from workings.surgery.edit_list import EditList

PROMPT = "Mike is quick. He"
EDITS = [
    {"table": "blocks.0.resid_post", "index": [-1, ":"], "scale": 0.0},
    {"table": "blocks.0.mlp.post", "index": [1, 2], "value": -1.5},
    {"table": "blocks.0.mlp.post", "index": [1, ":"], "add": 1.0, "on": False},
    {"table": "nothing <b>", "index": [1], "add": 1.0},
]
VOID = {"meta", "rect", "br"}


class Page(HTMLParser):
    """Checks that every tag is closed, and keeps tags and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID or tag == "rect":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if "style" not in self.open:
            self.text += text


def report(visitor, *given, **more):
    answer = visitor.get("report.html", view=visitor.open(*given, **more)["id"])
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/html")
    assert "attachment" in answer.headers["content-disposition"]
    return answer.text


@pytest.fixture(scope="module")
def text(visitor):
    return report(visitor, PROMPT, edits=EDITS)


def test_it_needs_nothing_else(text):
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in page.tags}
    assert not any(
        name in ("src", "href") or name.startswith("on") for _, attributes in page.tags for name in attributes
    )
    assert not re.search(r"url\(|@import|https?:", text)


def test_it_says_what_was_read_what_comes_next_and_what_was_changed(text, model):
    page = Page(text)
    edited = model.trace(PROMPT).edit("blocks.0.resid_post", (-1, slice(None)), scale=0.0)
    edited = edited.edit("blocks.0.mlp.post", (1, 2), value=-1.5)
    first, share = edited.top(1)[0]
    assert PROMPT in page.text
    assert f"{share:.1%}" in page.text
    assert first.strip() in page.text
    assert "What was changed by hand" in page.text
    assert "blocks.0.resid_post[-1, :] was silenced" in page.text
    assert "blocks.0.mlp.post[1, 2] was set to −1.5" in page.text
    assert "(switched off)" in page.text
    assert "not possible: there is no table named" in page.text
    assert escape("nothing <b>") in text


def test_it_is_fit_for_the_dark_and_for_paper(text):
    assert "prefers-color-scheme: dark" in text
    assert "@media print" in text


def test_without_edits_it_does_not_speak_of_changes(visitor):
    assert "changed by hand" not in report(visitor, PROMPT)


@pytest.mark.parametrize("ids", [[5], list(range(60, 100))])
def test_prompts_of_one_token_and_of_many_have_a_report(visitor, ids):
    page = Page(report(visitor, ids=ids))
    assert ("All heads" in page.text) == (1 < len(ids) <= 24)


def test_an_edit_that_lets_a_token_look_ahead_is_drawn(visitor):
    ahead = [{"table": "blocks.0.attn.pattern", "index": [0, 1, 3], "value": 0.5}]
    text = report(visitor, PROMPT, edits=ahead)
    assert "no token looks ahead" not in text
    assert "grid-area:2/4;" in text
    assert "no token looks ahead" in report(visitor, PROMPT)


@pytest.mark.parametrize("table", ["embed", "blocks.1.resid_post"])
def test_where_an_edit_left_no_numbers_it_says_so(visitor, table):
    view = visitor.open(PROMPT, edits=[{"table": table, "index": [], "value": 1e38}])["id"]
    answer = visitor.get("report.html", view=view)
    assert answer.status_code == 200
    page = Page(answer.text)
    assert "It has none. No token is the likeliest here: an edit made these numbers overflow" in page.text
    assert "no number" in page.text and "nan" not in page.text.lower()


def test_a_text_of_signs_is_only_text(visitor):
    text = report(visitor, '<script>alert("&")</script>\n\u202e')
    assert "<script" not in text
    Page(text)


def test_it_shows_the_lens_that_is_asked_for_and_says_which_it_is():
    model, prompt = workings.load("storybook"), "Mike is a chef. Anna is a Jedi. She picked up her"
    tuned = workings.tuned_lens(model, prompt, TunedLens.load("storybook"))
    tuned = replace(tuned, streams=tuple(stream for stream in tuned.streams if stream.endswith("resid_post")))
    with visiting(model) as visitor:
        view = visitor.open(prompt)["id"]
        for lens, read in (("logit", workings.logit_lens(model, prompt)), ("tuned", tuned)):
            page = Page(visitor.get("report.html", view=view, kind=lens).text)
            assert re.findall(r"called the (\w+) lens", page.text) == [lens]
            shown = [one["title"] for tag, one in page.tags if tag == "td" and "--s:" in (one.get("style") or "")]
            shares = read.top(1)[1][:, :, 0].T  # [pos, block]
            assert [percent(float(share)) for share in shares.ravel()] == shown[: shares.size]


def test_it_follows_the_token_that_the_lens_follows_between_attention_and_mlp_too():
    model, prompt, word = workings.load("storybook"), "Mike is a chef. Anna is a Jedi. She picked up her", " phone"
    lens = workings.logit_lens(model, prompt, after_attention=True)
    shares, ranks = lens.token(word)  # [stream, pos]
    with visiting(model) as visitor:
        view = visitor.open(prompt)["id"]
        asked = {"view": view, "after_attention": "yes", "token": word}
        text = visitor.get("report.html", **asked).text
        refused = visitor.get("report.html", **{**asked, "token": "no such word"})
    page = Page(text)
    assert "after the attention of each of them, and after each, counted from 0" in page.text
    assert "How “␣phone” stands there" in page.text
    assert "0, attention" in page.text and "3, attention" in page.text
    stands = zip(shares.T.ravel(), ranks.T.ravel(), strict=True)
    assert [unescape(cell) for cell in re.findall(r">([^<>]+% #[\d,]+)</td>", text)] == [
        f"{percent(float(share))} #{rank:,}" for share, rank in stands
    ]
    assert refused.status_code == 400 and "is not one token of" in refused.json()["error"]


def test_a_lens_that_is_not_there_is_refused(visitor):
    answer = visitor.get("report.html", view=visitor.open(PROMPT)["id"], kind="tuned")
    assert answer.status_code == 404 and "no tuned lens comes with" in answer.json()["error"]


def test_a_steered_feature_is_told_by_its_name_and_strength():
    model = workings.load("storybook")
    sae = workings.load_sae("storybook")
    steered = model.trace("The student picked up his").steer(sae.feature("jedi"), 12.5)
    (edit,) = EditList.of(steered).edits
    with visiting(model) as visitor:
        page = Page(report(visitor, "The student picked up his", edits=[edit.to_dict()]))
    number = sae.feature("jedi").number
    assert f"pushed along feature {number} “Jedi”, with strength 12.5 (steering)" in page.text
    assert "a list of numbers" not in page.text
