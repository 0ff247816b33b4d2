"""Fields of pydantic models for the options that `domain.options` declares."""

from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, Field, create_model

from colorworker.domain.optionfields import Place, option_fields
from colorworker.domain.options import Options

Model = TypeVar("Model", bound=BaseModel)


def with_option_fields(
    own: type[Model], kind: type[Options], place: Place, **others: Any
) -> type[Model]:
    """Return the model with one field per option that can be given at a place; None if it is not.

    Args:
        own: The model with the fields that are not options.
        kind: `Options` or a subclass.
        place: Where the model is read from.
        others: Further fields, as (type, default).
    """
    declared: dict[str, Any] = {
        field.name: (Annotated[field.type | None, Field(ge=field.info.ge, le=field.info.le)], None)
        for field in option_fields(kind, place)
    }
    return create_model(
        own.__name__.strip("_"), __base__=own, __doc__=own.__doc__, **declared, **others
    )


def given_options(model: BaseModel, kind: type[Options], place: Place) -> dict[str, Any]:
    """Return the options that were given, by name."""
    values = {field.name: getattr(model, field.name) for field in option_fields(kind, place)}
    return {name: value for name, value in values.items() if value is not None}
