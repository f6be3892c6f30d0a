"""Real clients over TLS and SASL: who knows the password comes in, and nobody else."""

from asyncio import to_thread
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.broker_process import BrokerDidNotStart, BrokerProcess
from tests.support.certificates import Certificates, make_certificates
from tests.support.eventually import eventually
from tests.support.raw_kafka import RawConnection
from tests.support.secured_clients import (
    CALL_TIMEOUT_S,
    RECORDS,
    ROUND_TRIPS,
    Login,
    aiokafka_round_trip,
    confluent_refusal,
    kafka_python_round_trip,
    librdkafka_settings,
    tls_connection,
)

pytestmark = [
    pytest.mark.interop,
    # kafka-python reads its schemas in a way that Python 3.11 and 3.12 only warn about.
    # It also drops sockets of connections that failed without closing them.
    pytest.mark.filterwarnings("ignore:.*<socket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:.*<ssl.SSLSocket:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:(read|open)_text is deprecated:DeprecationWarning"),
]

MECHANISMS = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
WAYS = [
    ("SSL", None),
    *(("SASL_PLAINTEXT", mechanism) for mechanism in MECHANISMS),
    *(("SASL_SSL", mechanism) for mechanism in MECHANISMS),
]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="module")
def broker(
    tmp_path_factory: pytest.TempPathFactory, files: Certificates
) -> Iterator[BrokerProcess]:
    data_dir: Path = tmp_path_factory.mktemp("secured") / "broker"
    process = BrokerProcess(
        data_dir,
        ssl_certificate_location=files.server,
        ssl_ca_location=files.ca,
        ssl_client_auth="requested",
        handshake_timeout_ms=2_000,
    )
    with process.listening_too("SSL", "SASL_PLAINTEXT", "SASL_SSL") as broker:
        add_user(broker.address, "alice", "right horse")
        yield broker


def add_user(address: str, name: str, password: str) -> None:
    """As Kafka's own tools do it: by the administration API."""
    from confluent_kafka import admin

    api: Any = admin
    client = api.AdminClient({"bootstrap.servers": address, "log_level": 0})
    for mechanism in (api.ScramMechanism.SCRAM_SHA_256, api.ScramMechanism.SCRAM_SHA_512):
        upsertion = api.UserScramCredentialUpsertion(
            name, api.ScramCredentialInfo(mechanism, 4096), password.encode()
        )
        (done,) = client.alter_user_scram_credentials([upsertion]).values()
        done.result(CALL_TIMEOUT_S)


@pytest.mark.parametrize(("protocol", "mechanism"), WAYS)
@pytest.mark.parametrize("client", list(ROUND_TRIPS))
def test_records_go_round_by_every_client_and_way(
    broker: BrokerProcess,
    files: Certificates,
    client: str,
    protocol: str,
    mechanism: str | None,
    name: str,
) -> None:
    login = Login(protocol=protocol, mechanism=mechanism, ca=files.ca)
    read = ROUND_TRIPS[client](broker.addresses[protocol], login, name)
    assert read == RECORDS


@pytest.mark.parametrize("mechanism", MECHANISMS)
@pytest.mark.parametrize(
    ("user", "password"), [("alice", "wrong horse"), ("mallory", "right horse")]
)
async def test_whoever_does_not_know_the_password_is_told_no_more_than_that(
    broker: BrokerProcess, mechanism: str, user: str, password: str
) -> None:
    login = Login(protocol="SASL_PLAINTEXT", mechanism=mechanism, user=user, password=password)
    said = confluent_refusal(broker.addresses["SASL_PLAINTEXT"], login)
    assert said.startswith("_AUTHENTICATION")
    assert "Authentication failed: wrong user name or password" in said
    reason = "wrong password of user 'alice'" if user == "alice" else "unknown user"
    line = f"authentication by {mechanism} failed: {reason}"
    await eventually(lambda: line in broker.journal_path.read_text())
    assert "horse" not in broker.journal_path.read_text()


