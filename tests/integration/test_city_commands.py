"""`hailstream simulate` and `hailstream city` as commands."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from citysim.commands import app
from tests.support.tiny_city import tiny_city

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "pack"
    tiny_city(folder)
    return folder


class TestCommands:
    def test_the_plan_is_the_same_for_the_same_seed(self, folder: Path) -> None:
        plans = []
        for seed in ("1", "1", "2"):
            words = ["simulate", "--city", str(folder), "--plan-only", "--seed", seed]
            words += ["--drivers", "100", "--pings-per-second", "100", "--duration", "20"]
            result = CliRunner().invoke(app, words)
            assert result.exit_code == 0, result.output
            plans.append(json.loads(result.output))
        assert plans[0] == plans[1]
        assert plans[0]["routes"] != plans[2]["routes"]
        assert plans[0]["demand"] != plans[2]["demand"]

    @pytest.mark.parametrize(
        ("words", "sentence"),
        [
            (["--fault", "rain=0.5"], "--fault rain=0.5: kinds are noise_m, jitter"),
            (["--fault", "dark=7"], "fault rate dark is 7.0"),
            (["--fault", "dark=often"], "could not convert string"),
            (["--pings-per-second", "0"], "--pings-per-second must be above 0"),
        ],
    )
    def test_bad_flags_are_named(self, folder: Path, words: list[str], sentence: str) -> None:
        result = CliRunner().invoke(app, ["simulate", "--city", str(folder), *words])
        assert result.exit_code == 2
        assert sentence in result.output

    def test_a_missing_pack_is_named(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(app, ["simulate", "--city", str(tmp_path / "none")])
        assert result.exit_code == 2
        assert "there is no such folder" in result.output

    def test_a_city_is_built_and_described(self, folder: Path, tmp_path: Path) -> None:
        source = folder.with_name("pack.source.geojson")
        words = ["city", "build", str(source), "--out", str(tmp_path / "town"), "--name", "Town"]
        result = CliRunner().invoke(app, words)
        assert result.exit_code == 0, result.output
        told = CliRunner().invoke(app, ["city", "info", str(tmp_path / "town")])
        assert re.search(r"Town \(town\), © OpenStreetMap contributors", told.output)
        assert "164 directed edges" in told.output
        as_json = CliRunner().invoke(app, ["city", "info", str(tmp_path / "town"), "--json"])
        assert json.loads(as_json.output)["counts"]["edges"] == 164

    def test_a_bad_source_is_named(self, tmp_path: Path) -> None:
        result = CliRunner().invoke(
            app, ["city", "build", str(tmp_path / "none.json"), "--out", str(tmp_path / "o")]
        )
        assert result.exit_code == 2
        assert "none.json: there is no such file" in result.output
