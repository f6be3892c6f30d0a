"""Stands in for a module that kafka-python's sdist leaves out: brokers that its tests start."""

from typing import Any


class ExternalService:
    """A broker that runs already, at the address that the suite was told."""

    def __init__(self, host: str, port: int) -> None:
        self.host = host
        self.port = port

    def open(self) -> None: ...
    def close(self) -> None: ...


class SpawnedService:
    """A broker that the suite would start. It starts none of ours."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("this suite runs against a broker that is there")