def test_a_python_client_names_the_refusal_too(
    broker: BrokerProcess, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    from aiokafka.errors import KafkaConnectionError

    login = Login(protocol="SASL_PLAINTEXT", mechanism="SCRAM-SHA-256", password="wrong")
    with pytest.raises(KafkaConnectionError):
        aiokafka_round_trip(broker.addresses["SASL_PLAINTEXT"], login, name)
    assert "SaslAuthenticationFailed: Authentication failed: wrong user name" in caplog.text


async def test_a_client_that_trusts_somebody_else_does_not_come_in(
    broker: BrokerProcess, files: Certificates
) -> None:
    said = confluent_refusal(broker.addresses["SSL"], Login(protocol="SSL", ca=files.other_ca))
    assert "certificate verify failed" in said
    journal = broker.journal_path
    await eventually(lambda: "it does not trust our certificate" in journal.read_text())


async def test_a_certificate_that_we_do_not_trust_is_refused(
    broker: BrokerProcess, files: Certificates
) -> None:
    login = Login(protocol="SSL", ca=files.ca, client=files.other_client)
    assert confluent_refusal(broker.addresses["SSL"], login)
    journal = broker.journal_path
    await eventually(lambda: "its certificate is refused" in journal.read_text())


def test_a_certificate_that_we_trust_comes_in(
    broker: BrokerProcess, files: Certificates, name: str
) -> None:
    login = Login(protocol="SSL", ca=files.ca, client=files.client)
    assert kafka_python_round_trip(broker.addresses["SSL"], login, name) == RECORDS


async def test_a_plaintext_client_on_a_tls_port_is_named(broker: BrokerProcess) -> None:
    assert confluent_refusal(broker.addresses["SSL"], Login(protocol="PLAINTEXT"))
    journal = broker.journal_path
    await eventually(lambda: "does it speak TLS at all?" in journal.read_text())


async def test_a_tls_client_on_a_plaintext_port_is_named(
    broker: BrokerProcess, files: Certificates
) -> None:
    assert confluent_refusal(broker.address, Login(protocol="SSL", ca=files.ca))
    journal = broker.journal_path
    await eventually(lambda: "it speaks TLS, and this listener does not" in journal.read_text())


def test_a_broker_that_nobody_can_log_in_to_says_so(broker: BrokerProcess) -> None:
    lines = broker.journal_path.read_text().splitlines()
    said = [line for line in lines if "there are no users yet: nobody can log in at" in line]
    assert [("SASL_SSL://" in line, "SASL_PLAINTEXT://" in line) for line in said] == [
        (False, True),
        (True, False),
    ]


def test_a_client_without_a_log_in_is_cut_off(broker: BrokerProcess) -> None:
    with RawConnection(broker.addresses["SASL_PLAINTEXT"]) as connection:
        connection.send_request(3, 1, b"\0\0\0\0")
        assert connection.answer() == b""


@pytest.mark.parametrize("protocol", ["SSL", "SASL_PLAINTEXT", "SASL_SSL"])
def test_a_silent_peer_is_cut_off_after_the_handshake_s_time(
    broker: BrokerProcess, protocol: str
) -> None:
    with RawConnection(broker.addresses[protocol]) as connection:
        assert connection.answer() == b"", "it was not cut off within the socket's time-out"


async def test_new_certificates_are_shown_after_a_hang_up_and_nobody_is_cut_off(
    tmp_path: Path, name: str
) -> None:
    files, fresh = make_certificates(tmp_path / "old"), make_certificates(tmp_path / "new")
    shown = tmp_path / "shown.pem"
    shown.write_bytes(files.server.read_bytes())
    process = BrokerProcess(tmp_path / "broker", ssl_certificate_location=shown)
    with process.listening_too("SSL") as broker:
        address = broker.addresses["SSL"]
        old = Login(protocol="SSL", ca=files.ca)
        with tls_connection(address, old) as open_before:
            shown.write_text("not a certificate")
            broker.hang_up()
            await eventually(lambda: "are not read again" in broker.journal_path.read_text())
            await to_thread(kafka_python_round_trip, address, old, name)
            shown.write_bytes(fresh.server.read_bytes())
            broker.hang_up()
            await eventually(lambda: "were read again" in broker.journal_path.read_text())
            new = Login(protocol="SSL", ca=fresh.ca)
            await to_thread(kafka_python_round_trip, address, new, f"{name}-2")
            open_before.sendall(b"\0\0\0\x0d\0\x12\0\0\0\0\0\7\0\3raw")
            assert open_before.recv(8)[4:] == b"\0\0\0\7", "the old connection is still answered"


def test_an_answer_that_does_not_fit_the_socket_arrives_whole_over_tls(
    broker: BrokerProcess, files: Certificates, name: str
) -> None:
    from confluent_kafka import Consumer, Producer, TopicPartition

    login = Login(protocol="SASL_SSL", mechanism="SCRAM-SHA-512", ca=files.ca)
    settings = librdkafka_settings(broker.addresses["SASL_SSL"], login)
    producer = Producer(settings)
    sent = [bytes([number]) * 700_000 for number in range(40)]
    for value in sent:
        producer.produce(name, value, partition=0)
    assert producer.flush(CALL_TIMEOUT_S) == 0
    fetch = {"fetch.max.bytes": 50_000_000, "max.partition.fetch.bytes": 50_000_000}
    consumer = Consumer({**settings, **fetch, "group.id": name})
    consumer.assign([TopicPartition(name, 0, 0)])
    read: list[bytes] = []
    while len(read) < len(sent):
        read += [m.value() or b"" for m in consumer.consume(len(sent), CALL_TIMEOUT_S)]
    consumer.close()
    assert read == sent


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({}, "broker cannot start: a listener with TLS needs ssl.certificate.location"),
        (
            {"ssl_certificate_location": "missing.pem"},
            "broker cannot start: ssl.certificate.location missing.pem: No such file",
        ),
        (
            {"sasl_enabled_mechanisms": "GSSAPI"},
            "broker cannot start: sasl.enabled.mechanisms: 'GSSAPI' is not one of",
        ),
    ],
)
def test_what_keeps_a_secured_broker_from_starting_is_one_line(
    tmp_path: Path, settings: dict[str, object], complaint: str
) -> None:
    process = BrokerProcess(tmp_path / "broker", port=0, **settings).listening_too("SSL")
    with pytest.raises(BrokerDidNotStart, match=complaint):
        process.start()
