"""Listeners are read from Kafka's form, and each tells its clients its own address."""

import ssl
from pathlib import Path

import pytest

from streamcore.broker.connection import Connection
from streamcore.broker.handlers.catalogue import REGISTRY
from streamcore.broker.security.certificates import Certificates, CertificatesUnusable
from streamcore.broker.security.listeners import (
    Listener,
    ListenerPlan,
    SecurityProtocol,
    plan_listeners,
)
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings, ClientAuth, InvalidSetting, with_overrides
from streamcore.wire.api_keys import ApiKey
from tests.support.certificates import lock_key, make_certificates
from tests.support.fake_transport import FakeTransport
from tests.support.kio_peer import request_bytes, response_of
from tests.support.simulated_broker import simulated_broker

SETTINGS = BrokerSettings(data_dir=Path("data"))


def planned(listeners: str = "", advertised: str = "") -> tuple[ListenerPlan, ...]:
    overrides = {"listeners": listeners, "advertised.listeners": advertised}
    return plan_listeners(with_overrides(SETTINGS, overrides))


def told(plans: tuple[ListenerPlan, ...]) -> list[tuple[str, int]]:
    return [plan.met_at(7777)[1:] for plan in plans]


def test_without_listeners_there_is_the_one_of_old() -> None:
    settings = BrokerSettings(
        data_dir=Path("data"), listen_host="h", listen_port=1, advertised_host="a"
    )
    (only,) = plan_listeners(settings)
    assert (only.protocol, only.host, only.port) == (SecurityProtocol.PLAINTEXT, "h", 1)
    assert only.met_at(7777) == Listener(SecurityProtocol.PLAINTEXT, "a", 7777)


def test_listeners_are_read_from_kafka_s_form() -> None:
    plans = planned("127.0.0.1:0, ssl://[::1]:9093,SASL_SSL://0.0.0.0:9094")
    assert [str(plan) for plan in plans] == [
        "PLAINTEXT://127.0.0.1:0",
        "SSL://[::1]:9093",
        "SASL_SSL://0.0.0.0:9094",
    ]
    assert [plan.protocol.has_tls for plan in plans] == [False, True, True]
    assert [plan.protocol.has_sasl for plan in plans] == [False, False, True]


def test_each_listener_is_advertised_by_its_protocol_or_is_the_first() -> None:
    listeners = "SSL://a:1,PLAINTEXT://b:2,SSL://c:3"
    assert told(planned(listeners)) == [("a", 7777), ("b", 7777), ("c", 7777)]
    advertised = "SSL://x:10,SSL://z:0,PLAINTEXT://y:20"
    assert told(planned(listeners, advertised)) == [("x", 10), ("y", 20), ("z", 7777)]
    assert told(planned(listeners, "first:30")) == [("first", 30), ("b", 7777), ("c", 7777)]


@pytest.mark.parametrize(
    ("listeners", "advertised", "complaint"),
    [
        ("TLS://a:1", "", "'TLS' is not one of PLAINTEXT, SSL"),
        ("nowhere", "", "'nowhere' is not"),
        ("SSL://nowhere", "", "is not"),
        ("a:99999", "", "is not"),
        ("SSL://a:1", "SASL_SSL://b:2", "there is no such listener"),
        ("SSL://a:1", "SSL://b:2,SSL://c:3", "there is no such listener"),
    ],
)
def test_a_listener_that_is_none_is_named(listeners: str, advertised: str, complaint: str) -> None:
    with pytest.raises(InvalidSetting, match=complaint):
        planned(listeners, advertised)


def asked(services: BrokerServices, listener: Listener, api: ApiKey, **fields: object) -> bytes:
    """What a connection of this listener is answered."""
    connection = Connection(
        services, REGISTRY, listener=listener, on_closed=lambda connection: None
    )
    transport = FakeTransport()
    connection.connection_made(transport)
    body = request_bytes(api, 1, **fields)
    frame = int(api).to_bytes(2) + b"\0\1\0\0\0\1\0\2me" + b"\0" * (api == 60) + body
    data = len(frame).to_bytes(4) + frame
    connection.get_buffer(-1)[: len(data)] = data
    connection.buffer_updated(len(data))
    ((_, answer),) = transport.answers()
    connection.connection_lost(None)
    return answer[1:] if api == ApiKey.DESCRIBE_CLUSTER else answer


