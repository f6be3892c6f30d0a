"""A plan of `up` for tests: everything as a user gets it, in folders that need not exist."""

from pathlib import Path

from hailstream.processes import CityPlan


def a_plan(root: Path = Path("/data"), *, duration_s: int | None = None) -> CityPlan:
    return CityPlan(
        data_dir=root,
        city_dir=root / "city",
        web_dir=root / "web",
        host="127.0.0.1",
        port=8080,
        bootstrap_servers="127.0.0.1:9092",
        own_broker=True,
        redis_url=f"unix://{root}/valkey.sock",
        valkey_program="valkey-server",
        engine="columnar",
        drivers=30_000,
        pings_per_second=30_000,
        riders=200,
        duration_s=duration_s,
        seed=1,
        simulator=True,
        token_secret="s" * 32,
        truth_path=root / "truth",
    )
