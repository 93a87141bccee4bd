"""`workings export`: the workbook is there, or a plain message says why not, and never half of it."""

import pytest

from workings.errors import MissingExtra
from workings.workbook import office as offices


def test_export_writes_a_workbook_and_says_how_large_it_is(call, folder, tmp_path):
    result = call("export", folder, str(tmp_path / "tiny.xlsx"), "--prompt", "Mike is", "--max-tokens", "8")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "tiny.xlsx").read_bytes().startswith(b"PK")
    said = " ".join(result.stdout.split())
    assert "MB in" in said and "type" in said


def test_a_file_that_is_there_is_replaced_only_by_force(call, folder, tmp_path):
    path = tmp_path / "mine.xlsx"
    path.write_text("mine")
    refused = call("export", folder, str(path), "--max-tokens", "4")
    assert refused.exit_code == 1 and "--force" in refused.stderr
    assert path.read_text() == "mine"
    assert call("export", folder, str(path), "--max-tokens", "4", "--force").exit_code == 0
    assert path.read_bytes().startswith(b"PK")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["model.csv"], ".xlsx"),
        (["nowhere/model.xlsx"], "nowhere"),
        (["model.xlsx", "--max-tokens", "0"], "1 to"),
        (["model.xlsx", "--max-tokens", "100000"], "1 to"),
    ],
)
def test_mistakes_are_told_plainly_and_leave_nothing_behind(call, folder, tmp_path, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    result = call("export", folder, *words)
    assert result.exit_code == 1
    assert said in result.stderr and "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_without_libreoffice_check_says_how_to_get_it_before_writing(call, folder, tmp_path, monkeypatch):
    def none():
        raise MissingExtra("LibreOffice is not installed")

    monkeypatch.setattr(offices, "find_office", none)
    result = call("export", folder, str(tmp_path / "tiny.xlsx"), "--check")
    assert result.exit_code == 1 and "LibreOffice" in result.stderr
    assert not list(tmp_path.iterdir())


def test_check_shows_every_table_and_that_all_agree(call, folder, model, tmp_path, office):
    result = call(
        "export",
        folder,
        str(tmp_path / "tiny.xlsx"),
        "--prompt",
        "Mike is",
        "--max-tokens",
        "6",
        "--check",
        columns=100,
    )
    assert result.exit_code == 0, result.output
    for name in model.trace("Mike is").names():
        assert name in result.stdout
    assert "tables agree with the engine" in " ".join(result.stdout.split())


def test_a_model_without_tokenizer_takes_ids(call, wordless, tmp_path):
    result = call("export", wordless, str(tmp_path / "tiny.xlsx"), "--prompt", "3 1 2", "--max-tokens", "4")
    assert result.exit_code == 0, result.output


def test_three_names_are_one_too_many(call):
    assert call("export", "a", "b", "c.xlsx").exit_code == 2
