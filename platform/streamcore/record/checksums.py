"""CRC-32C, as record batches carry it: the `crc32c` package without its outer shell.

Importing the package itself brings argparse, `importlib.metadata` and `email` along for a
command line and a version number: 4 MB, and a seventh of the time a broker has to be ready.
"""

from collections.abc import Callable
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import cast

_Checksum = Callable[..., int]


def _loaded() -> _Checksum:
    package = find_spec("crc32c")
    assert package is not None, "crc32c is among the dependencies"
    spec = PathFinder.find_spec("crc32c._crc32c", package.submodule_search_locations)
    assert spec is not None, "the package is its extension"
    assert spec.loader is not None, "an extension has a loader"
    extension = module_from_spec(spec)
    spec.loader.exec_module(extension)
    return cast(_Checksum, extension.crc32c)


# crc32c(data, crc=0): `data` is anything with a buffer.
crc32c = _loaded()
