"""A real broker under attack by all its listeners at once, and a client that notices nothing.

`HAILSTREAM_FUZZ_CASES` and `HAILSTREAM_FUZZ_SEED` as in `tests/property/test_hostile_requests.py`.
"""

import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any, Final

import pytest

from hailstream.procfs import usage_of
from streamcore.record.records import read_records
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.scram_keys import ScramMechanism, salted_password
from tests.support.broker_process import BrokerProcess
from tests.support.certificates import make_certificates
from tests.support.fuzzing import sockets
from tests.support.fuzzing.sockets import Dial
from tests.support.fuzzing.vocabulary import Vocabulary
from tests.support.kio_peer import request_bytes, response_of
from tests.support.raw_client import RawClient
from tests.support.secured_clients import Login
from tests.support.simulated_broker import batch_of

pytestmark = pytest.mark.integration

CASES: Final = int(os.environ.get("HAILSTREAM_FUZZ_CASES", "5"))
SEED: Final = os.environ.get("HAILSTREAM_FUZZ_SEED", "1")
CONNECTIONS: Final = 20 * CASES  # by each way
REQUESTS: Final = 6  # of each connection
GROWTH_MB_MAX: Final = 30
KEPT_TOPIC: Final = "pings"  # the attackers do not know its name
USER, PASSWORD = "carol", "right horse"  # nor do they change this user

Requests = Callable[[Random, Vocabulary, int], list[bytes]]


class Bystander:
    """Writes a record, reads it and commits how far it is, again and again on one connection."""

    def __init__(self, address: str) -> None:
        self._client = RawClient(address)
        self.written: list[bytes] = []

    def _ask(self, api: ApiKey, version: int, **fields: Any) -> Any:
        body = request_bytes(api, version, **fields)
        return response_of(api, version, self._client.ask(api, version, body))

    def begin(self) -> None:
        topics = [{"name": KEPT_TOPIC, "num_partitions": 1, "replication_factor": 1}]
        made = self._ask(ApiKey.CREATE_TOPICS, 2, topics=topics)
        assert made.topics[0].error_code.name == "none"
        salted = salted_password(ScramMechanism.SHA_512, PASSWORD, salt=b"salt", iterations=4096)
        user = {"name": USER, "mechanism": 2, "iterations": 4096, "salt": b"salt"}
        self._add_user({**user, "salted_password": salted})

    def _add_user(self, upsertion: dict[str, Any]) -> None:
        # A flexible version, of which this client reads the answer's tags as part of its body.
        body = request_bytes(
            ApiKey.ALTER_USER_SCRAM_CREDENTIALS, 0, deletions=[], upsertions=[upsertion]
        )
        answer = self._client.ask(ApiKey.ALTER_USER_SCRAM_CREDENTIALS, 0, b"\0" + body)
        told = response_of(ApiKey.ALTER_USER_SCRAM_CREDENTIALS, 0, answer[1:])
        assert told.results[0].error_code.name == "none", told.results[0].error_message

    def act(self) -> None:
        value = b"value %d" % len(self.written)
        part = {"index": 0, "records": batch_of(value)}
        answer = self._ask(
            ApiKey.PRODUCE,
            7,
            acks=-1,
            topic_data=[{"name": KEPT_TOPIC, "partition_data": [part]}],
        )
        told = answer.responses[0].partition_responses[0]
        assert (told.error_code.name, told.base_offset) == ("none", len(self.written))
        self.written.append(value)
        assert self._fetched(len(self.written) - 1) == [value]
        place = {"partition_index": 0, "committed_offset": len(self.written)}
        committed = self._ask(
            ApiKey.OFFSET_COMMIT,
            7,
            group_id="kept",
            generation_id_or_member_epoch=-1,
            topics=[{"name": KEPT_TOPIC, "partitions": [place]}],
        )
        assert committed.topics[0].partitions[0].error_code.name == "none"

    def _fetched(self, offset: int) -> list[bytes | None]:
        part = {"partition": 0, "fetch_offset": offset, "partition_max_bytes": 1 << 20}
        answer = self._ask(
            ApiKey.FETCH,
            11,
            max_wait=0,
            min_bytes=0,
            max_bytes=1 << 20,
            topics=[{"topic": KEPT_TOPIC, "partitions": [part]}],
        )
        data = bytes(answer.responses[0].partitions[0].records or b"")
        values: list[bytes | None] = []
        while data:
            size = int.from_bytes(data[8:12]) + 12
            values += [record.value for record in read_records(data[:size])]
            data = data[size:]
        return values

    def everything(self) -> list[bytes | None]:
        values: list[bytes | None] = []
        while more := self._fetched(len(values)):
            values += more
        return values

    def leave(self) -> None:
        self._client.socket.close()


