"""Who is let in, and who is not: each refusal with a request that should be refused."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient
from visitors import HOME, PORT, TOKEN, Visitor, visiting

from workings.lab.server import MOST_BYTES, make_app
from workings.lab.tiles import MOST_CELLS
from workings.lab.views import MOST_CHARACTERS, MOST_EDITS

VIEW = {"prompt": "Mike is", "ids": None, "edits": []}


@pytest.fixture
def stranger(model):
    with TestClient(make_app(model, PORT, TOKEN), base_url=HOME) as client:
        yield client


@pytest.fixture
def friend(stranger):
    return Visitor(stranger).client


def refused(answer, status=403, kind="forbidden"):
    assert answer.status_code == status, answer.text
    assert answer.json()["kind"] == kind
    assert answer.json()["error"]
    return True


# The token and the cookie


def test_the_token_becomes_a_cookie_and_the_page_leads_on_without_it(stranger):
    answer = stranger.get(f"/?token={TOKEN}&prompt=Mike+is&x=%22%3E%3Cb%3E%26amp", follow_redirects=False)
    assert answer.status_code == 200
    assert 'href="/?prompt=Mike+is&amp;x=%22%3E%3Cb%3E%26amp"' in answer.text
    assert 'content="0;url=/?prompt=Mike+is&amp;x=%22%3E%3Cb%3E%26amp"' in answer.text
    assert "<b>" not in answer.text
    assert TOKEN not in answer.text
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert TOKEN not in cookie
    assert stranger.get("/api/model").status_code == 200


def test_the_page_that_leads_on_tells_nobody_where_it_was(stranger):
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert re.findall(r"<script[^>]*>[^<]*", answer.text) == ['<script src="/enter.js">']
    script = stranger.get("/enter.js")
    assert script.headers["content-type"].startswith("text/javascript")
    assert TOKEN not in script.text


@pytest.mark.parametrize(
    "query",
    [
        "?token=wrong",
        "?token=",
        f"?token={TOKEN}x",
        f"?token={TOKEN[:-1]}",
        f"?token={TOKEN}&token=x",
        "?token=%ff%00",
        "",
    ],
)
def test_a_wrong_token_opens_nothing(stranger, query):
    answer = stranger.get(f"/{query}", follow_redirects=False)
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    assert "text/html" in answer.headers["content-type"]
    assert "workings lab" in answer.text
    assert refused(stranger.get("/api/model"))


@pytest.mark.parametrize(
    "path",
    [
        "/api/model",
        "/api/tile?view=0",
        "/main.js",
        "/enter.js",
        "/api/nothing",
        f"/api/model?token={TOKEN}",
        "/api/export.xlsx",
    ],
)
def test_without_the_cookie_nothing_is_told(stranger, path):
    assert refused(stranger.get(path))
    assert refused(stranger.get(path, headers={"cookie": f"workings-{PORT}={TOKEN}"}))
    assert refused(stranger.get(path, headers={"cookie": f"workings-{PORT}="}))
    assert refused(stranger.get(path, headers={"cookie": "=;;; =;a"}))


def test_without_the_cookie_nothing_is_taken(stranger):
    assert refused(stranger.post("/api/view", json=VIEW, headers={"origin": HOME}))


def test_the_token_is_no_key_to_anything_but_the_page(stranger):
    assert stranger.post(f"/?token={TOKEN}", headers={"origin": HOME}).status_code == 403
    assert refused(stranger.post("/api/view", json=VIEW, headers={"origin": HOME, "authorization": f"Bearer {TOKEN}"}))


def test_every_lab_has_a_cookie_of_its_own(model):
    with visiting(model) as one, visiting(model) as other:
        (ours,) = one.client.cookies.jar
        assert other.client.get("/api/model", headers={"cookie": f"{ours.name}={ours.value}"}).status_code == 403
        assert str(PORT) in ours.name


# The host


@pytest.mark.parametrize(
    "host",
    [
        "evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:80", f"127.0.0.1:{PORT}.evil.example", "", f"0.0.0.0:{PORT}",
        f"127.0.0.1.nip.io:{PORT}", f"user@127.0.0.1:{PORT}", f"[::]:{PORT}", f"2130706433:{PORT}", f"127.0.0.1:{PORT},evil.example",
    ],
)  # fmt: skip
def test_a_foreign_host_is_refused_even_with_the_cookie(friend, host):
    """DNS rebinding: a foreign name that leads to this machine."""
    assert refused(friend.get("/api/model", headers={"host": host}))
    assert refused(friend.get(f"/?token={TOKEN}", headers={"host": host}, follow_redirects=False))
    assert refused(friend.post("/api/view", json=VIEW, headers={"host": host, "origin": f"http://{host}"}))


def test_two_hosts_are_refused(friend):
    assert refused(friend.get("/api/model", headers=[("host", f"127.0.0.1:{PORT}"), ("host", "evil.example")]))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "[::1]", "127.0.0.1"])
def test_all_names_of_this_machine_are_its_own(friend, host):
    here = f"{host}:{PORT}"
    cookie = "; ".join(f"{c.name}={c.value}" for c in friend.cookies.jar)
    headers = {"host": here, "origin": f"http://{here.lower()}", "cookie": cookie}
    assert friend.post("/api/view", json=VIEW, headers=headers).status_code == 200


# The origin


def test_a_write_without_an_origin_is_refused(stranger):
    client = Visitor(stranger).client
    del client.headers["origin"]
    assert refused(client.post("/api/view", json=VIEW))


@pytest.mark.parametrize(
    "origin",
    ["null", "", "http://evil.example", f"https://127.0.0.1:{PORT}", "http://127.0.0.1", f"http://localhost:{PORT}", f"{HOME}/", f"{HOME}.evil.example", f"http://127.0.0.1:{PORT + 1}", f"{HOME} {HOME}"],
)  # fmt: skip
def test_a_foreign_origin_is_refused_to_write_and_to_read(friend, origin):
    assert refused(friend.post("/api/view", json=VIEW, headers={"origin": origin}))
    assert refused(friend.get("/api/model", headers={"origin": origin}))


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_request_that_another_site_started_is_refused(friend, site):
    assert refused(friend.get("/api/model", headers={"sec-fetch-site": site}))


def test_other_methods_are_refused(friend):
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert refused(friend.request(method, "/api/view", headers={"origin": HOME}), 405, "input")
    assert refused(friend.get("/api/view"), 404, "input") or True


def test_web_sockets_are_refused(friend):
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), friend.websocket_connect("/api/view"):
        pass


# What every answer says


@pytest.mark.parametrize("path", ["/", "/api/model", "/api/nothing", "/nothing.js", "/api/tile"])
def test_every_answer_has_the_safety_headers(stranger, path):
    for _ in range(2):  # before and after the cookie
        headers = stranger.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "access-control-allow-origin" not in headers
        stranger.get(f"/?token={TOKEN}")


# The page's files


@pytest.fixture
def shop(model, tmp_path):
    page = tmp_path / "page"
    (page / "assets").mkdir(parents=True)
    (page / "index.html").write_text("<!doctype html><title>lab</title>")
    (page / "assets" / "main.js").write_text("let a = 1")
    (page / "style.css").write_text("a {}")
    (page / "notes.py").write_text("secret")
    (tmp_path / "secret.js").write_text("secret")
    (page / "link.js").symlink_to(tmp_path / "secret.js")
    with visiting(model, page=page) as visitor:
        yield visitor.client


def test_the_page_is_served_with_its_types_and_its_tag(shop):
    kinds = {
        "/": "text/html",
        "/index.html": "text/html",
        "/assets/main.js": "text/javascript",
        "/style.css": "text/css",
    }
    for path, kind in kinds.items():
        answer = shop.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
        assert answer.headers["cache-control"] == "no-cache"
        again = shop.get(path, headers={"if-none-match": answer.headers["etag"]})
        assert again.status_code == 304
        assert again.content == b""


@pytest.mark.parametrize(
    "path",
    ["/../secret.js", "/%2e%2e/secret.js", "/assets/../../secret.js", "/assets/..%2f..%2fsecret.js", "/..%5csecret.js", "//secret.js", "/link.js", "/notes.py", "/assets", "/assets/", "/%00", "/etc/passwd", "//etc/passwd", "/page/index.html", "/index.html%00.js"],
)  # fmt: skip
def test_no_address_leads_out_of_the_page(shop, path):
    answer = shop.send(shop.build_request("GET", HOME + path))
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_a_missing_page_says_how_to_build_it(model, tmp_path):
    with visiting(model, page=tmp_path / "none") as visitor:
        answer = visitor.client.get("/")
        assert answer.status_code == 404
        assert "make lab" in answer.text


# Limits


def test_a_huge_body_is_refused_whether_or_not_its_size_is_told(friend):
    assert refused(friend.post("/api/view", content=b" " * (MOST_BYTES + 1)), 413, "limit")

    def parts():
        for _ in range(MOST_BYTES // 65536 + 2):
            yield b" " * 65536

    assert refused(friend.post("/api/view", content=parts()), 413, "limit")
    assert refused(friend.post("/api/view", content=b"{}", headers={"content-length": "9" * 30}), 413, "limit")


def test_too_long_a_prompt_and_too_many_edits_are_refused(friend, model):
    assert refused(friend.post("/api/view", json={"prompt": "a" * (MOST_CHARACTERS + 1)}), 413, "limit")
    edit = {"table": "embed", "index": [0, 0], "value": 0.0}
    assert refused(friend.post("/api/view", json={**VIEW, "edits": [edit] * (MOST_EDITS + 1)}), 413, "limit")
    answer = friend.post("/api/view", json={"prompt": "Mike is quick. " * 40})
    assert refused(answer, 400, "input")
    assert f"at most {model.config.n_ctx}" in answer.json()["error"]


def test_a_huge_tile_is_refused(friend):
    view = friend.post("/api/view", json={"ids": list(range(40))}).json()["id"]
    from workings.lab import tiles

    assert MOST_CELLS == tiles.MOST_CELLS
    few, tiles.MOST_CELLS = tiles.MOST_CELLS, 100
    try:
        assert refused(friend.get("/api/tile", params={"view": view, "table": "logits"}), 413, "limit")
    finally:
        tiles.MOST_CELLS = few


@pytest.mark.parametrize(
    "name",
    ["/etc", "../../model", "storybook", "gpt2", "http://evil.example/model", "C:\\models"],
)
def test_a_model_cannot_be_named_in_a_request(friend, name):
    answer = friend.post("/api/view", json={**VIEW, "model": name})
    plain = friend.post("/api/view", json={**VIEW, "model": "tiny"}).json()
    assert plain["doubt"] is None
    assert "are used in 'tiny'" in answer.json()["doubt"]
    assert {**answer.json(), "doubt": None} == plain  # the lab's own model, whatever was named
    assert friend.get("/api/model", params={"model": name}).json()["name"] == "tiny"


@pytest.mark.parametrize(
    "number",
    [
        "NaN",
        "Infinity",
        "-Infinity",
        "1e999",
        "-1e999",
        "1e308",
        "null",
        "true",
        '"1"',
        "{}",
        "[]",
        "[NaN]",
        "[[[[1]]]]",
    ],
)
def test_numbers_that_are_none_are_refused(friend, number):
    body = f'{{"prompt": "Mike is", "edits": [{{"table": "embed", "index": [0, 0], "value": {number}}}]}}'
    assert refused(friend.post("/api/view", content=body.encode()), 400, "input")


@pytest.mark.parametrize("depth", [10, 500, 1020, 100_000])
@pytest.mark.parametrize(
    "shape",
    [
        '{"prompt": %s}',
        '{"ids": %s}',
        '{"edits": %s}',
        '{"edits": [{"table": "embed", "index": %s, "value": 1}]}',
        '{"edits": [{"table": "embed", "index": [0], "value": %s}]}',
        "%s",
    ],
)
def test_deep_json_is_refused(friend, depth, shape):
    for opening, closing in ("[]", ('{"a":', "}")):
        nested = opening * depth + "1" + closing * depth
        assert refused(friend.post("/api/view", content=(shape % nested).encode()), 400, "input")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"{",
        b'{"prompt": "\\ud800"}',
        b'{"prompt": "a", "prompt": }',
        b"[1,2",
        b'{"ids": [1.5]}',
        b'{"ids": [-1]}',
        b'{"ids": [99999999999999999999]}',
        b'{"ids": []}',
        b'{"prompt": ""}',
        b"{}",
    ],
)
def test_what_is_no_view_is_refused(friend, body):
    assert refused(friend.post("/api/view", content=body), 400, "input")


def test_an_unknown_view_is_gone(friend):
    for path in (
        "tile?table=embed",
        "range?table=embed",
        "explain?table=embed&index=0,0",
        "lens?",
        "write?",
        "report.html?",
        "edits.json?",
        "export.xlsx?",
        "attention?block=0",
    ):
        assert refused(friend.get(f"/api/{path}&view=0123456789abcdef"), 410, "unknown view")


@pytest.mark.parametrize(
    "asked",
    ["tile?", "tile?table=nothing", "tile?table=embed&sheet=1", "tile?table=embed&sheet=-1", "tile?table=embed&rows=a:b", "tile?table=embed&rows=5:5", "tile?table=embed&rows=9:2", "tile?table=embed&rows=99:100",
     "tile?table=embed&columns=-1:2", "tile?table=embed&rows=0:99999999999999999999", "range?table=nothing", "explain?table=embed", "explain?table=embed&index=0", "explain?table=embed&index=0,99", "explain?table=embed&index=a,b",
     "explain?table=embed&index=0,0,0,0", "explain?table=embed&index=99999999999999999999,0", "formula?table=embed&index=,", "attention?", "attention?block=9", "attention?block=-1", "lens/cell?block=9&position=0", "lens/cell?block=0&position=99",
     "lens/cell?block=nothing&position=0", "lens?kind=clear", "lens?after_attention=maybe", "lens?token=-1", "lens/cell?block=0&position=0&token=99999", "write?temperature=-1", "write?temperature=nan", "write?temperature=inf", "write?seed=x", "write?most=-1", "export.xlsx?max_tokens=99999"],
)  # fmt: skip
def test_mistakes_are_told_in_a_plain_sentence(visitor, asked):
    view = visitor.open("Mike is")["id"]
    assert refused(visitor.client.get(f"/api/{asked}&view={view}"), 400, "input")


@pytest.mark.parametrize(
    "asked",
    [
        "labels?axis=d_model",
        "labels?axis=d_vocab&from=9999",
        "labels?axis=d_vocab&from=5&to=5",
        "labels?",
        "find?",
        "merges?",
    ],
)
def test_mistakes_without_a_view_are_told_too(visitor, asked):
    assert refused(visitor.client.get(f"/api/{asked}"), 400, "input")


def test_merges_of_one_endless_word_are_refused(visitor):
    assert refused(visitor.get("merges", text="a" * 5000), 413, "limit")
    assert refused(visitor.get("merges", text=" " * 5000), 413, "limit")
    assert refused(visitor.get("merges", text="a " * 15_000), 413, "limit")
