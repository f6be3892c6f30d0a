"""Which city: the one that was named, or Göteborg, built on the first run."""

from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from citysim.citypack.build import STEPS, build_city_pack
from citysim.citypack.features import SourceBad
from citysim.citypack.source import DEFAULT_NAME, DEFAULT_SLUG, default_source
from hailstream.planning import CACHE_DIR, CannotStart
from rideflow.roads.pack import FACTS_FILE


def ensure_city(named: Path | None) -> Path:
    """Return the folder of a city pack that is there. Raises `CannotStart`."""
    if named is not None:
        if not (named / FACTS_FILE).is_file():
            raise CannotStart(
                f"--city {named}: no city pack there (no {FACTS_FILE}); make one with"
                " `hailstream city build SOURCE --out DIR`"
            )
        return named.resolve()
    folder = CACHE_DIR / DEFAULT_SLUG
    if not (folder / FACTS_FILE).is_file():
        _build_default(folder)
    return folder.resolve()


def _build_default(folder: Path) -> None:
    source = default_source(Path())
    if source is None:
        raise CannotStart(
            f"the data of {DEFAULT_NAME} is not there (web/node_modules): run `make setup`"
            " in the project's folder, or give --city"
        )
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with bar:
        task = bar.add_task(f"building the city pack of {DEFAULT_NAME}", total=len(STEPS))

        def on_step(step: str) -> None:
            bar.update(task, description=f"{DEFAULT_NAME}: {step}", advance=1)

        try:
            build_city_pack(source, folder, name=DEFAULT_NAME, on_step=on_step)
        except SourceBad as error:
            raise CannotStart(str(error)) from error
