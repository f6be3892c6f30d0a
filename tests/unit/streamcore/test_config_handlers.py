"""Settings are described, altered and listed in every version, as Apache Kafka does it."""

from typing import Any

import pytest

from groundwork.simulated.disk import SimulatedDirectory
from streamcore.broker.services import BrokerServices
from streamcore.broker.settings import BrokerSettings
from streamcore.broker.topic_config_table import DEFINITIONS
from streamcore.wire.api_keys import ApiKey
from tests.support.broker_questions import NONE, code, create, produce, versions_of
from tests.support.kio_peer import converse
from tests.support.simulated_broker import simulated_broker

TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32
OWN, STATIC, USUAL = 1, 4, 5
SET, DELETE, APPEND, SUBTRACT = range(4)
HOUR_MS = "3600000"


async def described(
    services: BrokerServices, *resources: tuple[int, str], version: int = 4, **asked: Any
) -> list[Any]:
    keys = asked.pop("keys", None)
    answer = await converse(
        services,
        ApiKey.DESCRIBE_CONFIGS,
        version,
        resources=[
            {"resource_type": kind, "resource_name": name, "configuration_keys": keys}
            for kind, name in resources
        ],
        **asked,
    )
    return list(answer.results)


async def own_settings(services: BrokerServices, name: str = "t") -> dict[str, str]:
    (found,) = await described(services, (TOPIC, name))
    return {config.name: config.value for config in found.configs if config.config_source == OWN}


def wanted(kind: int, name: str, *configs: dict[str, Any]) -> dict[str, Any]:
    return {"resource_type": kind, "resource_name": name, "configs": list(configs)}


def value(name: str, text: str | None) -> dict[str, Any]:
    return {"name": name, "value": text}


def change(name: str, operation: int, text: str | None = None) -> dict[str, Any]:
    return {"name": name, "config_operation": operation, "value": text}


async def altered(
    services: BrokerServices, *resources: dict[str, Any], version: int = 2, only_check: bool = False
) -> list[str]:
    return _codes(
        await converse(
            services,
            ApiKey.ALTER_CONFIGS,
            version,
            resources=list(resources),
            validate_only=only_check,
        )
    )


async def changed(
    services: BrokerServices, *resources: dict[str, Any], version: int = 1, only_check: bool = False
) -> list[str]:
    return _codes(
        await converse(
            services,
            ApiKey.INCREMENTAL_ALTER_CONFIGS,
            version,
            resources=list(resources),
            validate_only=only_check,
        )
    )


def _codes(answer: Any) -> list[str]:
    assert all((found.error_message is None) == (code(found) == NONE) for found in answer.responses)
    return [code(found) for found in answer.responses]


@pytest.mark.parametrize("version", versions_of(ApiKey.DESCRIBE_CONFIGS))
async def test_a_topics_settings_come_with_where_they_are_from(version: int) -> None:
    async with simulated_broker(segment_bytes=99_999) as services:
        create(services, retention_ms="5000")
        (found,) = await described(services, (TOPIC, "t"), version=version, include_synonyms=True)
        configs = {config.name: config for config in found.configs}
        assert configs.keys() == DEFINITIONS.keys()
        told = {
            name: (
                configs[name].value,
                configs[name].config_source,
                [(s.name, s.value, s.source) for s in configs[name].synonyms],
            )
            for name in ("retention.ms", "segment.bytes", "cleanup.policy", "segment.jitter.ms")
        }
        usual = BrokerSettings(data_dir=services.settings.data_dir)
        assert told == {
            "retention.ms": (
                "5000",
                OWN,
                [
                    ("retention.ms", "5000", OWN),
                    ("log.retention.ms", str(usual.retention_ms), USUAL),
                ],
            ),
            "segment.bytes": (
                "99999",
                STATIC,
                [
                    ("log.segment.bytes", "99999", STATIC),
                    ("log.segment.bytes", str(usual.segment_bytes), USUAL),
                ],
            ),
            "cleanup.policy": ("delete", USUAL, [("log.cleanup.policy", "delete", USUAL)]),
            "segment.jitter.ms": ("0", USUAL, []),
        }
        assert not any(config.read_only or config.is_sensitive for config in found.configs)
        if version >= 3:
            assert configs["retention.ms"].config_type == 5
            assert configs["cleanup.policy"].config_type == 7


@pytest.mark.parametrize("keys", [None, [], ["retention.ms", "nonsense"]])
async def test_what_is_not_asked_for_is_left_out(keys: list[str] | None) -> None:
    async with simulated_broker() as services:
        create(services)
        (found,) = await described(services, (TOPIC, "t"), keys=keys)
        assert len(found.configs) == (1 if keys else len(DEFINITIONS))
        assert all(config.synonyms == () for config in found.configs)
        assert all(config.documentation is None for config in found.configs)


async def test_settings_are_explained_where_that_is_asked_for() -> None:
    async with simulated_broker() as services:
        create(services)
        for found in await described(
            services, (TOPIC, "t"), (BROKER, "1"), include_documentation=True
        ):
            assert [config.name for config in found.configs if not config.documentation] == []


