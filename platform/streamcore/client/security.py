"""How a client shows who it is and whom it trusts, for both engines and all commands.

Read from Kafka's own form, a properties file: what `--command-config` of Kafka's tools
takes is taken here, and librdkafka's names of the same things.
"""

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from streamcore.client.api import LogError, LogSettings

PLAINTEXT: Final = "PLAINTEXT"
PROTOCOLS: Final = (PLAINTEXT, "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")

# Several names of one thing: the later ones are librdkafka's, or Kafka's for PEM files.
_KEYS: Final = {
    "security.protocol": "protocol",
    "sasl.mechanism": "mechanism",
    "sasl.mechanisms": "mechanism",
    "sasl.username": "username",
    "sasl.password": "password",
    "ssl.truststore.location": "ca",
    "ssl.ca.location": "ca",
    "ssl.keystore.location": "certificate",
    "ssl.certificate.location": "certificate",
    "ssl.key.location": "key",
    "ssl.key.password": "key_password",
    "ssl.endpoint.identification.algorithm": "identification",
}
_STORE_TYPES: Final = ("ssl.truststore.type", "ssl.keystore.type")
_SECURITY_PREFIXES: Final = ("security.", "sasl.", "ssl.")
_JAAS_OPTION: Final = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|\'([^\']*)\')')


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecurity:
    """A way to reach a broker. Without arguments: in plain text, as nobody."""

    protocol: str = PLAINTEXT
    mechanism: str | None = None
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    ca: Path | None = None  # PEM; None: whom the operating system trusts
    certificate: Path | None = None  # PEM: our own, with its chain
    key: Path | None = None  # PEM; None: it stands beside the certificate
    key_password: str | None = field(default=None, repr=False)
    checks_host: bool = True

    @property
    def has_tls(self) -> bool:
        return self.protocol.endswith("SSL")

    @property
    def has_sasl(self) -> bool:
        return self.protocol.startswith("SASL")

    def ssl_context(self) -> ssl.SSLContext | None:
        """None without TLS. Raises `LogError` naming a file that cannot be used."""
        if not self.has_tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.ca)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.check_hostname = self.checks_host
            if self.certificate is not None:
                key = self.key or self.certificate
                context.load_cert_chain(self.certificate, key, self.key_password or "")
        except OSError as error:
            files = ", ".join(str(f) for f in (self.ca, self.certificate, self.key) if f)
            raise LogError(f"certificates {files}: {error}", retriable=False) from None
        return context

    def for_librdkafka(self) -> dict[str, str]:
        """The same in librdkafka's words."""
        known = {
            "security.protocol": self.protocol,
            "sasl.mechanism": self.mechanism,
            "sasl.username": self.username,
            "sasl.password": self.password,
            "ssl.ca.location": self.ca,
            "ssl.certificate.location": self.certificate,
            "ssl.key.location": self.key or self.certificate,
            "ssl.key.password": self.key_password,
            "ssl.endpoint.identification.algorithm": "https" if self.checks_host else "none",
        }
        return {name: str(value) for name, value in known.items() if value is not None}


def read_security(settings: LogSettings) -> ClientSecurity:
    """What the settings say. Raises `LogError`."""
    if not settings.client_config:
        return ClientSecurity()
    return read_client_config(Path(settings.client_config))


def read_client_config(path: Path) -> ClientSecurity:
    """Read a properties file. Raises `LogError` that names the file and the key.

    Keys that say nothing about security are passed over, as this is about nothing else.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no UTF-8 text"
        raise LogError(f"{path}: {why}", retriable=False) from None
    try:
        return _security(properties(text))
    except ValueError as fault:
        raise LogError(f"{path}: {fault}", retriable=False) from None


def properties(text: str) -> dict[str, str]:
    """The keys and values of Java's properties form, as far as people write it by hand."""
    found: dict[str, str] = {}
    for line in re.sub(r"\\\r?\n[ \t]*", "", text).splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#!":
            continue
        key, _, value = re.sub(r"\s*[=:\s]\s*", "\0", stripped, count=1).partition("\0")
        found[key] = value
    return found


def _security(given: Mapping[str, str]) -> ClientSecurity:
    """Raises `ValueError`, which never quotes a value that may be a secret."""
    values: dict[str, str] = {}
    for key, value in given.items():
        if key == "sasl.jaas.config":
            values |= _jaas(value)
        elif key in _STORE_TYPES:
            if value.upper() != "PEM":
                raise ValueError(f"{key} is {value}: only PEM files can be read here")
        elif key in _KEYS:
            values[_KEYS[key]] = value
        elif key.startswith(_SECURITY_PREFIXES):
            raise ValueError(f"{key} is not known here")
    identification = values.pop("identification", "https").lower()
    security = ClientSecurity(
        protocol=values.get("protocol", PLAINTEXT).upper(),
        mechanism=values.get("mechanism"),
        username=values.get("username"),
        password=values.get("password"),
        ca=_path(values.get("ca")),
        certificate=_path(values.get("certificate")),
        key=_path(values.get("key")),
        key_password=values.get("key_password"),
        checks_host=identification not in ("", "none"),
    )
    _check(security)
    return security


def _jaas(text: str) -> dict[str, str]:
    """User and password out of `...LoginModule required username="u" password="p";`."""
    options = {
        name: re.sub(r"\\(.)", r"\1", double) or single
        for name, double, single in _JAAS_OPTION.findall(text)
    }
    if "username" not in options or "password" not in options:
        raise ValueError("sasl.jaas.config names no username and password")
    return {name: options[name] for name in ("username", "password")}


def _path(text: str | None) -> Path | None:
    return Path(text) if text else None


def _check(security: ClientSecurity) -> None:
    if security.protocol not in PROTOCOLS:
        raise ValueError(f"security.protocol is not one of {', '.join(PROTOCOLS)}")
    if not security.has_sasl:
        return
    if security.mechanism not in MECHANISMS:
        raise ValueError(f"sasl.mechanism is not one of {', '.join(MECHANISMS)}")
    if not security.username or security.password is None:
        raise ValueError("sasl.username and sasl.password are wanted, or sasl.jaas.config")
