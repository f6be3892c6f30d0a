"""The four messages of SCRAM (RFC 5802, section 7), and what is signed of them.

Both ends are made of this: the broker's in `broker/security`, the client's in
`client/columnar`. Channel binding is not offered. A fault says what was expected and never
what was sent: tokens hold secrets.
"""

import base64
import binascii
import re
from dataclasses import dataclass

# "n": the client knows no channel binding; "y": it does, and believes that we do not.
_GS2_HEADER = r"([ny]),(?:a=([^,]*))?,"
_NONCE = r"[\x21-\x2b\x2d-\x7e]+"  # printable, no comma
_CLIENT_FIRST_BARE = rf"n=([^,]+),r=({_NONCE})((?:,[A-Za-z]=[^,]+)*)"
_SERVER_FIRST = rf"r=({_NONCE}),s=([^,]+),i=([1-9][0-9]{{0,8}})(?:,[A-Za-z]=[^,]+)*"
_CLIENT_FINAL = rf"(c=([^,]+),r=({_NONCE})(?:,[A-Za-z]=[^,]+)*),p=([^,]+)"
_SERVER_FINAL = r"([ve])=([^,]+)(?:,[A-Za-z]=[^,]+)*"
# A comma and an equals sign in a name travel as these two, and nothing else may start so.
_ESCAPED_NAME = r"(?:[^=]|=2C|=3D)+"


class ScramFault(Exception):
    """A message that does not follow the RFC, or does not belong to this exchange."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFirst:
    """`n,,n=user,r=nonce`: who wants to come in."""

    gs2_header: str
    authorization_id: str
    username: str
    nonce: str
    extensions: str = ""

    @property
    def bare(self) -> str:
        return f"n={_escaped(self.username)},r={self.nonce}{self.extensions}"

    def encode(self) -> bytes:
        return f"{self.gs2_header}{self.bare}".encode()

    @classmethod
    def decode(cls, token: bytes) -> "ClientFirst":
        text = _text(token)
        header = re.match(_GS2_HEADER, text)
        if header is None:
            raise ScramFault("expected a first message without channel binding")
        bare = re.fullmatch(_CLIENT_FIRST_BARE, text[header.end() :])
        if bare is None:
            raise ScramFault("expected a user and a nonce in the first message")
        return cls(
            gs2_header=header[0],
            authorization_id=_unescaped(header[2] or ""),
            username=_unescaped(bare[1]),
            nonce=bare[2],
            extensions=bare[3],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFirst:
    """`r=nonce,s=salt,i=iterations`: how to turn the password into a proof."""

    nonce: str
    salt: bytes
    iterations: int

    def encode(self) -> bytes:
        return f"r={self.nonce},s={_base64(self.salt)},i={self.iterations}".encode()

    @classmethod
    def decode(cls, token: bytes) -> "ServerFirst":
        found = re.fullmatch(_SERVER_FIRST, _text(token))
        if found is None:
            raise ScramFault("expected nonce, salt and iterations in the server's first message")
        return cls(nonce=found[1], salt=_bytes(found[2]), iterations=int(found[3]))


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFinal:
    """`c=binding,r=nonce,p=proof`: the proof."""

    binding: bytes
    nonce: str
    proof: bytes
    without_proof: str

    def encode(self) -> bytes:
        return f"{self.without_proof},p={_base64(self.proof)}".encode()

    @classmethod
    def decode(cls, token: bytes) -> "ClientFinal":
        found = re.fullmatch(_CLIENT_FINAL, _text(token))
        if found is None:
            raise ScramFault("expected binding, nonce and proof in the final message")
        return cls(
            binding=_bytes(found[2]),
            nonce=found[3],
            proof=_bytes(found[4]),
            without_proof=found[1],
        )


def final_without_proof(gs2_header: str, nonce: str) -> str:
    """The client's final message up to its proof: what the proof is made over."""
    return f"c={_base64(gs2_header.encode())},r={nonce}"


def encode_server_final(signature: bytes) -> bytes:
    """`v=signature`: the server knows the password's keys too."""
    return f"v={_base64(signature)}".encode()


def decode_server_final(token: bytes) -> bytes:
    """The server's signature. Raises `ScramFault`, also where the server tells an error."""
    found = re.fullmatch(_SERVER_FINAL, _text(token))
    if found is None or found[1] != "v":
        raise ScramFault("expected the server's signature")
    return _bytes(found[2])


def auth_message(first: ClientFirst, server_first: bytes, final_without: str) -> bytes:
    """What proof and signature are made over: all that was said."""
    return b"%b,%b,%b" % (first.bare.encode(), server_first, final_without.encode())


def _text(token: bytes) -> str:
    try:
        return token.decode()
    except UnicodeDecodeError:
        raise ScramFault("expected UTF-8 text") from None


def _escaped(name: str) -> str:
    return name.replace("=", "=3D").replace(",", "=2C")


def _unescaped(name: str) -> str:
    if name and re.fullmatch(_ESCAPED_NAME, name) is None:
        raise ScramFault("expected a name with = and , escaped")
    return name.replace("=2C", ",").replace("=3D", "=")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ScramFault("expected base64") from None
