"""The TLS of a broker's listeners: files named by the settings, read anew when told to."""

import ssl
from pathlib import Path

from streamcore.broker.settings import BrokerSettings, ClientAuth

_VERIFY = {
    ClientAuth.NONE: ssl.CERT_NONE,
    ClientAuth.REQUESTED: ssl.CERT_OPTIONAL,
    ClientAuth.REQUIRED: ssl.CERT_REQUIRED,
}


class CertificatesUnusable(Exception):
    """A file is missing, is not what it should be, or does not fit another. Names it."""


class Certificates:
    """The context that new connections are met with. Raises `CertificatesUnusable`."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._settings = settings
        self.context = _context(settings)

    def reload(self) -> None:
        """Read the files again. When that fails, what was read before stays in use."""
        self.context = _context(self._settings)


def _context(settings: BrokerSettings) -> ssl.SSLContext:
    certificate = settings.ssl_certificate_location
    if certificate is None:
        raise CertificatesUnusable("a listener with TLS needs ssl.certificate.location")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    _load_own(context, certificate, settings)
    _load_authorities(context, settings)
    context.verify_mode = _VERIFY[settings.ssl_client_auth]
    return context


def _load_own(context: ssl.SSLContext, certificate: Path, settings: BrokerSettings) -> None:
    key = settings.ssl_key_location or certificate
    password = _KeyPassword(settings.ssl_key_password_location)
    for setting, path in (("ssl.certificate.location", certificate), ("ssl.key.location", key)):
        _check_readable(setting, path)
    try:
        context.load_cert_chain(certificate, key, password=password)
    except ssl.SSLError as error:
        why = error.reason or error
        if password.was_needed:
            why = "the key is encrypted, and ssl.key.password.location does not open it"
        raise CertificatesUnusable(
            f"ssl.certificate.location {certificate} with key {key}: {why}"
        ) from None


class _KeyPassword:
    """The password of an encrypted key, for OpenSSL to ask for: else it asks the terminal."""

    def __init__(self, path: Path | None) -> None:
        self._text = ""
        self.was_needed = False
        if path is not None:
            _check_readable("ssl.key.password.location", path)
            self._text = path.read_text(encoding="utf-8").rstrip("\n")

    def __call__(self) -> str:
        self.was_needed = True
        return self._text


def _load_authorities(context: ssl.SSLContext, settings: BrokerSettings) -> None:
    authorities = settings.ssl_ca_location
    if authorities is None:
        if settings.ssl_client_auth is not ClientAuth.NONE:
            raise CertificatesUnusable(
                f"ssl.client.auth={settings.ssl_client_auth} needs ssl.ca.location"
            )
        return
    _check_readable("ssl.ca.location", authorities)
    try:
        context.load_verify_locations(authorities)
    except ssl.SSLError as error:
        why = error.reason or error
        raise CertificatesUnusable(f"ssl.ca.location {authorities}: {why}") from None


def _check_readable(setting: str, path: Path) -> None:
    """Have a sentence that names the setting: OpenSSL's own does not even name the file."""
    try:
        path.open("rb").close()
    except OSError as error:
        raise CertificatesUnusable(f"{setting} {path}: {error.strerror}") from None
