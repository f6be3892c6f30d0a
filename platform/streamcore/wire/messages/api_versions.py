"""ApiVersions (key 18) as a client sends it, in its first form: what a broker speaks."""

from typing import Annotated

from streamcore.wire.cold import INT16, Message, Part, array


class ApiVersionsRequest(Message):
    """Version 0 has no fields."""


class ApiRange(Part):
    api_key: Annotated[int, INT16]
    min_version: Annotated[int, INT16]
    max_version: Annotated[int, INT16]


class ApiVersionsResponse(Message):
    error_code: Annotated[int, INT16]
    apis: Annotated[tuple[ApiRange, ...], array(ApiRange)]
