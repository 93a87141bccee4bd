"""How soon the lab answers, over HTTP: tiles, explanations, and the next token after an edit.

    python benchmarks/lab.py                   # GPT-2 small's shape (random weights) and storybook, about two minutes
    python benchmarks/lab.py --repeats 200     # more of each

Needs `workings`. The server runs in a process of its own, as when a person starts it; what is timed is from sending the
request to having read the whole answer. In the browser, drawing comes on top.
"""

import argparse
import http.client
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlencode

import numpy as np
from checkpoint import make_checkpoint
from machine import facts, watch

FOLDER = Path(__file__).parent.parent / "build" / "benchmarks"
PACKAGES = ("workings", "numpy", "starlette", "uvicorn", "orjson")
TOKENS = 64
TARGETS = {"gpt2": {"tile": 30, "explain": 100, "edit": 300}, "storybook": {"tile": 60, "explain": 60, "edit": 60}}


class Lab:
    """A running lab, and a connection to it that is kept open."""

    def __init__(self, model: str) -> None:
        words = [sys.executable, "-m", "workings", "lab", model, "--no-browser", "--port", "0"]
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}
        )
        line = next(line for line in self.process.stdout if "http" in line)
        self.host, path = re.search(r"http://([^/]+)(/.*)", line).groups()
        self.connection = http.client.HTTPConnection(self.host)
        self.headers = {"Origin": f"http://{self.host}"}
        answer = self.ask("GET", path.strip())
        self.headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]

    def ask(self, method: str, path: str, body: bytes | None = None) -> http.client.HTTPResponse:
        self.connection.request(method, path, body, self.headers)
        answer = self.connection.getresponse()
        answer.content = answer.read()
        assert answer.status < 400 or path.startswith("/?"), answer.content
        return answer

    def get(self, path: str, **query) -> bytes:
        return self.ask("GET", f"/api/{path}?{urlencode(query)}").content

    def open(self, ids: list[int], edits: list[dict]) -> dict:
        body = json.dumps({"prompt": "", "ids": ids, "edits": edits}).encode()
        return json.loads(self.ask("POST", "/api/view", body).content)

    def close(self) -> None:
        self.process.terminate()
        self.process.wait()


class Walk:
    """Somebody who looks at a model at random, always at the same places, and times every answer."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.choose = lab, random.Random(0)
        document = json.loads(lab.get("model"))
        self.config = document["config"]
        self.n = min(TOKENS, self.config["n_ctx"])
        self.tables = [t for t in document["tables"] + document["weights"] if ".lens." not in t["name"]]
        self.ids = self.sentence()
        self.view = lab.open(self.ids, [])["id"]
        self.found: dict[str, list[float]] = {}

    def time(self, what: str, work) -> None:
        began = time.perf_counter()
        work()
        self.found.setdefault(what, []).append((time.perf_counter() - began) * 1000)

    def sentence(self) -> list[int]:
        return [self.choose.randrange(self.config["d_vocab"]) for _ in range(self.n)]

    def sizes(self, table: dict) -> list[int]:
        return [self.n if size is None else size for size in table["shape"]]

    def work_all_out(self) -> None:
        for table in self.tables:
            self.lab.get("tile", view=self.view, table=table["name"], rows="0:1")

    def tile(self, view: str) -> None:
        table = self.choose.choice(self.tables)
        sheets, rows, columns = ([1, 1, *self.sizes(table)] if len(table["shape"]) > 1 else [1, self.n, 1])[-3:]
        row, column = self.choose.randrange(rows), self.choose.randrange(columns)
        place = {
            "sheet": self.choose.randrange(sheets),
            "rows": f"{row}:{row + 60}",
            "columns": f"{column}:{column + 40}",
        }
        self.lab.get("tile", view=view, table=table["name"], **place)

    def explain(self) -> None:
        table = self.choose.choice(self.tables)
        index = ",".join(str(self.choose.randrange(size)) for size in self.sizes(table))
        self.lab.get("explain", view=self.view, table=table["name"], index=index)

    def edit(self, whole_row: bool) -> str:
        """Add to a number (or a row) in the middle block, and see what comes next."""
        width = self.config["d_model"]
        amount = [self.choose.gauss(0, 1) for _ in range(width)] if whole_row else self.choose.gauss(0, 1)
        index = [self.n // 2, ":" if whole_row else self.choose.randrange(width)]
        changed = {"table": f"blocks.{self.config['n_layers'] // 2}.resid_post", "index": index, "add": amount}
        return self.lab.open(self.ids, [changed])["id"]

    def go(self, repeats: int) -> None:
        self.work_all_out()
        for _ in range(repeats):
            self.time("tile", lambda: self.tile(self.view))
            self.time("explain", self.explain)
            self.time("edit", lambda: self.edit(True))
            self.time("edit of one number", lambda: self.edit(False))
        for _ in range(repeats // 2):
            edited = self.edit(True)
            self.time("tile, right after an edit", lambda edited=edited: self.tile(edited))
        for _ in range(max(repeats // 10, 3)):
            ids = self.sentence()
            self.time("whole prompt", lambda ids=ids: self.lab.open(ids, []))
            view = self.lab.open(ids, [])["id"]
            self.time("lens", lambda view=view: self.lab.get("lens", view=view))


def measure(model: str, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of every single request."""
    lab = Lab(model)
    try:
        walk = Walk(lab)
        walk.go(repeats)
        return walk.found
    finally:
        lab.close()


def line(name: str, what: str, times: list[float]) -> str:
    p95, target = float(np.percentile(times, 95)), TARGETS[name].get(what)
    verdict = "" if target is None else f"{target} ms: {'met' if p95 < target else 'NOT MET'}"
    return (
        f"| {name}, {what} | {statistics.median(times):.1f} | {p95:.1f} | {max(times):.1f} | {len(times)} | {verdict} |"
    )


def _checkpoint(folder: str) -> str:
    return folder if (Path(folder) / "model.safetensors").exists() else str(make_checkpoint(folder))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--checkpoint", default=str(FOLDER / "checkpoint"), help="made there if it is not there yet")
    asked = parser.parse_args()
    FOLDER.mkdir(parents=True, exist_ok=True)
    print("\n".join(f"- {what}: {value}" for what, value in facts(PACKAGES).items()))
    print("\n| milliseconds | median | p95 | longest | requests | p95 must be |\n|---|---|---|---|---|---|")
    for name, model in (("gpt2", _checkpoint(asked.checkpoint)), ("storybook", "storybook")):
        with watch() as busy:
            found = measure(model, asked.repeats)
        print("\n".join(line(name, what, times) for what, times in found.items()))
        print(f"| cores that other programs kept busy | {busy.cores_of_others} | | | | |", flush=True)


if __name__ == "__main__":
    main()
