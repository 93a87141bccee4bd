"""Writing on: tokens as they come, and an end when nobody listens any more."""

from __future__ import annotations

import json
import time

import pytest
from little import make_model, make_tokenizer
from test_abandoned import at_rest
from visitors import coming, serving

from workings.engine.generation import Sampling
from workings.lab.writing import Writing

PROMPT = "Mike is quick. He"


def events(answer):
    assert answer.headers["content-type"].startswith("text/event-stream")
    found = []
    for block in answer.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((fields.get("event", "message"), json.loads(fields["data"])))
    return found


@pytest.mark.parametrize("options", [{}, {"temperature": 1.5, "seed": 4}])
def test_tokens_are_those_that_the_library_generates(visitor, model, options):
    view = visitor.open(PROMPT)
    *written, (last, stopped) = events(visitor.get("write", view=view["id"], most=8, **options))
    expected = list(model.new_ids(model.trace(PROMPT), 8, Sampling(**options)))
    assert [data["id"] for _, data in written] == expected
    assert (last, stopped) == ("done", {"stopped": "that is as many tokens as were asked for"})
    ids = [token["id"] for token in view["tokens"]]
    assert written[-1][1]["ids"] == ids + expected
    text = "".join(data["text"] for _, data in written)
    assert model.tokenizer.decode(ids + expected).startswith(PROMPT + text)


def test_edits_stay_in_force(visitor, model):
    edits = [{"table": "blocks.0.resid_post", "index": ["3:", ":"], "scale": -2.0}]
    view = visitor.open(PROMPT, edits=edits)
    *written, _ = events(visitor.get("write", view=view["id"], most=6))
    edited = model.trace(PROMPT).edit("blocks.0.resid_post", (slice(3, None), slice(None)), scale=-2.0)
    ids = model.tokenizer.encode(PROMPT)
    assert (
        written[-1][1]["ids"] == model.tokenizer.encode(model.generate(edited, 6))
        or len(written[-1][1]["ids"]) == len(ids) + 6
    )
    growing, new = edited, []
    for _ in range(6):
        new.append(growing.top_ids(1)[0][0])
        growing = growing.append(new[-1:])
    assert [data["id"] for _, data in written] == new


def test_writing_stops_where_the_model_can_read_no_further(visitor, model):
    view = visitor.open(ids=list(range(40, 60)) * 2)
    *written, (_, stopped) = events(visitor.get("write", view=view["id"], most=1000, temperature=3, seed=1))
    assert len(written) <= model.config.n_ctx - 40
    assert "reads at most 48 tokens" in stopped["stopped"] or "ended" in stopped["stopped"]


def test_what_was_written_can_be_opened_and_grows_from_what_is_there(visitor):
    view = visitor.open(PROMPT)
    *written, _ = events(visitor.get("write", view=view["id"], most=4))
    for _, data in written:
        opened = visitor.open(PROMPT, ids=data["ids"])
        assert [token["id"] for token in opened["tokens"]] == data["ids"]
    shorter = visitor.open(PROMPT, ids=written[1][1]["ids"])
    assert shorter["next"][0]["id"] == written[2][1]["id"]


def test_asking_for_none_writes_none(visitor):
    view = visitor.open(PROMPT)
    assert [kind for kind, _ in events(visitor.get("write", view=view["id"], most=0))] == ["done"]


def test_a_mistake_on_the_way_is_told(visitor, monkeypatch):
    from workings.errors import InputError

    view = visitor.open(PROMPT)
    step = Writing.next

    def fail(self):
        if len(self.ids) == len(self.view.ids) + 2:
            raise InputError("something is wrong")
        return step(self)

    monkeypatch.setattr(Writing, "next", fail)
    found = events(visitor.get("write", view=view["id"], most=4))
    assert [kind for kind, _ in found] == ["message", "message", "failed"]
    assert found[-1][1] == {"error": "something is wrong", "kind": "input"}


def test_tokens_come_one_by_one_and_stop_when_the_page_goes_away(monkeypatch):
    count = 0
    step = Writing.next

    def counted(self):
        nonlocal count
        count += 1
        time.sleep(0.01)
        return step(self)

    monkeypatch.setattr(Writing, "next", counted)
    with serving(make_model(None, n_ctx=1000)) as address, coming(address) as visitor:
        view = visitor.open(ids=[3, 1, 2])["id"]
        with visitor.client.stream("GET", "/api/write", params={"view": view, "most": 900}) as answer:
            lines = answer.iter_lines()
            first = next(lines)
            assert json.loads(first.removeprefix("data: "))["ids"][:3] == [3, 1, 2]
            assert count < 900, "the first is told before the last is made"
        assert at_rest(lambda: count) < 900
        assert visitor.open(ids=[3, 1, 2])["id"] == view


def test_letters_of_several_tokens_come_whole():
    model = make_model(make_tokenizer())
    from workings.lab.answers import Answers
    from workings.lab.asked import Query
    from workings.lab.views import Views
    from workings.surgery.edit_list import EditList

    answers = Answers(model, Views(model), "")
    ids = model.tokenizer.encode("a日本")
    view = answers.views.open(EditList(ids=tuple(ids[:1])))
    writing = Writing(answers, Query({"view": view.id, "most": str(len(ids) - 1)}))
    writing._new_ids = iter(ids[1:])
    texts = []
    while (token := writing.next()) is not None:
        texts.append(token["text"])
    assert "".join(texts) == "日本"
    assert all("\ufffd" not in text for text in texts)


def test_a_likely_token_adds_what_writing_on_would_add():
    model = make_model(make_tokenizer())
    from workings.lab.answers import Answers
    from workings.lab.views import Views

    answers = Answers(model, Views(model), "")
    ids = [int(i) for i in model.tokenizer.encode("a日\n本")]
    for count in range(1, len(ids)):
        adds = [{"table": "logits", "index": [-1, ids[count]], "value": 1e4}]
        best = answers.open({"ids": ids[:count], "edits": adds})["next"][0]
        whole, said = (model.tokenizer.decode(ids[:n]).rstrip("\ufffd") for n in (count + 1, count))
        assert (best["id"], said + best["text"]) == (ids[count], whole)
