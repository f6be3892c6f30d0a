"""The API's description, made from the table of routes and the contracts' types."""

import re
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from rideflow.contracts.replies import ErrorReply
from rideflow.contracts.tokens import Role

_PARAMETER: Final = re.compile(r"{(\w+)[^}]*}")
_REF: Final = "#/components/schemas/{name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Described:
    """What there is to say of one route."""

    method: str
    path: str  # as aiohttp writes it
    summary: str
    body: Any = None  # type of the JSON body
    reply: Any = None  # type of the JSON reply; None: not JSON
    status: int = 200
    roles: tuple[Role, ...] | None = None  # who may; None: everyone, without a token
    query: tuple[str, ...] = ()


def openapi(routes: list[Described], *, version: str) -> dict[str, Any]:
    """An OpenAPI 3.1 document."""
    shapes = [shape for r in routes for shape in (r.body, r.reply) if shape is not None]
    shapes.append(ErrorReply)
    schemas, components = msgspec.json.schema_components(shapes, ref_template=_REF)
    schema_of = dict(zip(map(repr, shapes), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        path = _PARAMETER.sub(r"{\1}", route.path)
        paths.setdefault(path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Hailstream gateway", "version": version},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(route: Described, schema_of: dict[str, Any]) -> dict[str, Any]:
    error = {"description": "What was wrong", "content": _json(schema_of[repr(ErrorReply)])}
    reply: dict[str, Any] = {"description": route.summary}
    if route.reply is not None:
        reply["content"] = _json(schema_of[repr(route.reply)])
    operation: dict[str, Any] = {
        "summary": route.summary,
        "parameters": _parameters(route),
        "responses": {str(route.status): reply, "default": error},
    }
    if route.body is not None:
        operation["requestBody"] = {"content": _json(schema_of[repr(route.body)])}
    if route.roles is not None:
        operation["security"] = [{"token": []}]
        operation["description"] = "For " + ", ".join(route.roles) + "."
    return operation


def _parameters(route: Described) -> list[dict[str, Any]]:
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in _PARAMETER.findall(route.path)
    ]
    in_query = [{"name": name, "in": "query", "schema": {"type": "string"}} for name in route.query]
    return in_path + in_query


def _json(schema: Any) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}