async def test_the_broker_has_the_names_that_tools_ask_for() -> None:
    async with simulated_broker(num_partitions=7) as services:
        (found,) = await described(services, (BROKER, "1"), include_synonyms=True)
        values = {config.name: (config.value, config.config_source) for config in found.configs}
        assert values["num.partitions"] == ("7", STATIC)
        assert values["default.replication.factor"] == ("1", USUAL)
        assert values["delete.topic.enable"] == ("true", USUAL)
        assert values["auto.create.topics.enable"] == ("true", USUAL)
        assert values["log.cleanup.policy"] == ("delete", USUAL)
        assert values["message.max.bytes"] == ("1048588", USUAL)
        assert values["metrics.port"] == (None, USUAL)
        assert all(config.read_only for config in found.configs)
        names = [config.name for config in found.configs]
        assert names == sorted(set(names))


async def test_what_has_no_settings_is_described_with_none() -> None:
    async with simulated_broker() as services:
        asked = ((LOGGER, "1"), (GROUP, "anyone"), (METRICS, "any"), (BROKER, ""))
        for found in await described(services, *asked):
            assert (code(found), found.configs) == (NONE, ())


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (TOPIC, "nope", "unknown_topic_or_partition"),
        (TOPIC, "a b", "invalid_topic_exception"),
        (TOPIC, "", "invalid_topic_exception"),
        (BROKER, "7", "invalid_request"),
        (BROKER, "one", "invalid_request"),
        (LOGGER, "", "invalid_request"),
        (LOGGER, "7", "invalid_request"),
        (METRICS, "", "invalid_request"),
        (GROUP, "", "invalid_request"),
        (3, "1", "invalid_request"),
        (0, "x", "invalid_request"),
    ],
)
async def test_what_cannot_be_described_is_an_error(kind: int, name: str, error: str) -> None:
    async with simulated_broker() as services:
        create(services)
        found, other = await described(services, (kind, name), (TOPIC, "t"))
        assert (code(found), found.configs, code(other)) == (error, (), NONE)
        assert found.error_message


@pytest.mark.parametrize("version", versions_of(ApiKey.ALTER_CONFIGS))
async def test_an_alteration_replaces_all_settings_of_a_topic(version: int) -> None:
    async with simulated_broker() as services:
        create(services, retention_ms="5000")
        new = wanted(TOPIC, "t", value("segment.ms", HOUR_MS), value("cleanup.policy", "compact"))
        assert await altered(services, new, version=version, only_check=True) == [NONE]
        assert await own_settings(services) == {"retention.ms": "5000"}
        assert await altered(services, new, version=version) == [NONE]
        assert await own_settings(services) == {"segment.ms": HOUR_MS, "cleanup.policy": "compact"}
        assert await altered(services, wanted(TOPIC, "t"), version=version) == [NONE]
        assert await own_settings(services) == {}


@pytest.mark.parametrize("version", versions_of(ApiKey.INCREMENTAL_ALTER_CONFIGS))
async def test_single_settings_are_changed(version: int) -> None:
    async with simulated_broker() as services:
        create(services, retention_ms="5000", segment_ms="7")
        steps: list[tuple[dict[str, Any], dict[str, str]]] = [
            (
                change("retention.ms", SET, "6000"),
                {"retention.ms": "6000", "segment.ms": "7"},
            ),
            (change("segment.ms", DELETE), {"retention.ms": "6000"}),
            (change("segment.ms", DELETE, "7"), {"retention.ms": "6000"}),
            (change("no.such", DELETE), {"retention.ms": "6000"}),
            (change("retention.ms", DELETE), {}),
            (change("cleanup.policy", APPEND, "compact"), {"cleanup.policy": "delete,compact"}),
            (change("cleanup.policy", APPEND, "compact"), {"cleanup.policy": "delete,compact"}),
            (change("cleanup.policy", SUBTRACT, "delete"), {"cleanup.policy": "compact"}),
            (change("cleanup.policy", SUBTRACT, "compact"), {"cleanup.policy": ""}),
            (
                change("cleanup.policy", APPEND, "compact,delete"),
                {"cleanup.policy": "compact,delete"},
            ),
        ]
        for step, after in steps:
            assert await changed(services, wanted(TOPIC, "t", step), version=version) == [NONE]
            assert await own_settings(services) == after


BAD_CHANGES = [
    ([change("retention.ms", SET, "soon")], "invalid_config"),
    ([change("retention.ms", SET, None)], "invalid_request"),
    ([change("no.such", SET, "1")], "invalid_config"),
    ([change("no.such", APPEND, "1")], "invalid_config"),
    ([change("", SET, "1")], "invalid_config"),
    ([change("cleanup.policy", APPEND, "shred")], "invalid_config"),
    ([change("cleanup.policy", SUBTRACT, None)], "invalid_request"),
    ([change("retention.ms", APPEND, "5")], "invalid_config"),
    ([change("retention.ms", SUBTRACT, "5")], "invalid_config"),
    ([change("retention.ms", 9, "5")], "invalid_request"),
    ([change("retention.ms", SET, "9"), change("retention.ms", DELETE)], "invalid_request"),
    ([change("retention.ms", SET, "9"), change("segment.ms", SET, "no")], "invalid_config"),
    (
        [
            change("min.compaction.lag.ms", SET, str((1 << 63) - 1)),
            change("max.compaction.lag.ms", SET, "5"),
        ],
        "invalid_config",
    ),
]