@contextmanager
def going_on(bystander: Bystander) -> Iterator[None]:
    """Have it act all the time. What goes wrong with it is raised at the end."""
    is_over = threading.Event()

    def go_on() -> None:
        while not is_over.is_set():
            bystander.act()

    with ThreadPoolExecutor(1) as thread:
        acting = thread.submit(go_on)
        try:
            yield
        finally:
            is_over.set()
        acting.result()


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerProcess]:
    files = make_certificates(tmp_path / "certificates")
    process = BrokerProcess(
        tmp_path / "broker",
        ssl_certificate_location=files.server,
        ssl_ca_location=files.ca,
        partitions_per_topic_max=8,
        topics_max=40,
        connection_failed_authentication_delay_ms=0,
        retention_ms=-1,  # the records of tests are old
    )
    with process.listening_too("SSL", "SASL_PLAINTEXT", "SASL_SSL") as broker:
        yield broker


def ways_in(broker: BrokerProcess, ca: Path) -> dict[str, tuple[Dial, Requests]]:
    at = broker.addresses
    tls, sasl_tls = (
        sockets.tls_dial(at[name], Login(protocol=name, ca=ca)) for name in ("SSL", "SASL_SSL")
    )
    sasl = sockets.plain_dial(at["SASL_PLAINTEXT"])
    return {
        "plain": (sockets.plain_dial(broker.address), sockets.any_requests),
        "TLS": (tls, sockets.any_requests),
        "no TLS": (sockets.plain_dial(at["SSL"]), sockets.tls_hellos),
        "before the log-in": (sasl, sockets.log_in_requests),
        "before the log-in, TLS": (sasl_tls, sockets.log_in_requests),
        "logged in": (sockets.logged_in(sasl, USER, PASSWORD), sockets.any_requests),
        "logged in, TLS": (sockets.logged_in(sasl_tls, USER, PASSWORD), sockets.any_requests),
    }


def test_an_attack_by_all_listeners_leaves_a_broker_and_its_clients_unharmed(
    broker: BrokerProcess, tmp_path: Path
) -> None:
    bystander = Bystander(broker.address)
    bystander.begin()
    ways = ways_in(broker, tmp_path / "certificates" / "ca.pem")

    def come_by(way: str) -> None:
        dial, requests = ways[way]
        rng = Random(f"{SEED} {way}")
        words = Vocabulary(rng)
        for _ in range(CONNECTIONS):
            sockets.attack(dial, rng, requests(rng, words, REQUESTS))

    before = usage_of(broker.pid)
    with going_on(bystander), ThreadPoolExecutor(len(ways)) as threads:
        for ended in [threads.submit(come_by, way) for way in ways]:
            ended.result()
    bystander.act()
    after = usage_of(broker.pid)
    assert before is not None
    assert after is not None
    assert after.rss_mb - before.rss_mb < GROWTH_MB_MAX
    assert bystander.everything() == bystander.written
    bystander.leave()
    assert broker.stop() == 0
    said = broker.journal_path.read_text()
    assert "127.0.0.1:" in said, "some were cut, with a line"
    assert "Traceback" not in said

    broker.start()
    again = Bystander(broker.address)
    assert again.everything() == bystander.written
    again.leave()
    assert broker.stop() == 0
