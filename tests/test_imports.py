"""Imports run one way, and nothing heavy is imported before it is needed."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import workings

PACKAGE = Path(workings.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
ORDER = [
    {"errors"},
    {"display"},
    {"language"},
    {"models"},
    {"readings"},
    {"engine"},
    {"checkpoints"},
    {"anatomy", "surgery", "workbook", "training"},
    {"chapters"},
    {"lab"},
    {"cli", "__main__", "__init__"},
]
"""Parts of the package, lowest first: each may import from itself and from those before it."""

RANK = {part: rank for rank, parts in enumerate(ORDER) for part in parts}


def imported(path: Path) -> Iterator[str]:
    """Every module of ours that a file imports, anywhere in it but for type checking alone."""
    here = ("workings", *path.relative_to(PACKAGE).with_suffix("").parts)
    for node in _nodes(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            for alias in node.names:
                home = workings._HOMES.get(alias.name) if module == "workings" else None
                yield home or f"{module}.{alias.name}"


def _nodes(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and ast.unparse(child.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            for other in child.orelse:
                yield from _nodes(other)
        else:
            yield from _nodes(child)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_imports_only_from_its_own_part_and_those_before_it(path: Path) -> None:
    assert part_of(path) in RANK, f"say in this test where {part_of(path)} stands"
    for module in imported(path):
        names = module.split(".")
        if names[0] != "workings" or len(names) == 1 or names[1] not in RANK:
            continue  # another package, or a plain value of ours such as __version__
        assert RANK[names[1]] <= RANK[part_of(path)], f"{path.relative_to(PACKAGE)} imports {module}"


def test_the_language_imports_nothing_else_of_ours() -> None:
    for path in (PACKAGE / "language").glob("*.py"):
        ours = {module for module in imported(path) if module.split(".")[0] == "workings"}
        assert all(module.startswith("workings.language") for module in ours), f"{path.name} imports {ours}"


def test_readings_do_not_import_each_other() -> None:
    for path in (PACKAGE / "readings").rglob("*.py"):
        own = ".".join(("workings", *path.relative_to(PACKAGE).with_suffix("").parts[:2]))
        others = [m for m in imported(path) if m.startswith("workings.readings") and not m.startswith(own)]
        assert path.name == "__init__.py" or not others, f"{path.name} imports {others}"


@pytest.mark.parametrize("module", ["workings", "workings.errors"])
def test_importing_the_package_imports_neither_numpy_nor_torch(module: str) -> None:
    code = f"import {module}, sys; print(sorted({{'numpy', 'torch', 'transformers', 'huggingface_hub'}} & set(sys.modules)))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_using_the_public_names_does_not_import_torch() -> None:
    code = "import sys, workings; [getattr(workings, name) for name in workings.__all__]; print('torch' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_a_name_that_the_package_does_not_have_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        workings.nonsense  # noqa: B018
    assert set(dir(workings)) == set(workings.__all__)
