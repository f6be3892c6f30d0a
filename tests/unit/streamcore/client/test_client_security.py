"""How a client logs in is read from Kafka's own form; no secret gets out of it by accident."""

import ssl
from pathlib import Path

import pytest

from streamcore.client.api import LogError, LogSettings
from streamcore.client.columnar.log_in import ITERATIONS_MAX, exchange_tokens
from streamcore.client.security import ClientSecurity, properties, read_client_config, read_security
from streamcore.wire.scram import (
    ClientFinal,
    ClientFirst,
    ScramFault,
    ServerFirst,
    auth_message,
    encode_server_final,
)
from streamcore.wire.scram_keys import ScramMechanism, credential_of, salted_password, sign
from tests.support.certificates import make_certificates

JAAS = (
    "org.apache.kafka.common.security.scram.ScramLoginModule required "
    'username="alice" \\\n   password="quo\\"te=d;";'
)


def written(folder: Path, text: str) -> Path:
    path = folder / "client.properties"
    path.write_text(text)
    return path


def test_a_file_for_kafka_s_own_tools_is_understood(tmp_path: Path) -> None:
    text = f"""
        # how we log in
        bootstrap.servers=elsewhere:9092
        security.protocol = SASL_SSL
        sasl.mechanism: SCRAM-SHA-512
        sasl.jaas.config={JAAS}
        ssl.truststore.type=PEM
        ssl.truststore.location /etc/ca.pem
        ssl.endpoint.identification.algorithm=
    """
    assert read_client_config(written(tmp_path, text)) == ClientSecurity(
        protocol="SASL_SSL",
        mechanism="SCRAM-SHA-512",
        username="alice",
        password='quo"te=d;',
        ca=Path("/etc/ca.pem"),
        checks_host=False,
    )


def test_librdkafka_s_names_are_understood_and_given_to_it(tmp_path: Path) -> None:
    text = (
        "security.protocol=sasl_plaintext\nsasl.mechanisms=PLAIN\nsasl.username=bo\n"
        "sasl.password=a=b c\nssl.ca.location=ca.pem\nssl.certificate.location=me.pem\n"
    )
    security = read_client_config(written(tmp_path, text))
    assert security.for_librdkafka() == {
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "bo",
        "sasl.password": "a=b c",
        "ssl.ca.location": "ca.pem",
        "ssl.certificate.location": "me.pem",
        "ssl.key.location": "me.pem",
        "ssl.endpoint.identification.algorithm": "https",
    }
    assert "a=b c" not in repr(security)


def test_without_a_file_everything_is_plain() -> None:
    security = read_security(LogSettings())
    assert security == ClientSecurity()
    assert (security.has_tls, security.has_sasl, security.ssl_context()) == (False, False, None)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("security.protocol=TLS", "security.protocol is not one of PLAINTEXT"),
        ("security.protocol=SASL_SSL", "sasl.mechanism is not one of PLAIN"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=GSSAPI", "sasl.mechanism is not one"),
        ("security.protocol=SASL_SSL\nsasl.mechanism=PLAIN", "sasl.username and sasl.password"),
        ("sasl.jaas.config=Module required username=hunter2;", "names no username and"),
        ("ssl.truststore.type=JKS", "only PEM files"),
        ("ssl.truststore.password=hunter2", "ssl.truststore.password is not known here"),
    ],
)
def test_what_cannot_be_understood_is_named_without_its_value(
    tmp_path: Path, text: str, why: str
) -> None:
    with pytest.raises(LogError, match=rf"client\.properties: .*{why}") as caught:
        read_client_config(written(tmp_path, text))
    assert not caught.value.retriable
    assert "hunter2" not in str(caught.value)


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="missing: No such file"):
        read_client_config(tmp_path / "missing")
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    with pytest.raises(LogError, match="binary: it is no UTF-8 text"):
        read_client_config(tmp_path / "binary")


def test_certificates_are_loaded_and_those_that_cannot_be_are_named(tmp_path: Path) -> None:
    files = make_certificates(tmp_path)
    context = ClientSecurity(protocol="SSL", ca=files.ca, certificate=files.client).ssl_context()
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.check_hostname
    for security in (
        ClientSecurity(protocol="SSL", ca=tmp_path / "missing"),
        ClientSecurity(protocol="SSL", ca=files.ca, certificate=files.ca),
    ):
        with pytest.raises(LogError, match=r"certificates .*(missing|ca\.pem)"):
            security.ssl_context()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1\nb = 2\nc:3\nd 4\n", {"a": "1", "b": "2", "c": "3", "d": "4"}),
        ("#a=1\n! b=2\n\n", {}),
        ("a=x\\\n    y\\\n z", {"a": "xyz"}),
        ("a=b=c : d", {"a": "b=c : d"}),
        ("a", {"a": ""}),
    ],
)
def test_properties_are_read_as_people_write_them(text: str, expected: dict[str, str]) -> None:
    assert properties(text) == expected


class Server:
    """The other end of a SCRAM log-in, which may be one that does not know the password."""

    def __init__(
        self,
        *,
        password: str = "right",
        iterations: int = 4096,
        nonce: str | None = None,
        last: bytes | None = None,
    ) -> None:
        self._password = password
        self._iterations = iterations
        self._nonce = nonce
        self._last = last
        self._first: ClientFirst | None = None
        self._challenge = b""
        self.proof = b""

    async def take(self, token: bytes) -> bytes:
        if self._first is None:
            self._first = ClientFirst.decode(token)
            nonce = self._first.nonce + "abc" if self._nonce is None else self._nonce
            told = ServerFirst(nonce=nonce, salt=b"salt", iterations=self._iterations)
            self._challenge = told.encode()
            return self._challenge
        final = ClientFinal.decode(token)
        self.proof = final.proof
        salted = salted_password(
            ScramMechanism.SHA_256, self._password, salt=b"salt", iterations=self._iterations
        )
        keys = credential_of(ScramMechanism.SHA_256, salted, salt=b"salt", iterations=4096)
        message = auth_message(self._first, self._challenge, final.without_proof)
        signature = sign(ScramMechanism.SHA_256, keys.server_key, message)
        return encode_server_final(signature) if self._last is None else self._last


SECURITY = ClientSecurity(
    protocol="SASL_SSL", mechanism="SCRAM-SHA-256", username="alice", password="right"
)


async def test_a_server_that_knows_the_password_is_believed() -> None:
    server = Server()
    await exchange_tokens(SECURITY, server.take)
    assert len(server.proof) == 32


@pytest.mark.parametrize(
    ("server", "why"),
    [
        (Server(password="guessed"), "a server that knows our keys"),
        (Server(last=b"e=unknown-user"), "the server's signature"),
        (Server(nonce="not-ours"), "a nonce that goes on from ours"),
        (Server(nonce=""), "nonce, salt and iterations"),
        (Server(iterations=ITERATIONS_MAX + 1), "no more than 1000000 iterations"),
    ],
)
async def test_a_server_that_only_pretends_is_not(server: Server, why: str) -> None:
    with pytest.raises(ScramFault, match=why):
        await exchange_tokens(SECURITY, server.take)
