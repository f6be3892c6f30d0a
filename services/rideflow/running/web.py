"""HTTP as all services speak it: one way to listen, to answer and to say what was wrong."""

import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from rideflow.contracts.replies import ErrorReply

journal = logging.getLogger("hailstream.web")

# The kernel queues this many sockets while the loop is busy: riders reconnect in crowds.
BACKLOG = 4096

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_CORS = {
    # The pages come from the gateway's port; what is open to a browser is open by token.
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "authorization, content-type",
    "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
}


def json_reply(reply: msgspec.Struct, *, status: int = 200) -> web.Response:
    """A struct of the contracts as JSON."""
    return web.Response(
        body=msgspec.json.encode(reply), status=status, content_type="application/json"
    )


def error_reply(status: int, code: str, message: str, *, field: str | None = None) -> web.Response:
    """The one shape of every error."""
    return json_reply(ErrorReply(code=code, message=message, field=field), status=status)


@web.middleware
async def _with_manners(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Cross-origin headers, and every failure as an `ErrorReply`."""
    if request.method == "OPTIONS":
        return web.Response(status=204, headers=_CORS)
    try:
        reply = await handler(request)
    except web.HTTPException as refusal:
        reply = error_reply(
            refusal.status, refusal.reason.lower().replace(" ", "_"), refusal.text or refusal.reason
        )
    if not reply.prepared:
        reply.headers.update(_CORS)
    return reply


def make_application(*, body_bytes_max: int = 1 << 20) -> web.Application:
    """An application with the manners that all share."""
    return web.Application(middlewares=[_with_manners], client_max_size=body_bytes_max)


async def serve_http(
    application: web.Application, *, service: str, host: str, port: int
) -> web.AppRunner:
    """Listen, print `ready http://HOST:PORT SERVICE` and return what to `cleanup()` at the end.

    Raises `OSError` that names the address where it is taken.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, backlog=BACKLOG).start()
    except OSError as error:
        await runner.cleanup()
        raise OSError(error.errno, f"cannot listen on {host}:{port}: {error.strerror}") from error
    shown = runner.addresses[0][1]
    print(f"ready http://{host}:{shown} {service}", flush=True)  # noqa: T201  # told to who started us
    return runner
