import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import patching
import pytest
from checkpoint import make_checkpoint
from limits import NumPyLimit
from measure import Comparison, Measured, difference, interleave
from report import comparisons_table, save, targets
from sides import NEW_TOKENS, Workings
from suite import Plan, start
from workers import Unavailable, perform, workers

IDS = [3, 1, 4, 1, 5, 9, 2, 6]


def comparison(ours, theirs, target=2.0):
    return Comparison("work", 16, Measured("ours", ours), Measured("peer", theirs), target)


def test_a_checkpoint_is_made_once(tiny_folder):
    made = (tiny_folder / "model.safetensors").stat().st_mtime_ns
    config = json.loads((tiny_folder / "config.json").read_text())
    assert make_checkpoint(tiny_folder, config) == tiny_folder
    assert (tiny_folder / "model.safetensors").stat().st_mtime_ns == made


def test_contestants_take_turns_and_every_second_round_goes_backwards():
    turns = []

    def turn(label):
        return lambda given: (turns.append((given, label)) or 1.0, {})

    interleave({"a": turn("a"), "b": turn("b")}, [0, 1])
    assert turns == [(0, "a"), (0, "b"), (1, "b"), (1, "a")]


def test_a_contestant_that_fails_is_left_out_and_says_why():
    def fail(given):
        raise Unavailable("no such library")

    measured = interleave({"a": fail, "b": lambda given: (1.0, {})}, range(3))
    assert (measured["a"].values, measured["a"].problem) == ([], "no such library")
    assert measured["b"].values == [1.0, 1.0, 1.0]


def test_only_what_stands_between_the_first_two_yields_is_timed(monkeypatch):
    now = [0.0]

    def work(ids):
        now[0] += 5
        yield
        now[0] += 2
        yield
        now[0] += 5
        yield "answer"

    monkeypatch.setattr("workers.time.perf_counter", lambda: now[0])
    assert perform(work, []) == (2.0, "answer")


def test_ratios_say_how_many_times_less_we_took():
    line = comparison([1.0, 2.0, 3.0], [6.0, 5.0, 4.0])
    assert (line.ratio, line.ratio_of_smallest, line.met) == (2.5, 4.0, True)
    assert not comparison([2.0], [3.0]).met


def test_answers_are_compared_number_by_number_and_ids_one_by_one():
    assert difference([({"logits": np.zeros(3)}, {"logits": np.zeros(3)})]) == "equal"
    assert difference([({"logits": np.zeros(3)}, {"logits": np.full(3, 1e-6)})]) == "1e-06"
    assert difference([({"ids": np.array([1, 2])}, {"ids": np.array([1, 3])})]) == "ids differ from token 2"
    assert difference([({}, {})]) == ""


def test_a_missing_peer_leaves_its_line_empty_and_the_report_whole(tmp_path):
    lines = [comparison([1.0], []), comparison([1.0], [1.5])]
    assert "not measured" in comparisons_table(lines)
    assert [row[-1] for row in targets(lines, [])] == ["", "not met"]
    save(tmp_path / "results.json", {}, lines, [], None)
    assert json.loads((tmp_path / "results.json").read_text())["comparisons"][1]["ratio"] == 1.5


def test_our_side_edits_the_same_from_a_trace_and_from_scratch(tiny_folder):
    side = Workings(tiny_folder)
    edited, scratch = perform(side.edit, IDS)[1], perform(side.edit_from_scratch, IDS)[1]
    np.testing.assert_allclose(edited["logits"], scratch["logits"], atol=1e-5)
    plain = perform(side.tables, IDS)[1]
    assert np.abs(plain["logits"][-1] - edited["logits"]).max() > 1e-4


def test_our_side_generates_as_many_tokens_as_are_counted(tiny_folder):
    side = Workings(tiny_folder)
    made = perform(side.generate, IDS)[1]["ids"]
    assert len(made) == NEW_TOKENS
    assert made[0] == side.next_token(IDS)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="asks /proc for the state of a process")
def test_a_worker_is_suspended_when_it_is_not_its_turn(tiny_folder):
    with workers([NumPyLimit], tiny_folder) as started:
        worker = started[NumPyLimit]
        seconds, answer = worker.turn("products", IDS)
        assert (seconds > 0, answer) == (True, {})
        assert _state(worker) == "T"
    assert not worker.process.is_alive()


def _state(worker):
    for _ in range(100):  # a signal takes a moment to arrive
        state = Path(f"/proc/{worker.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        if state == "T":
            break
        time.sleep(0.02)
    return state


def test_a_library_that_cannot_load_its_model_says_so(tmp_path):
    with workers([Workings], tmp_path) as started, pytest.raises(Unavailable, match="config"):
        started[Workings].turn("tables", IDS)


def test_starting_imports_no_torch(tmp_path):
    started = list(start(Plan(tmp_path, repeats=1)))
    assert [line.work for line in started] == ["python alone", "import workings", "workings --help"]
    assert all(line.measured.values for line in started)
    assert not any(line.imports_torch for line in started)


def test_both_of_our_sweeps_of_patches_find_the_same(tiny_folder):
    pairs = [([3, 1, 4], [3, 1, 5])]
    together, alone = (next(side(tiny_folder, pairs))[1] for side in (patching.by_workings, patching.by_forks_alone))
    assert np.allclose(together, alone, atol=1e-5) and np.ptp(together) > 0


def test_options_are_shown():
    script = Path(__file__).parents[2] / "benchmarks" / "run.py"
    done = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True)
    assert done.returncode == 0
    assert "--quick" in done.stdout


def test_the_lab_is_measured_over_http(tiny_folder, monkeypatch):
    from lab import measure

    source = Path(__file__).parents[2] / "src"
    monkeypatch.setenv("PYTHONPATH", str(source))
    found = measure(str(tiny_folder), repeats=2)
    assert set(found) >= {"tile", "explain", "edit", "lens"}
    assert all(times and min(times) > 0 for times in found.values())
