"""Certificates for tests: an authority, a broker, a client, and an authority nobody trusts."""

from dataclasses import dataclass
from pathlib import Path

import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificates:
    """PEM files. `server` and `client` hold key and chain; `other_ca` signed neither."""

    ca: Path
    server: Path
    client: Path
    other_ca: Path
    other_client: Path

    def broker_settings(self, **more: object) -> dict[str, object]:
        """What makes a broker show its certificate."""
        return {"ssl_certificate_location": self.server, **more}


def make_certificates(folder: Path) -> Certificates:
    """Make them in `folder`; the broker's are for 127.0.0.1 and localhost."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, other = trustme.CA(), trustme.CA()
    files = Certificates(
        ca=folder / "ca.pem",
        server=folder / "server.pem",
        client=folder / "client.pem",
        other_ca=folder / "other-ca.pem",
        other_client=folder / "other-client.pem",
    )
    authority.cert_pem.write_to_path(files.ca)
    other.cert_pem.write_to_path(files.other_ca)
    issue(authority, files.server)
    authority.issue_cert(common_name="client").private_key_and_cert_chain_pem.write_to_path(
        files.client
    )
    other.issue_cert(common_name="client").private_key_and_cert_chain_pem.write_to_path(
        files.other_client
    )
    return files


def issue(authority: trustme.CA, path: Path) -> None:
    """Have an authority sign a broker's certificate."""
    made = authority.issue_cert("127.0.0.1", "localhost")
    made.private_key_and_cert_chain_pem.write_to_path(path)


def lock_key(pem: Path, locked: Path, *, password: str) -> None:
    """Write the key that stands in `pem` encrypted."""
    key = load_pem_private_key(pem.read_bytes(), None)
    encryption = BestAvailableEncryption(password.encode())
    locked.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
