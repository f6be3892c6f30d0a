"""DescribeUserScramCredentials (key 50): who has which credentials (KIP-554). Version 0."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    ERROR_CODE,
    ERROR_MESSAGE,
    INT8,
    INT32,
    STRING,
    Message,
    Part,
    array,
)


class UserName(Part):
    name: Annotated[str, STRING]


class DescribeUserScramCredentialsRequest(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    users: Annotated[tuple[UserName, ...] | None, array(UserName, nullable=True)]


class CredentialInfo(Part):
    mechanism: Annotated[int, INT8]
    iterations: Annotated[int, INT32]


class DescribedUser(Part):
    user: Annotated[str, STRING]
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    credential_infos: Annotated[tuple[CredentialInfo, ...], array(CredentialInfo)] = ()


class DescribeUserScramCredentialsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 0
    throttle_time_ms: Annotated[int, INT32] = 0
    error_code: Annotated[int, ERROR_CODE] = 0
    error_message: Annotated[str | None, ERROR_MESSAGE] = None
    results: Annotated[tuple[DescribedUser, ...], array(DescribedUser)] = ()
