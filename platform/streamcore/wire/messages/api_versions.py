"""ApiVersions (key 18): which versions and features a broker speaks. Versions 0-5."""

from typing import Annotated, ClassVar

from streamcore.wire.cold import (
    BOOL,
    ERROR_CODE,
    INT16,
    INT32,
    INT64,
    NULLABLE_STRING,
    STRING,
    Message,
    Part,
    Tag,
    Versions,
    array,
)


class ApiVersionsRequest(Message):
    """`cluster_id` and `node_id` say whom the client believes to speak to (KIP-1242)."""

    FLEXIBLE_FROM: ClassVar[int] = 3
    client_software_name: Annotated[str, STRING, Versions(since=3)] = ""
    client_software_version: Annotated[str, STRING, Versions(since=3)] = ""
    cluster_id: Annotated[str | None, NULLABLE_STRING, Versions(since=5)] = None
    node_id: Annotated[int, INT32, Versions(since=5)] = -1


class ApiRange(Part):
    """The versions of one API that a broker answers to, both ends included."""

    api_key: Annotated[int, INT16]
    min_version: Annotated[int, INT16]
    max_version: Annotated[int, INT16]


class SupportedFeature(Part):
    """Levels of a feature that the broker could work at (KIP-584)."""

    name: Annotated[str, STRING]
    min_version: Annotated[int, INT16]
    max_version: Annotated[int, INT16]


class FinalizedFeature(Part):
    """The level that a feature of the cluster works at; both ends are that one level."""

    name: Annotated[str, STRING]
    max_version_level: Annotated[int, INT16]
    min_version_level: Annotated[int, INT16]


class ApiVersionsResponse(Message):
    FLEXIBLE_FROM: ClassVar[int] = 3
    error_code: Annotated[int, ERROR_CODE] = 0
    apis: Annotated[tuple[ApiRange, ...], array(ApiRange)] = ()
    throttle_time_ms: Annotated[int, INT32, Versions(since=1)] = 0
    supported_features: Annotated[
        tuple[SupportedFeature, ...], array(SupportedFeature), Versions(since=3), Tag(0)
    ] = ()
    finalized_features_epoch: Annotated[int, INT64, Versions(since=3), Tag(1)] = -1
    finalized_features: Annotated[
        tuple[FinalizedFeature, ...], array(FinalizedFeature), Versions(since=3), Tag(2)
    ] = ()
    zk_migration_ready: Annotated[bool, BOOL, Versions(since=3), Tag(3)] = False
