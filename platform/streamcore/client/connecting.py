"""The way to a log: settings name the engine."""

import random

from groundwork.seams import Clock, Rng
from streamcore.client.api import Log, LogError, LogSettings

ENGINES = ("columnar", "librdkafka")


async def connect(settings: LogSettings, clock: Clock, rng: Rng | None = None) -> Log:
    """Return a log once a broker has answered.

    `rng` jitters retries; None: seeded by the operating system. Raises `LogError` naming
    HOST:PORT when no broker answers within `connect_timeout_ms`.
    """
    chance = random.Random() if rng is None else rng  # noqa: S311 -- jitter is no secret
    if settings.engine == "columnar":
        # Each engine is imported when it is used: a process pays for one, not for both.
        from streamcore.client.columnar.engine import ColumnarLog

        columnar = ColumnarLog(settings, clock, chance)
        await columnar.start()
        return columnar
    if settings.engine == "librdkafka":
        from streamcore.client.librdkafka.engine import LibrdkafkaLog

        librdkafka = LibrdkafkaLog(settings, clock, chance)
        await librdkafka.start()
        return librdkafka
    raise LogError(
        f"log engine {settings.engine!r}: there are {' and '.join(ENGINES)}", retriable=False
    )