@pytest.mark.parametrize("host", ["first.example", "second.example"])
async def test_clients_are_told_the_address_of_the_listener_they_came_in_by(host: str) -> None:
    async with simulated_broker() as services:
        for listener_host in (host, "other.example", host):
            listener = Listener(SecurityProtocol.PLAINTEXT, listener_host, 9999)
            answer = asked(services, listener, ApiKey.METADATA, topics=[])
            (broker,) = response_of(ApiKey.METADATA, 1, answer).brokers
            assert (broker.host, broker.port) == (listener_host, 9999)
        listener = Listener(SecurityProtocol.PLAINTEXT, host, 9999)
        answer = asked(services, listener, ApiKey.FIND_COORDINATOR, key="g", key_type=0)
        found = response_of(ApiKey.FIND_COORDINATOR, 1, answer)
        assert (found.host, found.port) == (host, 9999)
        answer = asked(services, listener, ApiKey.DESCRIBE_CLUSTER, endpoint_type=1)
        (broker,) = response_of(ApiKey.DESCRIBE_CLUSTER, 1, answer).brokers
        assert (broker.host, broker.port) == (host, 9999)


async def test_who_came_by_a_listener_of_all_addresses_is_told_the_one_it_reached() -> None:
    async with simulated_broker() as services:
        listener = Listener(SecurityProtocol.PLAINTEXT, "0.0.0.0", 9999)
        answer = asked(services, listener, ApiKey.METADATA, topics=[])
        (broker,) = response_of(ApiKey.METADATA, 1, answer).brokers
        assert (broker.host, broker.port) == ("10.0.0.1", 9999)


@pytest.mark.parametrize(
    ("changed", "complaint"),
    [
        ({"ssl_certificate_location": None}, "needs ssl.certificate.location"),
        ({"ssl_certificate_location": "missing.pem"}, "missing.pem: No such file"),
        ({"ssl_key_location": "missing.pem"}, "ssl.key.location .*missing.pem: No such file"),
        ({"ssl_key_location": "client.pem"}, "KEY_VALUES_MISMATCH"),
        ({"ssl_key_location": "ca.pem"}, "ssl.certificate.location .* with key .*ca.pem: "),
        ({"ssl_ca_location": "missing.pem"}, "ssl.ca.location .*missing.pem: No such file"),
        ({"ssl_ca_location": "empty.pem"}, "ssl.ca.location .*empty.pem: "),
        ({"ssl_client_auth": ClientAuth.REQUIRED}, "ssl.client.auth=required needs ssl.ca"),
        ({"ssl_key_location": "locked.pem"}, "the key is encrypted"),
        (
            {"ssl_key_location": "locked.pem", "ssl_key_password_location": "empty.pem"},
            "the key is encrypted",
        ),
        (
            {"ssl_key_location": "locked.pem", "ssl_key_password_location": "missing.txt"},
            "ssl.key.password.location .*missing.txt",
        ),
    ],
)
def test_certificates_that_cannot_be_used_are_named(
    tmp_path: Path, changed: dict[str, object], complaint: str
) -> None:
    files = make_certificates(tmp_path)
    (tmp_path / "empty.pem").write_text("")
    lock_key(files.server, tmp_path / "locked.pem", password="horse")
    paths = {
        name: tmp_path / value if isinstance(value, str) and "." in value else value
        for name, value in changed.items()
    }
    settings: dict[str, object] = {"ssl_certificate_location": files.server, **paths}
    with pytest.raises(CertificatesUnusable, match=complaint):
        Certificates(BrokerSettings(data_dir=tmp_path, **settings))  # type: ignore[arg-type]  # passed through


def test_an_encrypted_key_is_opened_by_the_password_in_its_file(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    lock_key(files.server, tmp_path / "locked.pem", password="horse")
    (tmp_path / "password.txt").write_text("horse\n")
    settings = BrokerSettings(
        data_dir=tmp_path,
        ssl_certificate_location=files.server,
        ssl_key_location=tmp_path / "locked.pem",
        ssl_key_password_location=tmp_path / "password.txt",
    )
    assert Certificates(settings).context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_files_that_went_bad_leave_the_certificates_in_use(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    settings = BrokerSettings(data_dir=tmp_path, ssl_certificate_location=files.server)
    certificates = Certificates(settings)
    before = certificates.context
    certificates.reload()
    assert certificates.context is not before
    kept = certificates.context
    files.server.write_text("torn")
    with pytest.raises(CertificatesUnusable):
        certificates.reload()
    assert certificates.context is kept
