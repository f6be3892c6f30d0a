"""What a shell offers behind a command: names of topics and groups, asked of the broker.

Somebody waits with a finger on the tab key: a broker that does not answer soon is not asked
any longer, and whatever goes wrong offers nothing.
"""

import os
from collections.abc import Iterable
from typing import Any, Final

TIMEOUT_S: Final = 1.0
DEFAULT_SERVERS: Final = "127.0.0.1:9092"


def topic_names(ctx: Any, incomplete: str) -> list[str]:
    """Topics that begin with what is typed."""
    return _offered(ctx, incomplete, lambda admin: admin.list_topics(timeout=TIMEOUT_S).topics)


def group_names(ctx: Any, incomplete: str) -> list[str]:
    """Groups that begin with what is typed."""
    return _offered(ctx, incomplete, _groups)


def _groups(admin: Any) -> Iterable[str]:
    listed = admin.list_consumer_groups(request_timeout=TIMEOUT_S).result(TIMEOUT_S)
    return [group.group_id for group in listed.valid]


def _offered(ctx: Any, incomplete: str, names: Any) -> list[str]:
    from streamcore.commands.cluster import admin_api, client_properties

    parameters = ctx.params
    servers = parameters.get("bootstrap_servers")
    try:
        admin = admin_api.AdminClient(
            {
                "bootstrap.servers": servers
                or os.environ.get("HAILSTREAM_BOOTSTRAP_SERVERS", DEFAULT_SERVERS),
                "socket.timeout.ms": int(TIMEOUT_S * 1000),
                "log_level": 0,
                "error_cb": lambda error: None,
                **client_properties(parameters.get("command_config")),
            }
        )
        return sorted(name for name in names(admin) if name.startswith(incomplete))
    except (Exception, SystemExit):  # noqa: BLE001  # nothing to offer, whatever went wrong
        return []