@pytest.mark.parametrize(("changes", "error"), BAD_CHANGES)
@pytest.mark.parametrize("only_check", [False, True])
async def test_a_refused_change_changes_nothing(
    changes: list[dict[str, Any]], error: str, only_check: bool
) -> None:
    async with simulated_broker() as services:
        create(services, retention_ms="5000")
        asked = wanted(TOPIC, "t", *changes)
        assert await changed(services, asked, only_check=only_check) == [error]
        assert await own_settings(services) == {"retention.ms": "5000"}


@pytest.mark.parametrize(
    ("kind", "name", "error"),
    [
        (TOPIC, "nope", "unknown_topic_or_partition"),
        (TOPIC, "a b", "invalid_topic_exception"),
        (TOPIC, "", "invalid_request"),
        (TOPIC, "__consumer_offsets", "invalid_topic_exception"),
        (BROKER, "1", "invalid_request"),
        (BROKER, "", "invalid_request"),
        (BROKER, "7", "invalid_request"),
        (LOGGER, "1", "invalid_request"),
        (METRICS, "m", "invalid_request"),
        (GROUP, "g", "invalid_request"),
        (3, "x", "invalid_request"),
    ],
)
async def test_resources_are_altered_or_refused_each_for_itself(
    kind: int, name: str, error: str
) -> None:
    async with simulated_broker() as services:
        create(services)
        create(services, "__consumer_offsets")
        new = value("retention.ms", "5")
        asked = (wanted(kind, name, new), wanted(TOPIC, "t", new))
        assert await altered(services, *asked) == [error, NONE]
        one = change("retention.ms", SET, "6")
        asked = (wanted(kind, name, one), wanted(TOPIC, "t", one))
        assert await changed(services, *asked) == [error, NONE]
        assert await own_settings(services) == {"retention.ms": "6"}


async def test_a_resource_named_twice_is_not_altered() -> None:
    async with simulated_broker() as services:
        create(services)
        twice = wanted(TOPIC, "t", value("retention.ms", "5"))
        assert await altered(services, twice, twice) == ["invalid_request"] * 2
        assert await altered(
            services, wanted(TOPIC, "t", value("retention.ms", "5"), value("retention.ms", "6"))
        ) == ["invalid_request"]
        again = wanted(TOPIC, "t", change("retention.ms", SET, "5"))
        assert await changed(services, again, again) == ["invalid_request"] * 2
        assert await own_settings(services) == {}


async def test_altered_settings_outlast_a_restart_and_count_at_once() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services)
        assert (await produce(services, b"x" * 500)).base_offset == 0
        assert await changed(
            services, wanted(TOPIC, "t", change("max.message.bytes", SET, "100"))
        ) == [NONE]
        assert code(await produce(services, b"x" * 500)) == "message_too_large"
    async with simulated_broker(disk) as services:
        assert await own_settings(services) == {"max.message.bytes": "100"}
        assert code(await produce(services, b"x" * 500)) == "message_too_large"


async def test_a_full_disk_leaves_the_settings_as_they_were() -> None:
    disk = SimulatedDirectory()
    async with simulated_broker(disk) as services:
        create(services, retention_ms="5000")
        disk.room_bytes = 0
        asked = wanted(TOPIC, "t", change("max.message.bytes", SET, "100"))
        assert await changed(services, asked) == ["kafka_storage_error"]
        disk.room_bytes = None
        assert await own_settings(services) == {"retention.ms": "5000"}
        assert code(await produce(services, b"x" * 500)) == NONE


async def listed(services: BrokerServices, version: int, types: list[int]) -> Any:
    answer = await converse(services, ApiKey.LIST_CONFIG_RESOURCES, version, resource_types=types)
    if answer.error_code.value:
        return code(answer)
    return [(found.resource_type, found.resource_name) for found in answer.config_resources]


async def test_what_has_settings_is_listed_by_type() -> None:
    async with simulated_broker() as services:
        create(services, "one")
        create(services, "two")
        topics = [(TOPIC, "one"), (TOPIC, "two")]
        assert await listed(services, 1, []) == [(BROKER, "1"), (LOGGER, "1"), *topics]
        assert await listed(services, 1, [TOPIC, TOPIC]) == topics
        assert await listed(services, 1, [BROKER]) == [(BROKER, "1")]
        assert await listed(services, 1, [GROUP, METRICS]) == []
        assert await listed(services, 1, [TOPIC, 3]) == "unsupported_version"


async def test_client_metrics_alone_are_listed_in_version_0() -> None:
    async with simulated_broker() as services:
        create(services)
        answer = await converse(services, ApiKey.LIST_CONFIG_RESOURCES, 0)
        assert (code(answer), answer.config_resources) == (NONE, ())
