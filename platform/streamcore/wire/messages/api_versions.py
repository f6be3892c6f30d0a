"""ApiVersions (key 18) as a client sends it, in its first form: what a broker speaks."""

from dataclasses import dataclass
from typing import Annotated

from streamcore.wire.cold import INT16, Message, array


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersionsRequest(Message):
    """Version 0 has no fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiRange:
    api_key: Annotated[int, INT16]
    min_version: Annotated[int, INT16]
    max_version: Annotated[int, INT16]


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiVersionsResponse(Message):
    error_code: Annotated[int, INT16]
    apis: Annotated[tuple[ApiRange, ...], array(ApiRange)]
