"""Defaults < file < environment < flags, and every value knows where it came from."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from groundwork.settings import BadSetting, field_help, read_settings_file, resolve


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What all have."""

    port: int = 80  # where to listen


@dataclass(frozen=True, slots=True, kw_only=True)
class Example(Base):
    """Settings of an example."""

    name: str = "x"
    demo: bool = False  # whether it is one
    folder: Path | None = None
    rate: float = 1.0


def test_flags_win_over_environment_over_file_over_defaults() -> None:
    found = resolve(
        Example,
        "example",
        flags={"port": 4, "name": None},
        environment={"HAILSTREAM_EXAMPLE_PORT": "3", "HAILSTREAM_NAME": "env"},
        file={"example": {"port": 2, "name": "file", "rate": 2.5}},
    )
    assert found.settings == Example(port=4, name="env", rate=2.5)
    assert found.sources == {
        "port": "--port",
        "name": "HAILSTREAM_NAME",
        "rate": "hailstream.toml",
        "demo": "default",
        "folder": "default",
    }


def test_the_variable_with_the_section_wins_over_the_general_one() -> None:
    environment = {"HAILSTREAM_PORT": "1", "HAILSTREAM_EXAMPLE_PORT": "2"}
    assert resolve(Example, "example", flags={}, environment=environment).settings.port == 2


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"HAILSTREAM_PORT": "many"}, "'many' is not a whole number"),
        ({"HAILSTREAM_DEMO": "perhaps"}, "'perhaps' is neither true nor false"),
        ({"HAILSTREAM_RATE": "fast"}, "'fast' is not a number"),
    ],
)
def test_a_value_that_cannot_be_read_names_itself_and_its_source(
    environment: dict[str, str], words: str
) -> None:
    with pytest.raises(BadSetting, match=words) as caught:
        resolve(Example, "example", flags={}, environment=environment)
    assert next(iter(environment)) in str(caught.value)


def test_a_setting_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(BadSetting, match=r"no setting example\.prot"):
        resolve(Example, "example", flags={}, environment={}, file={"example": {"prot": 1}})


def test_paths_and_booleans_come_out_as_such() -> None:
    environment = {"HAILSTREAM_FOLDER": "/tmp", "HAILSTREAM_DEMO": "yes"}
    found = resolve(Example, "example", flags={}, environment=environment).settings
    assert found.folder == Path("/tmp")
    assert found.demo is True


def test_the_comment_behind_a_field_is_its_help() -> None:
    assert field_help(Example) == {
        "port": "where to listen",
        "name": "",
        "demo": "whether it is one",
        "folder": "",
        "rate": "",
    }


def test_a_file_that_is_not_toml_is_named(tmp_path: Path) -> None:
    path = tmp_path / "hailstream.toml"
    path.write_text("[broker\n")
    with pytest.raises(BadSetting, match=r"hailstream\.toml"):
        read_settings_file(path)
    assert read_settings_file(tmp_path / "missing.toml") == {}
