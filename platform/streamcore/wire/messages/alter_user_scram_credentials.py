"""AlterUserScramCredentials (key 51): set and remove credentials (KIP-554). Version 0."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BYTES,
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT32,
    STRING,
    Message,
    Part,
    array,
)


class CredentialDeletion(Part):
    name: Annotated[str, STRING]
    mechanism: Annotated[int, INT8]


class CredentialUpsertion(Part):
    name: Annotated[str, STRING]
    mechanism: Annotated[int, INT8]
    iterations: Annotated[int, INT32]
    salt: Annotated[bytes, BYTES]
    salted_password: Annotated[bytes, BYTES]

    def __repr__(self) -> str:
        """Without the salted password, which is as good as the password itself."""
        return f"CredentialUpsertion(name={self.name!r}, mechanism={self.mechanism})"


class AlterUserScramCredentialsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    deletions: Annotated[tuple[CredentialDeletion, ...], array(CredentialDeletion)]
    upsertions: Annotated[tuple[CredentialUpsertion, ...], array(CredentialUpsertion)]


class AlteredUser(Part):
    user: Annotated[str, STRING]
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None


class AlterUserScramCredentialsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    results: Annotated[tuple[AlteredUser, ...], array(AlteredUser)] = ()
