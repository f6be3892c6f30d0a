"""Users through the administration APIs, asked by kio in the words of Kafka's schemas."""

from typing import Any

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.services import BrokerServices
from streamcore.wire.api_keys import ApiKey
from streamcore.wire.error_codes import ErrorCode
from streamcore.wire.scram_keys import ITERATIONS_MIN, ScramMechanism, credential_of
from tests.support.kio_peer import converse, request_bytes, response_of
from tests.support.simulated_broker import answered, ask, simulated_broker

DESCRIBE, ALTER = ApiKey.DESCRIBE_USER_SCRAM_CREDENTIALS, ApiKey.ALTER_USER_SCRAM_CREDENTIALS
Result = tuple[int, str | None]


def upsertion(name: str, mechanism: int = 1, **changed: object) -> dict[str, object]:
    size = 64 if mechanism == 2 else 32
    whole = {"iterations": 4096, "salt": b"salt", "salted_password": b"p" * size}
    return {"name": name, "mechanism": mechanism, **whole, **changed}


async def alter(
    services: BrokerServices,
    *upsertions: dict[str, object],
    deletions: tuple[tuple[str, int], ...] = (),
) -> dict[str, Result]:
    answer = await converse(
        services,
        ALTER,
        0,
        deletions=[{"name": name, "mechanism": mechanism} for name, mechanism in deletions],
        upsertions=list(upsertions),
    )
    return {each.user: (each.error_code.value, each.error_message) for each in answer.results}


async def describe(services: BrokerServices, *names: str) -> dict[str, Any]:
    answer = await converse(services, DESCRIBE, 0, users=[{"name": name} for name in names])
    assert answer.error_code.value == ErrorCode.NONE
    return {
        each.user: (
            each.error_code.value,
            [(kept.mechanism, kept.iterations) for kept in each.credential_infos],
        )
        for each in answer.results
    }


async def test_users_are_added_changed_listed_and_removed() -> None:
    async with simulated_broker() as services:
        ok = (ErrorCode.NONE, None)
        assert await alter(services, upsertion("alice"), upsertion("bob", 2)) == {
            "alice": ok,
            "bob": ok,
        }
        assert await alter(services, upsertion("alice", 2, iterations=8192)) == {"alice": ok}
        assert await describe(services) == {
            "alice": (ErrorCode.NONE, [(1, 4096), (2, 8192)]),
            "bob": (ErrorCode.NONE, [(2, 4096)]),
        }
        assert await alter(services, deletions=(("bob", 2), ("alice", 1))) == {
            "bob": ok,
            "alice": ok,
        }
        assert await describe(services) == {"alice": (ErrorCode.NONE, [(2, 8192)])}


async def test_the_keys_that_are_kept_are_those_of_the_salted_password() -> None:
    async with simulated_broker() as services:
        await alter(services, upsertion("alice"))
        mechanism = ScramMechanism.SHA_256
        expected = credential_of(mechanism, b"p" * 32, salt=b"salt", iterations=ITERATIONS_MIN)
        assert services.guard.users.find("alice", mechanism) == expected


async def test_what_kafka_refuses_is_refused_in_its_words_and_the_rest_is_done() -> None:
    async with simulated_broker() as services:
        answers = await alter(
            services,
            upsertion("good"),
            upsertion(""),
            upsertion("few", iterations=4095),
            upsertion("many", iterations=16385),
            upsertion("unknown", 3),
            upsertion("twice"),
            upsertion("twice", 2),
            upsertion("short", salted_password=b"p"),
            deletions=(("nobody", 1),),
        )
        unacceptable = ErrorCode.UNACCEPTABLE_CREDENTIAL
        assert answers == {
            "good": (ErrorCode.NONE, None),
            "": (unacceptable, "Username must not be empty"),
            "few": (unacceptable, "Too few iterations"),
            "many": (unacceptable, "Too many iterations"),
            "unknown": (ErrorCode.UNSUPPORTED_SASL_MECHANISM, "Unknown SCRAM mechanism"),
            "twice": (
                ErrorCode.DUPLICATE_RESOURCE,
                "A user credential cannot be altered twice in the same request",
            ),
            "short": (unacceptable, "A salted password of SCRAM-SHA-256 has 32 bytes"),
            "nobody": (
                ErrorCode.RESOURCE_NOT_FOUND,
                "Attempt to delete a user credential that does not exist",
            ),
        }
        assert await describe(services) == {"good": (ErrorCode.NONE, [(1, 4096)])}


async def test_asking_for_nobody_or_for_one_twice_is_an_error_of_that_name_alone() -> None:
    async with simulated_broker() as services:
        await alter(services, upsertion("alice"), upsertion("bob"))
        assert await describe(services, "alice", "nobody", "bob", "bob") == {
            "alice": (ErrorCode.NONE, [(1, 4096)]),
            "nobody": (ErrorCode.RESOURCE_NOT_FOUND, []),
            "bob": (ErrorCode.DUPLICATE_RESOURCE, []),
        }


async def test_the_tag_section_too_many_of_librdkafka_is_passed_over() -> None:
    async with simulated_broker() as services:
        body = request_bytes(ALTER, 0, deletions=[], upsertions=[upsertion("alice")])
        answer = response_of(ALTER, 0, await answered(ask(services, ALTER, 0, body + b"\0")))
        assert [each.error_code.value for each in answer.results] == [ErrorCode.NONE]


async def test_users_that_cannot_be_written_are_not_there() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        disk.room_bytes = 0
        answers = await alter(services, upsertion("alice"), upsertion("", 1))
        assert answers["alice"][0] == ErrorCode.KAFKA_STORAGE_ERROR
        assert answers[""][0] == ErrorCode.UNACCEPTABLE_CREDENTIAL
        assert await describe(services) == {}
