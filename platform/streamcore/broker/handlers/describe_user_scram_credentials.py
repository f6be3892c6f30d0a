"""DescribeUserScramCredentials (key 50), version 0 (KIP-554): who has which credentials.

No salt and no key is told. PLAIN is checked against SCRAM-SHA-512, so it has no entry.
"""

from collections import Counter

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.describe_user_scram_credentials import (
    CredentialInfo,
    DescribedUser,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(DescribeUserScramCredentialsRequest, request.api_version, body)
    names = [user.name for user in asked.users or ()]
    counts = Counter(names or services.guard.users.names())
    results = tuple(_described(services, name, count) for name, count in counts.items())
    return encode(DescribeUserScramCredentialsResponse(results=results), request.api_version)


def _described(services: BrokerServices, name: str, times: int) -> DescribedUser:
    if times > 1:
        return DescribedUser(
            user=name,
            error_code=ErrorCode.DUPLICATE_RESOURCE,
            error_message="Cannot describe SCRAM credentials for the same user twice in a "
            f"single request: {name}",
        )
    keys = services.guard.users.of(name)
    if not keys:
        return DescribedUser(
            user=name,
            error_code=ErrorCode.RESOURCE_NOT_FOUND,
            error_message=f"Attempt to describe a user credential that does not exist: {name}",
        )
    return DescribedUser(
        user=name,
        credential_infos=tuple(
            CredentialInfo(mechanism=mechanism.number, iterations=kept.iterations)
            for mechanism, kept in sorted(keys.items())
        ),
    )


HANDLER = Handler(
    api_key=ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS,
    name="DescribeUserScramCredentials",
    min_version=0,
    max_version=0,
    flexible_from=0,
    answer=answer,
)
