"""A client in Python as a program: `python -m tests.support.clients.serving CLIENT ADDRESS
SECURITY`, with JSON lines on its standard input and output until the input ends."""

import dataclasses
import json
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Any

from tests.support.clients.lines import pairs_in, pairs_out, read_out, record_in
from tests.support.clients.protocol import Read, Refused, Security

CLIENTS = {
    "confluent-kafka": ("tests.support.clients.confluent", "ConfluentClient"),
    "kafka-python": ("tests.support.clients.kafka_python", "KafkaPythonClient"),
    "aiokafka": ("tests.support.clients.aio_kafka", "AioKafkaClient"),
    "kcat": ("tests.support.clients.kcat", "KcatClient"),
}


class Server:
    """Carries out calls on the client, and on what the client has given out."""

    def __init__(self, client: object) -> None:
        self._client = client
        self._given: dict[int, object] = {}

    def answer(self, line: str) -> dict[str, Any]:
        asked = json.loads(line)
        on = self._client if asked["on"] is None else self._given[asked["on"]]
        try:
            gave = getattr(on, asked["call"])(**self._arguments(asked["with"]))
        except Refused as error:
            return {"refused": error.error, "why": error.why}
        except Exception as error:  # noqa: BLE001  # a client's own error is the suite's to judge
            return {"refused": "CLIENT", "why": f"{type(error).__name__}: {error}"}
        return {"gave": self._told(gave)}

    def _arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        known: dict[str, Callable[[Any], Any]] = {
            "records": lambda records: [record_in(record) for record in records],
            "offsets": pairs_in,
            "member": self._given.__getitem__,
        }
        return {name: known.get(name, lambda same: same)(value) for name, value in given.items()}

    def _told(self, gave: Any) -> Any:
        if isinstance(gave, list):
            return [read_out(item) if isinstance(item, Read) else item for item in gave]
        if isinstance(gave, dict) and all(isinstance(key, int) for key in gave):
            return pairs_out({key: self._told(value) for key, value in gave.items()})
        if dataclasses.is_dataclass(gave) and not isinstance(gave, type):
            return dataclasses.asdict(gave)
        if hasattr(gave, "close"):
            handle = len(self._given)
            self._given[handle] = gave
            return {"handle": handle}
        return gave


def main(name: str, address: str, security: str) -> None:
    module, cls = CLIENTS[name]
    client = getattr(import_module(module), cls)(address, Security(**json.loads(security)))
    server = Server(client)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(server.answer(line)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
