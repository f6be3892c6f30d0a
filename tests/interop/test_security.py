"""TLS and SASL: every client comes in by every way that it has, and not with a wrong password."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import admin

from tests.interop.brokers import KAFKA
from tests.interop.scene import Others, numbered, poll_until, values, values_of
from tests.support.broker_process import BrokerProcess
from tests.support.certificates import Certificates, make_certificates
from tests.support.clients.protocol import Refused, Security

pytestmark = pytest.mark.interop

ck_admin: Any = admin  # its types are declared in part only

USER, PASSWORD = "rider", "right-horse"
CALL_WITHIN_S = 20.0
# `SSL=HOST:PORT,SASL_PLAINTEXT=HOST:PORT,SASL_SSL=HOST:PORT`, listeners of the Kafka under test,
# and the file with the authority of its certificate. PLAIN has to know the user above.
KAFKA_LISTENERS = os.environ.get("HAILSTREAM_TEST_KAFKA_LISTENERS")
KAFKA_AUTHORITY = os.environ.get("HAILSTREAM_TEST_KAFKA_AUTHORITY", "")


class Secured:
    """Where a broker listens by each protocol, and whom to trust."""

    def __init__(self, addresses: Mapping[str, str], authority: str) -> None:
        self.addresses = addresses
        self.authority = authority


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def secured(
    tmp_path_factory: pytest.TempPathFactory, certificates: Certificates
) -> Iterator[Secured]:
    if KAFKA is not None:
        if KAFKA_LISTENERS is None:
            pytest.skip("HAILSTREAM_TEST_KAFKA_LISTENERS names no secured listeners")
        _add_user(KAFKA)
        pairs = (listener.split("=") for listener in KAFKA_LISTENERS.split(","))
        yield Secured(dict(pairs), KAFKA_AUTHORITY)
        return
    data_dir: Path = tmp_path_factory.mktemp("secured") / "broker"
    process = BrokerProcess(data_dir, ssl_certificate_location=certificates.server)
    with process.listening_too("SSL", "SASL_PLAINTEXT", "SASL_SSL") as broker:
        _add_user(broker.address)
        yield Secured(broker.addresses, str(certificates.ca))


def _add_user(address: str) -> None:
    """As Kafka's own tools do it: by the administration API."""
    client = ck_admin.AdminClient({"bootstrap.servers": address, "log_level": 0})
    for mechanism in (ck_admin.ScramMechanism.SCRAM_SHA_256, ck_admin.ScramMechanism.SCRAM_SHA_512):
        upsertion = ck_admin.UserScramCredentialUpsertion(
            USER, ck_admin.ScramCredentialInfo(mechanism, 4096), PASSWORD.encode()
        )
        (done,) = client.alter_user_scram_credentials([upsertion]).values()
        done.result(CALL_WITHIN_S)


def goes_round(
    others: Others, client_name: str, address: str, security: Security, name: str
) -> None:
    """Produce and read back as a member of a group."""
    client = others.fresh(client_name, address, security)
    try:
        client.produce(name, numbered(20), acks=1)
        expected = set(values_of(numbered(20)))
        poll_until([client.member(name, name)], lambda read: set(values(read)) == expected)
    finally:
        client.process.kill()


def logs_in(others: Others, client_name: str, address: str, security: Security, name: str) -> None:
    """The client knows the password; somebody who does not is not let in there."""
    goes_round(others, client_name, address, security, name)
    assert is_let_in(others, address, security)
    assert not is_let_in(others, address, replace(security, password="wrong"))


def is_let_in(others: Others, address: str, security: Security) -> bool:
    """aiokafka gives up at once, and says only that it could not connect."""
    stranger = others.fresh("aiokafka", address, security)
    try:
        stranger.cluster()
    except Refused:
        return False
    finally:
        stranger.process.kill()
    return True


def login(mechanism: str, authority: str = "") -> Security:
    return Security(authority=authority, mechanism=mechanism, user=USER, password=PASSWORD)


@pytest.mark.feature("tls")
def test_records_go_round_over_tls(
    client_name: str, others: Others, secured: Secured, name: str
) -> None:
    security = Security(authority=secured.authority)
    goes_round(others, client_name, secured.addresses["SSL"], security, name)


@pytest.mark.feature("sasl-plain")
def test_a_client_logs_in_by_plain(
    client_name: str, others: Others, secured: Secured, name: str
) -> None:
    security = login("PLAIN", secured.authority)
    logs_in(others, client_name, secured.addresses["SASL_SSL"], security, name)


@pytest.mark.feature("scram-256")
def test_a_client_logs_in_by_scram_sha_256(
    client_name: str, others: Others, secured: Secured, name: str
) -> None:
    address = secured.addresses["SASL_PLAINTEXT"]
    logs_in(others, client_name, address, login("SCRAM-SHA-256"), name)


@pytest.mark.feature("scram-512")
def test_a_client_logs_in_by_scram_sha_512(
    client_name: str, others: Others, secured: Secured, name: str
) -> None:
    security = login("SCRAM-SHA-512", secured.authority)
    logs_in(others, client_name, secured.addresses["SASL_SSL"], security, name)
