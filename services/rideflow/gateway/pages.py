"""The built web pages and the city's base map, read once, compressed once, kept in memory."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from aiohttp import web

from rideflow.gateway.refusal import Refusal

_COMPRESSIBLE: Final = ("text/", "application/json", "application/geo+json", "image/svg+xml")
_SCRIPTS: Final = ("application/javascript", "text/javascript")
_BYTES_MAX: Final = 64 << 20  # of a folder: more is not a set of pages
# Built files carry a digest of their content in their name, so they never change.
_FOREVER: Final = "public, max-age=31536000, immutable"
_ASK_AGAIN: Final = "no-cache"

_NOT_BUILT: Final = """<!doctype html><html lang="en"><meta charset="utf-8">
<title>Hailstream</title><body style="font:16px/1.5 system-ui;max-width:40em;margin:4em auto">
<h1>Hailstream runs, its pages are not built</h1>
<p>Build them with <code>make setup</code>, or set <code>gateway.web_dir</code> to where they are,
and start again. The API is described at <a href="/v1/openapi.json">/v1/openapi.json</a>.</p>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A file ready to be sent."""

    body: bytes
    gzipped: bytes | None  # None where compressing does not help
    content_type: str
    etag: str
    caching: str

    def reply(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": self.caching, "ETag": self.etag, "Vary": "Accept-Encoding"}
        if request.headers.get("If-None-Match") == self.etag:
            return web.Response(status=304, headers=headers)
        headers["Content-Type"] = self.content_type
        if self.gzipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self.gzipped, headers=headers | {"Content-Encoding": "gzip"})
        return web.Response(body=self.body, headers=headers)


def read_page(path: Path, *, caching: str = _ASK_AGAIN) -> Page:
    body = path.read_bytes()
    if path.suffix == ".geojson":
        kind = "application/geo+json"
    else:
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    helps = kind.startswith(_COMPRESSIBLE) or kind in _SCRIPTS
    return Page(
        body=body,
        gzipped=gzip.compress(body, 6) if helps else None,
        content_type=f"{kind}; charset=utf-8" if kind.startswith("text/") else kind,
        etag=f'"{hashlib.sha256(body).hexdigest()[:20]}"',
        caching=caching,
    )


class Pages:
    """The files below a folder by their path, plus short names for the pages themselves."""

    def __init__(self, folder: Path | None) -> None:
        self._pages: dict[str, Page] = {}
        if folder is not None and (folder / "index.html").is_file():
            self._read(folder)

    def __len__(self) -> int:
        return len(self._pages)

    async def get(self, request: web.Request) -> web.Response:
        """GET / and everything that no other route has: `/rider` is rider.html."""
        path = request.path.strip("/") or "index.html"
        page = self._pages.get(path) or self._pages.get(f"{path}.html")
        if page is not None:
            return page.reply(request)
        if not self._pages and "/" not in path and not path.startswith("v1"):
            return web.Response(text=_NOT_BUILT, content_type="text/html", status=503)
        raise Refusal(404, "not_found", f"there is nothing at {request.path}")

    def _read(self, folder: Path) -> None:
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        size = sum(path.stat().st_size for path in files)
        if size > _BYTES_MAX:
            raise OSError(f"{folder} holds {size} bytes: that is not a set of built pages")
        for path in files:
            name = path.relative_to(folder).as_posix()
            is_digested = name.startswith("assets/")
            self._pages[name] = read_page(path, caching=_FOREVER if is_digested else _ASK_AGAIN)
