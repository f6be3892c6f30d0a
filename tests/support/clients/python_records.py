"""What kafka-python and aiokafka have in common: the shape of records, names of errors."""

from typing import Any

from kio.schema.errors import ErrorCode

from tests.support.clients.protocol import Read, Security, Sent

POLL_MS = 200
CALL_S = 40.0


def error_name(number: int | None) -> str:
    """Kafka's name of an error; `CLIENT` where the broker gave none."""
    return "CLIENT" if number is None else ErrorCode(number).name.upper()


def reads(fetched: dict[Any, list[Any]]) -> list[Read]:
    """Return what a consumer fetched, in our words."""
    return [
        Read(
            partition=record.partition,
            offset=record.offset,
            sent=Sent(
                key=record.key,
                value=record.value,
                timestamp_ms=record.timestamp,
                headers=tuple(record.headers),
            ),
        )
        for records in fetched.values()
        for record in records
    ]


def security_of(security: Security) -> dict[str, Any]:
    """Return the settings of a connection, without the certificates."""
    if not security.mechanism:
        return (
            {"security_protocol": "SSL", "ssl_cafile": security.authority}
            if (security.authority)
            else {}
        )
    return {
        "security_protocol": "SASL_SSL" if security.authority else "SASL_PLAINTEXT",
        "sasl_mechanism": security.mechanism,
        "sasl_plain_username": security.user,
        "sasl_plain_password": security.password,
    } | ({"ssl_cafile": security.authority} if security.authority else {})
