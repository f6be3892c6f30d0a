"""Three real Kafka clients that log in: one round trip each, or the reason why there is none.

They share no code, and each has an SASL of its own: librdkafka's in C over OpenSSL,
kafka-python's and aiokafka's in Python.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CALL_TIMEOUT_S = 30.0
RECORDS = [b"%d" % number for number in range(10)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """How to come in."""

    protocol: str
    mechanism: str | None = None
    user: str = "alice"
    password: str = "right horse"
    ca: Path | None = None
    client: Path | None = None  # certificate and key

    def ssl_context(self) -> ssl.SSLContext | None:
        if "SSL" not in self.protocol:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        if self.client is not None:
            context.load_cert_chain(self.client)
        return context


RoundTrip = Callable[[str, Login, str], list[bytes]]
"""Produces `RECORDS` to a topic at an address and returns what a group's member reads."""


def librdkafka_settings(address: str, login: Login) -> dict[str, Any]:
    settings: dict[str, Any] = {
        "bootstrap.servers": address,
        "security.protocol": login.protocol,
        "log_level": 0,
    }
    if login.ca is not None:
        settings["ssl.ca.location"] = str(login.ca)
    if login.client is not None:
        settings["ssl.certificate.location"] = settings["ssl.key.location"] = str(login.client)
    if login.mechanism is not None:
        settings["sasl.mechanism"] = login.mechanism
        settings["sasl.username"] = login.user
        settings["sasl.password"] = login.password
    return settings


def confluent_round_trip(address: str, login: Login, topic: str) -> list[bytes]:
    from confluent_kafka import Consumer, Producer

    settings = librdkafka_settings(address, login)
    producer = Producer(settings)
    for value in RECORDS:
        producer.produce(topic, value, partition=0)
    assert producer.flush(CALL_TIMEOUT_S) == 0
    consumer = Consumer({**settings, "group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    read: list[bytes] = []
    while len(read) < len(RECORDS):
        for message in consumer.consume(len(RECORDS), CALL_TIMEOUT_S):
            assert message.error() is None, message.error()
            read.append(message.value() or b"")
    consumer.close()
    return read


def confluent_refusal(address: str, login: Login) -> str:
    """What librdkafka says of a broker that it cannot come in to."""
    from confluent_kafka.admin import AdminClient

    said: list[str] = []
    settings = librdkafka_settings(address, login)
    settings["error_cb"] = lambda error: said.append(f"{error.name()}: {error.str()}")
    client = AdminClient(settings)
    while not said:
        client.poll(CALL_TIMEOUT_S)
    return said[0]


def _kafka_python_settings(address: str, login: Login) -> dict[str, Any]:
    return {
        "bootstrap_servers": address,
        "security_protocol": login.protocol,
        "sasl_mechanism": login.mechanism,
        "sasl_plain_username": login.user,
        "sasl_plain_password": login.password,
        "ssl_context": login.ssl_context(),
    }


def kafka_python_round_trip(address: str, login: Login, topic: str) -> list[bytes]:
    from kafka import KafkaConsumer, KafkaProducer

    settings = _kafka_python_settings(address, login)
    producer = KafkaProducer(**settings)
    for value in RECORDS:
        producer.send(topic, value, partition=0)
    producer.flush(CALL_TIMEOUT_S)
    producer.close()
    consumer = KafkaConsumer(topic, **settings, group_id=topic, auto_offset_reset="earliest")
    read: list[bytes] = []
    while len(read) < len(RECORDS):
        for records in consumer.poll(timeout_ms=1000).values():
            read += [record.value for record in records]
    consumer.close()
    return read


def aiokafka_round_trip(address: str, login: Login, topic: str) -> list[bytes]:
    return asyncio.run(_aiokafka_round_trip(address, login, topic))


async def _aiokafka_round_trip(address: str, login: Login, topic: str) -> list[bytes]:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

    settings = {**_kafka_python_settings(address, login)}
    if login.mechanism is None:
        del settings["sasl_mechanism"]
    async with asyncio.timeout(CALL_TIMEOUT_S):
        producer = AIOKafkaProducer(**settings)
        try:
            await producer.start()
            for value in RECORDS:
                await producer.send_and_wait(topic, value, partition=0)
        finally:
            await producer.stop()
        consumer = AIOKafkaConsumer(topic, **settings, group_id=topic, auto_offset_reset="earliest")
        read: list[bytes] = []
        async with consumer:
            while len(read) < len(RECORDS):
                for records in (await consumer.getmany(timeout_ms=1000)).values():
                    read += [record.value for record in records]
    return read


ROUND_TRIPS: dict[str, RoundTrip] = {
    "confluent-kafka": confluent_round_trip,
    "kafka-python": kafka_python_round_trip,
    "aiokafka": aiokafka_round_trip,
}


def tls_connection(address: str, login: Login) -> ssl.SSLSocket:
    """A connection made of bytes, inside TLS."""
    host, _, port = address.rpartition(":")
    context = login.ssl_context()
    assert context is not None
    plain = socket.create_connection((host, int(port)), timeout=CALL_TIMEOUT_S)
    return context.wrap_socket(plain, server_hostname=host)
