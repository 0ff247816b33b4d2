"""Command-line parameters for the options that `domain.options` declares."""

from collections.abc import Callable, Collection
from functools import wraps
from inspect import Parameter, signature
from typing import Annotated, Any

import typer

from colorworker.domain.optionfields import OptionField, option_fields
from colorworker.domain.options import Options


def with_option_parameters(
    command: Callable[..., None], kind: type[Options], only: Collection[str] = ()
) -> Callable[..., None]:
    """Return the command with one parameter per option in place of its `kind` and `**given`.

    Typer reads the parameters from the signature. They come after the first parameter, in the order
    in which the options are declared. An option that has a setting is None unless it is given.

    Args:
        command: Takes the class of the options as `kind`, and the options as keywords.
        kind: `Options` or a subclass.
        only: Names of the options that it takes; all of them if empty.
    """

    @wraps(command)
    def with_parameters(*arguments: Any, **keywords: Any) -> None:
        command(*arguments, kind=kind, **keywords)

    own = [
        each.replace(kind=Parameter.KEYWORD_ONLY)
        for each in signature(command).parameters.values()
        if each.kind is not Parameter.VAR_KEYWORD and each.name != "kind"
    ]
    fields = option_fields(kind, "command")
    made = [_parameter(field) for field in fields if not only or field.name in only]
    parameters = [*own[:1], *made, *own[1:]]
    # mypy does not know that functions have this attribute.
    with_parameters.__signature__ = signature(command).replace(parameters=parameters)  # type: ignore[attr-defined]
    with_parameters.__annotations__ = {each.name: each.annotation for each in parameters}
    return with_parameters


def _parameter(field: OptionField) -> Parameter:
    default, text = field.default, field.info.help
    if field.info.setting:
        text += "" if default is None else f" Default: {default}."
        default = None
    shown = typer.Option(min=field.info.ge, max=field.info.le, help=text)
    kept = field.type if default is not None or field.default is None else field.type | None
    return Parameter(
        field.name,
        Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kept, shown],
    )
