"""Hold the folder rules that no linter knows."""

from pathlib import Path

ROOT = Path(__file__).parents[1]
HOLDERS = ("platform", "services", "simulator", "loadtest")


# Locust is pointed at a file, not at a module.
LOCUSTFILE = ROOT / "loadtest" / "locustfile.py"


def test_holder_folders_are_not_packages() -> None:
    """A `platform/__init__.py` would shadow the standard library for every tool run at the root."""
    for holder in HOLDERS:
        assert set((ROOT / holder).glob("*.py")) <= {LOCUSTFILE}, holder


def test_no_test_folder_is_named_after_a_standard_module() -> None:
    """Pytest puts the parent of a top package on sys.path, so `tests/platform/` shadows too."""
    assert not (ROOT / "tests" / "platform").exists()


def test_every_package_ships_its_types() -> None:
    for holder in HOLDERS:
        for package in (ROOT / holder).iterdir():
            if (package / "__init__.py").exists():
                assert (package / "py.typed").exists(), package
