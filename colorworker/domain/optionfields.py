"""Declaration of options: one annotation per field, from which every reader is built.

The command line, plan files, manifests and settings all get their options, types and limits from
`option_fields`. A new option needs only its field and the code that uses it.
"""

from dataclasses import dataclass, field, fields
from functools import cache
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

from colorworker.errors import UsageError

Place = Literal["command", "plan", "manifest"]
"""Where an option can be given: `colorworker colorize`, a plan file, a line of a manifest."""

ANYWHERE: tuple[Place, ...] = ("command", "plan", "manifest")


@dataclass(frozen=True)
class OptionInfo:
    """The declaration of an option, apart from its name, type and default."""

    help: str
    """One or two sentences for `--help`."""
    places: tuple[Place, ...] = ANYWHERE
    setting: str = ""
    """Group of settings that it belongs to: `media` makes it COLORWORKER_MEDIA__<NAME>."""
    ge: float | None = None
    """Lowest value, inclusive; None for no limit."""
    le: float | None = None
    """Highest value, inclusive; None for no limit."""
    changes_output: bool = True
    """False for options that only judge outputs or say where something lies; these are not part of
    identities."""


@dataclass(frozen=True)
class OptionField:
    """One option, as its readers need it."""

    name: str
    type: Any
    """Such as `int`, `int | None`, or a `Literal` of its choices."""
    default: Any
    info: OptionInfo
    base: Any = field(init=False)
    """The type without None."""
    choices: tuple[str, ...] = field(init=False)
    """The values it can have; empty if it is not one of a few words."""

    def __post_init__(self) -> None:
        """Derive the base type and the choices."""
        alternatives = () if get_origin(self.type) is Literal else get_args(self.type)
        base = next((each for each in alternatives if each is not NoneType), self.type)
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "choices", get_args(base) if get_origin(base) is Literal else ())

    def check(self, value: Any) -> Any:
        """Return the value, a whole number as a float where the option is one.

        Raises:
            UsageError: If the option cannot have this value.
        """
        if value is None and self.base is not self.type:
            return None
        if self.choices:
            if value not in self.choices:
                raise UsageError(
                    f"{self.name} {value}", "is not known", f"Use {' or '.join(self.choices)}"
                )
            return value
        if self.base is float and type(value) is int:
            value = float(value)
        if type(value) is not self.base:
            raise UsageError(
                f"{self.name} {value}",
                f"is not of type {self.base.__name__}",
                "Give a value of that type",
            )
        low, high = self.info.ge, self.info.le
        if (low is not None and not value >= low) or (high is not None and not value <= high):
            raise UsageError(f"{self.name} {value}", "is out of range", f"Give {self._range()}")
        return value

    def _range(self) -> str:
        low, high = self.info.ge, self.info.le
        if high is None:
            return f"{low} or more"
        return f"{high} or less" if low is None else f"{low} to {high}"


def option_fields(kind: type[Any], place: Place | None = None) -> tuple[OptionField, ...]:
    """Return the options of a dataclass in their order: its fields with an `OptionInfo`.

    Args:
        kind: `Options` or a subclass.
        place: Return only the options that can be given there; None returns all of them.
    """
    declared = _declared(kind)  # type: ignore[arg-type]  # mypy: classes are hashable
    if place is None:
        return declared
    return tuple(field for field in declared if place in field.info.places)


@cache
def _declared(kind: Any) -> tuple[OptionField, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(
        OptionField(field.name, get_args(hints[field.name])[0], field.default, info)
        for field in fields(kind)
        if get_origin(hints[field.name]) is Annotated
        for info in get_args(hints[field.name])[1:]
        if isinstance(info, OptionInfo)
    )
