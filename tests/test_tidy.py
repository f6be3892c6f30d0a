"""The style that matters, as tests: sizes, first sentences, no debris."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
HOLDERS = ("platform", "services", "simulator", "loadtest", "tests")
FILE_LINES_MAX = 600
FUNCTION_LINES_MAX = 70
BLOB_BYTES_MAX = 200 << 10
ROOT_FILES = {
    *(".gitignore", "CHANGELOG.md", "CONTRIBUTING.md", "Dockerfile", "LICENSE", "Makefile"),
    *("README.md", "compose.yaml", "constraints.txt", "pyproject.toml", ".dockerignore"),
}


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    return [ROOT / name for name in listed.splitlines() if (ROOT / name).is_file()]


def modules() -> list[Path]:
    return [path for holder in HOLDERS for path in sorted((ROOT / holder).rglob("*.py"))]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def too_long(source: str) -> list[str]:
    return [
        function.name
        for function in functions(ast.parse(source))
        if (function.end_lineno or 0) - function.lineno + 1 > FUNCTION_LINES_MAX
    ]


def test_no_file_is_too_long() -> None:
    assert [p for p in modules() if p.read_text().count("\n") > FILE_LINES_MAX] == []


def test_no_function_is_too_long() -> None:
    found = {str(p.relative_to(ROOT)): too_long(p.read_text()) for p in modules()}
    assert {path: names for path, names in found.items() if names} == {}


def test_the_length_check_sees_a_long_function() -> None:
    assert too_long("def f():\n" + "    pass\n" * FUNCTION_LINES_MAX) == ["f"]


def test_every_module_opens_with_what_it_is() -> None:
    silent = [p for p in modules() if not ast.get_docstring(ast.parse(p.read_text()))]
    assert silent == []


@pytest.mark.parametrize("word", ["TODO", "FIXME", "XXX"])
def test_nothing_is_left_for_later(word: str) -> None:
    pattern = re.compile(rf"\b{word}\b")
    here = Path(__file__).resolve()
    assert [p for p in modules() if p != here and pattern.search(p.read_text())] == []


def test_no_large_file_is_tracked() -> None:
    assert [p for p in tracked() if p.stat().st_size > BLOB_BYTES_MAX] == []


def test_the_root_holds_only_what_belongs_there() -> None:
    assert {p.name for p in tracked() if p.parent == ROOT} <= ROOT_FILES


def test_lock_files_pin_versions_and_name_no_registry() -> None:
    assert "://" not in (ROOT / "constraints.txt").read_text()
    for folder in ("web", "tests/interop/node"):
        assert '"resolved"' not in (ROOT / folder / "package-lock.json").read_text()
