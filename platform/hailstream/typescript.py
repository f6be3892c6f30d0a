"""TypeScript of the contracts, for `web/src/contracts/generated.ts`.

`make contracts` writes the file with `python -m hailstream.typescript`.
Structs become interfaces, string enums unions, number enums and flags `const` objects, packed
formats tables of byte offsets, and the ride's life cycle one table. A test compares the file
with this, so the pages cannot drift from the services.
"""

import enum
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import msgspec
import numpy as np

from rideflow.contracts import (
    driver_socket,
    operations,
    pings,
    positions,
    push,
    replies,
    rides,
    tokens,
)

_HEADER = """\
// What services say to one another. Generated from services/rideflow/contracts by
// `make contracts`; never edited by hand.
"""

_MODULES = (rides, driver_socket, push, replies, operations, tokens)
_ENUMS: tuple[type[enum.IntEnum] | type[enum.IntFlag], ...] = (
    pings.DriverState,
    pings.PingFlag,
    positions.PositionFlag,
    push.PushKind,
    push.CarFlag,
)
_CODES = (driver_socket.CloseCode,)
_LAYOUTS = {
    "PING": pings.PING,
    "POSITION": positions.POSITION,
    "PUSH_HEADER": push.PUSH_HEADER,
    "CAR": push.CAR,
}
_UNIONS = {
    "Upward": driver_socket.Upward,
    "Downward": driver_socket.Downward,
    "WatchUp": push.WatchUp,
    "WatchDown": push.WatchDown,
}
_NUMBERS = {
    "PING_VERSION": pings.PING_VERSION,
    "PUSH_VERSION": push.PUSH_VERSION,
    "ACK_KIND": driver_socket.ACK_KIND,
    "ACK_SIZE": driver_socket.ACK.size,
    "DARK_AFTER_MS": positions.DARK_AFTER_MS,
}


def generate() -> str:
    """The whole file."""
    parts = [_HEADER, *_constants(), *(_number_enum(cls) for cls in _ENUMS), *_close_codes()]
    for module in _MODULES:
        parts += _module(module)
    parts += [f"export type {name} = {_union(union)};" for name, union in _UNIONS.items()]
    parts += [_layout(name, dtype) for name, dtype in _LAYOUTS.items()]
    return "\n\n".join([*parts, _transitions()]) + "\n"


def _constants() -> Iterator[str]:
    for name, value in _NUMBERS.items():
        yield f"export const {name} = {value};"


def _close_codes() -> Iterator[str]:
    for holder in _CODES:
        rows = [f"  {k}: {v}," for k, v in vars(holder).items() if isinstance(v, int)]
        yield (
            f"{_doc(holder)}export const {holder.__name__} = {{\n"
            + "\n".join(rows)
            + "\n} as const;"
        )


def _module(module: ModuleType) -> Iterator[str]:
    for name, value in vars(module).items():
        if not isinstance(value, type) or value.__module__ != module.__name__:
            continue
        if name != value.__name__:  # a short alias within its module
            continue
        if issubclass(value, enum.StrEnum):
            union = " | ".join(f'"{member.value}"' for member in value)
            yield f"{_doc(value)}export type {value.__name__} = {union};"
        elif issubclass(value, msgspec.Struct):
            yield _interface(value)


def _number_enum(cls: type[enum.IntEnum] | type[enum.IntFlag]) -> str:
    rows = "\n".join(f"  {member.name}: {member.value}," for member in cls)
    return (
        f"{_doc(cls)}export const {cls.__name__} = {{\n{rows}\n}} as const;\n"
        f"export type {cls.__name__} = (typeof {cls.__name__})[keyof typeof {cls.__name__}];"
    )


def _interface(cls: type[msgspec.Struct]) -> str:
    info = msgspec.inspect.type_info(cls)
    assert isinstance(info, msgspec.inspect.StructType)
    rows = [f'  {info.tag_field}: "{info.tag}";'] if info.tag_field else []
    for field in info.fields:
        # What has a default may be left out by either side.
        mark = "" if field.required else "?"
        rows.append(f"  {field.encode_name}{mark}: {_type(field.type)};")
    return f"{_doc(cls)}export interface {cls.__name__} {{\n" + "\n".join(rows) + "\n}"


_PLAIN: dict[type[msgspec.inspect.Type], str] = {
    msgspec.inspect.StrType: "string",
    msgspec.inspect.IntType: "number",
    msgspec.inspect.FloatType: "number",
    msgspec.inspect.BoolType: "boolean",
    msgspec.inspect.NoneType: "null",
}


def _type(info: msgspec.inspect.Type) -> str:
    if type(info) in _PLAIN:
        return _PLAIN[type(info)]
    if isinstance(info, msgspec.inspect.StructType | msgspec.inspect.EnumType):
        return info.cls.__name__
    if isinstance(info, msgspec.inspect.UnionType):
        return " | ".join(_type(kind) for kind in info.types)
    if isinstance(info, msgspec.inspect.TupleType):
        return f"[{', '.join(_type(kind) for kind in info.item_types)}]"
    if isinstance(info, msgspec.inspect.ListType):
        inner = _type(info.item_type)
        return f"({inner})[]" if "|" in inner else f"{inner}[]"
    if isinstance(info, msgspec.inspect.DictType):
        return f"Record<{_type(info.key_type)}, {_type(info.value_type)}>"
    raise TypeError(f"no TypeScript for {info}")


def _union(union: Any) -> str:
    return " | ".join(kind.__name__ for kind in union.__args__)


def _layout(name: str, dtype: "np.dtype[Any]") -> str:
    assert dtype.fields is not None
    rows = "\n".join(f"  {key}: {place[1]}," for key, place in dtype.fields.items())
    return (
        f"/** Byte offsets, little-endian. */\nexport const {name} = {{\n"
        f"  size: {dtype.itemsize},\n{rows}\n}} as const;"
    )


def _transitions() -> str:
    rows = [
        f'  ["{state or ""}", "{event}", "{after}"],'
        for (state, event), after in rides.RIDE_TRANSITIONS.items()
    ]
    return (
        "/** A ride's life: state (empty: none yet), event, state after. */\n"
        'export const RIDE_TRANSITIONS: readonly [RideState | "", RideEvent, RideState][] = [\n'
        + "\n".join(rows)
        + "\n];"
    )


def _doc(cls: type[Any]) -> str:
    words = " ".join((cls.__doc__ or "").split())
    return f"/** {words} */\n"


if __name__ == "__main__":
    print(generate(), end="")  # noqa: T201  # the file is what this prints
