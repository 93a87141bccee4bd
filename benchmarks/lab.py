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


def timed(work) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def measure(name: str, model: str, repeats: int) -> dict[str, list[float]]:
    """Milliseconds of every single request."""
    choose = random.Random(0)
    lab = Lab(model)
    try:
        document = json.loads(lab.get("model"))
        config = document["config"]
        n = min(TOKENS, config["n_ctx"])
        ids = [choose.randrange(config["d_vocab"]) for _ in range(n)]
        tables = [t for t in document["tables"] + document["weights"] if ".lens." not in t["name"]]
        view = lab.open(ids, [])["id"]
        for table in tables:
            lab.get("tile", view=view, table=table["name"], rows="0:1")
        found = {
            "tile": [],
            "tile, right after an edit": [],
            "explain": [],
            "edit": [],
            "edit of one number": [],
            "lens": [],
            "whole prompt": [],
        }

        def sizes(table):
            return [n if size is None else size for size in table["shape"]]

        def tile(view):
            table = choose.choice(tables)
            *sheets, rows, columns = [1, *sizes(table)] if len(table["shape"]) > 1 else [1, n, 1]
            row, column = choose.randrange(rows), choose.randrange(columns)
            lab.get(
                "tile",
                view=view,
                table=table["name"],
                sheet=choose.randrange(sheets[-1]),
                rows=f"{row}:{row + 60}",
                columns=f"{column}:{column + 40}",
            )

        def explain(view):
            table = choose.choice(tables)
            lab.get(
                "explain",
                view=view,
                table=table["name"],
                index=",".join(str(choose.randrange(size)) for size in sizes(table)),
            )

        def edit(index):
            width = config["d_model"] if index[-1] == ":" else 0
            change = [choose.gauss(0, 1) for _ in range(width)] or choose.gauss(0, 1)
            changed = {"table": f"blocks.{config['n_layers'] // 2}.resid_post", "index": index, "add": change}
            return lab.open(ids, [changed])["id"]

        for _ in range(repeats):
            found["tile"].append(timed(lambda: tile(view)))
            found["explain"].append(timed(lambda: explain(view)))
            found["edit"].append(timed(lambda: edit([n // 2, ":"])))
            found["edit of one number"].append(timed(lambda: edit([n // 2, choose.randrange(config["d_model"])])))
        for _ in range(repeats // 2):
            changed = edit([n // 2, ":"])
            found["tile, right after an edit"].append(timed(lambda changed=changed: tile(changed)))
        for _ in range(max(repeats // 10, 3)):
            new = [choose.randrange(config["d_vocab"]) for _ in range(n)]
            opened = []
            found["whole prompt"].append(timed(lambda new=new, opened=opened: opened.append(lab.open(new, []))))
            found["lens"].append(timed(lambda opened=opened: lab.get("lens", view=opened[0]["id"])))
        return found
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
            found = measure(name, model, asked.repeats)
        print("\n".join(line(name, what, times) for what, times in found.items()))
        print(f"| cores that other programs kept busy | {busy.cores_of_others} | | | | |", flush=True)


if __name__ == "__main__":
    main()
