"""JSON lines: an object a line, with its key, and the options that are its own."""

from functools import lru_cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from colorworker.domain.options import (
    Chroma,
    Codec,
    ColorSources,
    Deinterlace,
    Encoder,
    Label,
    Precision,
    Profile,
)
from colorworker.errors import KeyRefused, LineRefused
from colorworker.inputs.manifestlines import ManifestEntry
from colorworker.inputs.scope import Scope
from colorworker.inputs.validationtext import words
from colorworker.state import STATE
from colorworker.store.keys import check_key, printable
from colorworker.store.openstore import S3_SCHEME

Preset = Literal[
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow"
]
"""Of x264."""


class Item(BaseModel):
    """One line. What it does not say of the options, the job says for all."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    key: str | None = None
    """Below the manifest's root, as it is: not URL-encoded."""
    uri: str | None = None
    """`s3://bucket/key`, instead of a key."""
    version: str = ""
    size_bytes: Annotated[int | None, Field(ge=0)] = None
    etag: str = ""
    """With `size_bytes`: then the store need not be asked for it."""
    output: str = ""
    """Key of the output, with the extension that the profile gives it."""
    profile: Profile | None = None
    color_sources: ColorSources | None = None
    label: Label | None = None
    vividness: Annotated[float | None, Field(ge=-1, le=2)] = None
    temperature: Annotated[float | None, Field(gt=0, le=2)] = None
    precision: Precision | None = None
    segment_frames: Annotated[int | None, Field(gt=0)] = None
    anchor_interval: Annotated[int | None, Field(gt=0, le=48)] = None
    settle_anchors: Annotated[int | None, Field(ge=0, le=8)] = None
    codec: Codec | None = None
    chroma: Chroma | None = None
    deinterlace: Deinterlace | None = None
    crf: Annotated[int | None, Field(ge=0, le=63)] = None
    preset: Preset | None = None
    encoder: Encoder | None = None

    @model_validator(mode="after")
    def _named(self) -> "Item":
        if (self.key is None) == (self.uri is None):
            raise ValueError('it needs one of "key" and "uri"')
        if bool(self.etag) != (self.size_bytes is not None):
            raise ValueError("size_bytes and etag go together")
        return self


OPTIONS = tuple(list(Item.model_fields)[list(Item.model_fields).index("profile") :])
"""Names of the options that an item can have for itself."""


class ItemRows:
    """Lines of JSON, for objects of one scope."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope

    def __call__(self, line: int, text: str) -> ManifestEntry:
        """See `lines.ParseLine`."""
        item = item_of(text)
        if item.uri is None:
            key = self._scope.checked_key(item.key or "")
        else:
            key = self._scope.key_in_bucket(*bucket_and_key(item.uri))
        own_options = _options(
            tuple(
                value for name in OPTIONS if (value := (name, getattr(item, name)))[1] is not None
            )
        )
        return ManifestEntry(
            line, key, item.version, item.size_bytes, item.etag, _output(item.output), own_options
        )


def item_of(text: str) -> Item:
    """Return the item of one line.

    Raises:
        LineRefused: If it is not JSON, or says what is not known, or what cannot be.
    """
    try:
        return Item.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "json_invalid":
            reason = first["ctx"]["error"]
            raise LineRefused(
                "", f"it is not JSON ({reason})", "Write one object a line"
            ) from error
        if first["type"] == "model_type":
            raise LineRefused("", "it is not a JSON object", 'Write {"key": "..."}') from error
        seen, step = words(first, Item)
        raise LineRefused("", f"{name}: {seen}" if name else seen, step) from error


def bucket_and_key(uri: str) -> tuple[str, str]:
    """Return bucket and key of `s3://bucket/key`.

    Raises:
        LineRefused: If it is something else.
    """
    if not uri.startswith(S3_SCHEME):
        raise LineRefused(
            "",
            f"the uri {printable(uri)!r} is not s3://bucket/key",
            'Name files by "key", below the folder of the manifest or the root',
        )
    bucket, _, key = uri.removeprefix(S3_SCHEME).partition("/")
    return bucket, key


def _output(key: str) -> str:
    try:
        if key and check_key(key).startswith(f"{STATE}/"):
            raise KeyRefused(key, f"{STATE}/ is where jobs keep their state")
    except KeyRefused as error:
        seen = f"the output {printable(key)!r} is refused: {error.seen}"
        raise LineRefused("", seen, "Name it otherwise, or leave it out") from error
    return key


@lru_cache(maxsize=256)
def _options(values: tuple[tuple[str, Any], ...]) -> tuple[tuple[str, Any], ...]:
    """Return them sorted; the same ones are the same object, as most lines say the same."""
    return tuple(sorted(values))
