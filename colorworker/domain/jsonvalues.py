"""Frozen values to JSON and back, by the types of their fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from fractions import Fraction
from functools import cache
from types import NoneType, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")

_PLAIN = frozenset((str, int, float, bool, NoneType))


def to_json(value: Any) -> Any:
    """Return a value as JSON values: dataclasses as objects, fractions as `n/d` strings.

    Args:
        value: Dataclasses, NamedTuples, sequences and mappings of JSON's own values and fractions.
    """
    kind = type(value)
    if kind in _PLAIN:
        return value
    names = _field_names(cast(Any, kind))
    if names is not None:
        return _object_to_json((name, getattr(value, name)) for name in names)
    if isinstance(value, tuple | list):
        return [to_json(each) for each in value]
    if isinstance(value, Mapping):
        return _object_to_json(value.items())
    if isinstance(value, Fraction):
        return str(value)
    return value


def _object_to_json(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    # Most values are plain, and a call for each would cost more than all the rest.
    return {name: each if type(each) in _PLAIN else to_json(each) for name, each in items}


@cache
def _field_names(kind: Any) -> tuple[str, ...] | None:
    """Return the names of a dataclass's fields; None for another type."""
    return tuple(field.name for field in fields(kind)) if is_dataclass(kind) else None


def from_json(kind: type[T], value: Any) -> T:
    """Return the value that `to_json` wrote. Unknown fields of newer versions are ignored.

    Words outside of a `Literal` are kept: a newer version may have written them.

    Args:
        kind: A dataclass, NamedTuple, tuple, mapping, fraction or one of JSON's own types.
        value: As `json.loads` returns it.

    Raises:
        ValueError: If a field is missing or has another type.
    """
    return cast(T, _reader(kind)(value))  # type: ignore[arg-type]  # mypy: classes are hashable


@cache
def _reader(kind: Any) -> Callable[[Any], Any]:
    """Return a function that reads a JSON value as this type."""
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin is Literal:
        return _plain(str)
    if origin in {Union, UnionType}:
        return _optional(_reader(next(each for each in arguments if each is not NoneType)))
    if origin is tuple:
        return _list(_reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(_reader(arguments[1]))
    if is_dataclass(kind):
        return _object(kind)
    if issubclass(kind, tuple):
        return _row(kind)
    return _fraction if kind is Fraction else _plain(kind)


def _plain(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        if type(value) is kind or (kind is float and type(value) is int):
            return value
        raise ValueError(f"{value!r:.80} is not of type {kind.__name__}")

    return read


def _fraction(value: Any) -> Fraction:
    try:
        return Fraction(value)
    except (TypeError, ValueError, ArithmeticError) as error:
        raise ValueError(f"{value!r:.80} is not a fraction") from error


def _optional(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda value: None if value is None else read(value)


def _list(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_all(value: Any) -> Any:
        if not isinstance(value, list):
            raise ValueError(f"{value!r:.80} is not a list")
        return tuple(map(read, value))

    return read_all


def _mapping(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read_all(value: Any) -> Any:
        return {name: read(each) for name, each in _checked_object(value).items()}

    return read_all


def _object(kind: Any) -> Callable[[Any], Any]:
    hints = get_type_hints(kind)
    readers = {field.name: _reader(hints[field.name]) for field in fields(kind) if field.init}

    def read(value: Any) -> Any:
        known = {
            name: readers[name](each)
            for name, each in _checked_object(value).items()
            if name in readers
        }
        return _made(kind, known)

    return read


def _row(kind: Any) -> Callable[[Any], Any]:
    """Return a function that reads a NamedTuple from a list, whose last values may be missing."""
    readers = [(name, _reader(hint)) for name, hint in get_type_hints(kind).items()]

    def read(value: Any) -> Any:
        if not isinstance(value, list) or len(value) > len(readers):
            raise ValueError(f"{value!r:.80} is not a {kind.__name__}")
        pairs = zip(readers, value, strict=False)
        return _made(kind, {name: read_one(each) for (name, read_one), each in pairs})

    return read


def _made(kind: Any, values: dict[str, Any]) -> Any:
    try:
        return kind(**values)
    except TypeError as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from error


def _checked_object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError(f"{value!r:.80} is not a JSON object")
    return value
