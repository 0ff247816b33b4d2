"""Manifests as JSON lines: one object per line, with its key and its own options."""

from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from colorworker.domain.optionfields import option_fields
from colorworker.domain.options import Options
from colorworker.errors import KeyRefused, LineRefused
from colorworker.inputs.manifestlines import ManifestEntry
from colorworker.inputs.optionmodels import with_option_fields
from colorworker.inputs.scope import Scope
from colorworker.inputs.validationtext import error_text
from colorworker.state import STATE
from colorworker.store.keys import check_key, printable
from colorworker.store.openstore import S3_SCHEME


class ManifestItem(BaseModel):
    """One line. Options that it does not set are the job's."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: str | None = None
    """Key below the manifest's root, not URL-encoded."""
    uri: str | None = None
    """`s3://bucket/key`; given instead of a key."""
    version: str = ""
    size_bytes: Annotated[int | None, Field(ge=0)] = None
    etag: str = ""
    """Given together with `size_bytes`; it saves a request to the store."""
    output: str = ""
    """Key of the output; it must have the extension of the profile."""

    @model_validator(mode="after")
    def _named(self) -> "ManifestItem":
        if (self.key is None) == (self.uri is None):
            raise ValueError('it needs one of "key" and "uri"')
        if bool(self.etag) != (self.size_bytes is not None):
            raise ValueError("size_bytes and etag go together")
        return self


def item_model(kind: type[Options]) -> type[ManifestItem]:
    """Return the model of a line, with the options of `kind` that items can set."""
    return with_option_fields(ManifestItem, kind, "manifest")


_ITEM = item_model(Options)


class ItemRows:
    """Parses lines of JSON that name objects in one scope."""

    def __init__(self, scope: Scope, kind: type[Options] = Options) -> None:
        """Keep the scope.

        Args:
            scope: Checks the keys.
            kind: The options that items can set.
        """
        self._scope = scope
        self._model = _ITEM if kind is Options else item_model(kind)
        self._options = tuple(field.name for field in option_fields(kind, "manifest"))

    def __call__(self, line: int, text: str) -> ManifestEntry:
        """See `manifestlines.ParseLine`."""
        item = parse_item(text, self._model)
        if item.uri is None:
            key = self._scope.checked_key(item.key or "")
        else:
            key = self._scope.key_in_bucket(*bucket_and_key(item.uri))
        values = ((name, getattr(item, name)) for name in self._options)
        own_options = _options(tuple(value for value in values if value[1] is not None))
        return ManifestEntry(
            line, key, item.version, item.size_bytes, item.etag, _output(item.output), own_options
        )


def parse_item(text: str, model: type[ManifestItem] = _ITEM) -> ManifestItem:
    """Return the item of one line.

    Raises:
        LineRefused: If the line is not JSON, has an unknown name, or a value that is not allowed.
    """
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "json_invalid":
            reason = first["ctx"]["error"]
            raise LineRefused(
                "", f"it is not JSON ({reason})", "Write one object per line"
            ) from error
        if first["type"] == "model_type":
            raise LineRefused("", "it is not a JSON object", 'Write {"key": "..."}') from error
        seen, step = error_text(first, model)
        raise LineRefused("", f"{name}: {seen}" if name else seen, step) from error


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return the bucket and key of `s3://bucket/key`.

    Raises:
        LineRefused: If the URI has another form.
    """
    if not uri.startswith(S3_SCHEME):
        raise LineRefused(
            "",
            f"the uri {printable(uri)!r} is not s3://bucket/key",
            'Use "key" for files, relative to the root or to the folder of the manifest',
        )
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    return bucket, key


def _output(key: str) -> str:
    try:
        if key and check_key(key).startswith(f"{STATE}/"):
            raise KeyRefused(key, f"{STATE}/ is where jobs keep their state")
    except KeyRefused as error:
        seen = f"the output {printable(key)!r} is refused: {error.seen}"
        raise LineRefused("", seen, "Choose another name, or leave it out") from error
    return key


@lru_cache(maxsize=256)
def _options(values: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Return the options sorted; equal ones are one object, as most lines set the same options."""
    return tuple(sorted(values))
