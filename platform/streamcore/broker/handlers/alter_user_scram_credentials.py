"""AlterUserScramCredentials (key 51), version 0 (KIP-554): set and remove credentials.

Answered when the change is on the disk. A user may be named once in a request, as in
Kafka. Who is connected stays so until it authenticates again. Not done: authorisation;
whoever may speak to a listener may change its users.
"""

import logging
from collections import Counter

from streamcore.broker.handlers.registry import Handler, Reply, Request
from streamcore.broker.security.credentials import Change, CredentialStore, Unacceptable
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.cold import decode, encode
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.messages.alter_user_scram_credentials import (
    AlteredUser,
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    CredentialDeletion,
    CredentialUpsertion,
)
from streamcore.wire.scram_keys import BY_NUMBER, credential_of

logger = logging.getLogger(__name__)

Asked = CredentialDeletion | CredentialUpsertion


class _Refused(Exception):
    """What a user is told instead of a change."""

    def __init__(self, error: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.error = error
        self.message = message


def answer(services: BrokerServices, request: Request, body: memoryview) -> Reply:
    asked = decode(AlterUserScramCredentialsRequest, request.api_version, body)
    wanted: list[Asked] = [*asked.deletions, *asked.upsertions]
    times = Counter(each.name for each in wanted)
    results: dict[str, AlteredUser] = {}
    changes: list[Change] = []
    for each in wanted:
        try:
            changes.append(
                _change(services.guard.users, each, times=times[each.name], besides=len(changes))
            )
            results[each.name] = AlteredUser(user=each.name)
        except _Refused as refusal:
            results[each.name] = AlteredUser(
                user=each.name, error_code=refusal.error, error_message=refusal.message
            )
    _keep(services.guard.users, changes, results)
    response = AlterUserScramCredentialsResponse(results=tuple(results.values()))
    return encode(response, request.api_version)


def _change(users: CredentialStore, asked: Asked, *, times: int, besides: int) -> Change:
    """The change that is asked for `besides` so many others. Raises `_Refused`."""
    if times > 1:
        raise _Refused(
            ErrorCode.DUPLICATE_RESOURCE,
            "A user credential cannot be altered twice in the same request",
        )
    mechanism = BY_NUMBER.get(asked.mechanism)
    if mechanism is None:
        raise _Refused(ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism")
    credential = None
    if isinstance(asked, CredentialUpsertion):
        if len(asked.salted_password) != mechanism.key_bytes:
            raise _Refused(
                ErrorCode.UNACCEPTABLE_CREDENTIAL,
                f"A salted password of {mechanism} has {mechanism.key_bytes} bytes",
            )
        credential = credential_of(
            mechanism, asked.salted_password, salt=asked.salt, iterations=asked.iterations
        )
    change = Change(asked.name, mechanism, credential)
    try:
        users.check(change, besides=besides)
    except Unacceptable as fault:
        raise _Refused(ErrorCode.UNACCEPTABLE_CREDENTIAL, str(fault)) from None
    if credential is None and users.find(asked.name, mechanism) is None:
        raise _Refused(
            ErrorCode.RESOURCE_NOT_FOUND,
            "Attempt to delete a user credential that does not exist",
        )
    return change


def _keep(users: CredentialStore, changes: list[Change], results: dict[str, AlteredUser]) -> None:
    if not changes:
        return
    try:
        users.apply(changes)
    except OSError as failure:
        logger.error("users cannot be kept: %s", failure)  # noqa: TRY400  # no trace: the disk's words say it all
        for change in changes:
            results[change.user] = AlteredUser(
                user=change.user,
                error_code=ErrorCode.KAFKA_STORAGE_ERROR,
                error_message="the broker cannot write its users",
            )


HANDLER = Handler(
    api_key=ApiKey.ALTER_USER_SCRAM_CREDENTIALS,
    name="AlterUserScramCredentials",
    min_version=0,
    max_version=0,
    flexible_from=0,
    answer=answer,
)
