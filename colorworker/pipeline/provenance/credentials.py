"""C2PA manifests: signed statements about an output, embedded in it or beside it.

Signing needs the extra `c2pa`, and a certificate with its key. Both are read from files on each
worker and never leave it.

Source:
    C2PA Technical Specification 2.2, https://spec.c2pa.org/specifications/specifications/2.2/
"""

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from colorworker import __version__
from colorworker.domain.jsonvalues import to_json
from colorworker.domain.options import Asset, Options, non_default
from colorworker.domain.outputkeys import suffix_of
from colorworker.domain.provenance import SOURCE_TYPE, media_type, model_facts
from colorworker.domain.workersettings import WorkerSettings
from colorworker.errors import ItemError
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.provenance.signer import library, open_signer, sign_detached, unfit

_EMBEDDING = frozenset((".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".mp4", ".m4v", ".mov"))
"""Extensions of outputs that get their manifest inside. Matroska and JPEG 2000 cannot hold one."""
_CONTEXT = {
    "builder": {"thumbnail": {"enabled": False}},  # it would decode pictures of any size
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}
_PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108000000003a7e9b55"
    "0000000a49444154789c6360000000020001488fa4710000000049454e44ae426082"
)
"""A PNG of one pixel, to try a certificate and a key."""


def embeds(key: str) -> bool:
    """Return whether an output of this name can hold a manifest."""
    return suffix_of(key).lower() in _EMBEDDING


def sidecar_key(key: str) -> str:
    """Return the key of the manifest beside an output, where C2PA's own tools look for it."""
    return key.removesuffix(suffix_of(key)) + ".c2pa"


def check_signing(settings: WorkerSettings) -> None:
    """Check that this machine can sign: library, certificate and key.

    Raises:
        UsageError: If it cannot.
    """
    created = {"action": "c2pa.created", "digitalSourceType": SOURCE_TYPE}
    assertions = [{"label": "c2pa.actions.v2", "data": {"actions": [created]}}]
    signer = open_signer(settings)
    try:
        with _builder({"title": "test", "assertions": assertions}) as builder:
            builder.sign(signer, "image/png", io.BytesIO(_PIXEL), io.BytesIO())
    except library().C2paError as error:
        seen = f"C2PA does not accept it ({error})"
        raise unfit("COLORWORKER_C2PA__CERTIFICATE", seen) from error


def sign_file(
    context: WorkerContext, asset: Asset, options: Options, source_sha256: str, path: Path, key: str
) -> None:
    """Embed a manifest in a file, in place.

    Args:
        context: The worker.
        asset: The source, which becomes an ingredient.
        options: Options of the output.
        source_sha256: SHA-256 of the source.
        path: The file.
        key: Key of the output.

    Raises:
        ItemError: If the file cannot hold one.
        UsageError: If this machine cannot sign.
    """
    signer = open_signer(context.settings)
    with (
        _built(context, asset, options, source_sha256, key) as builder,
        context.temporary(path.suffix) as signed,
    ):
        try:
            with path.open("rb") as source, signed.open("w+b") as target:
                builder.sign(signer, media_type(key), source, target)
        except library().C2paError as error:
            raise ItemError(key, f"no C2PA manifest can be embedded ({error})") from error
        signed.replace(path)


def detached_manifest(
    context: WorkerContext, asset: Asset, options: Options, source_sha256: str, key: str
) -> bytes:
    """Return a manifest for an output in a format that cannot hold one.

    Raises:
        UsageError: If this machine cannot sign.
    """
    signer = open_signer(context.settings)
    with (
        _built(context, asset, options, source_sha256, key) as builder,
        context.destination.open(key) as output,
    ):
        return sign_detached(builder, signer, output)


def manifest_defect(reader: BinaryIO, key: str, manifest: bytes | None = None) -> str:
    """Return why an output's manifest is not valid, as a clause; empty if it is.

    A certificate that nobody vouches for is no defect: an archive may have made its own.

    Args:
        reader: The output.
        key: Its key.
        manifest: The manifest beside it; None for the one embedded in it.

    Raises:
        DependencyMissing: If the library is not installed.
    """
    c2pa = library()
    try:
        read = c2pa.Reader(
            media_type(key), reader, manifest, context=c2pa.Context.from_dict(_CONTEXT)
        )
        values = json.loads(read.json())
    except c2pa.C2paError as error:
        return f"it does not read ({error})"
    if values.get("validation_state") in {"Valid", "Trusted"}:
        return ""
    failures = values.get("validation_results", {}).get("activeManifest", {}).get("failure", [])
    codes = {each.get("code", "") for each in failures} - {"signingCredential.untrusted"}
    return f"it is not valid ({', '.join(sorted(codes)) or 'no reason given'})"


def _manifest(
    context: WorkerContext, asset: Asset, options: Options, source_sha256: str, key: str
) -> dict[str, Any]:
    agent = {"name": "colorworker", "version": __version__}
    actions = [
        {"action": "c2pa.opened", "parameters": {"ingredientIds": ["source"]}},
        {
            "action": "c2pa.color_adjustments",
            "digitalSourceType": SOURCE_TYPE,
            "softwareAgent": agent,
            "description": "Chroma was predicted by a neural network; luma is the source's.",
        },
    ]
    facts = {
        "source": {"name": asset.key, "size_bytes": asset.size_bytes, "sha256": source_sha256},
        "models": [each._asdict() for each in model_facts(context.model)],
        "options": to_json({"profile": options.profile, **non_default(options)}),
    }
    return {
        "claim_generator_info": [agent],
        "title": key.rpartition("/")[2],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": actions}},
            {"label": "colorworker.provenance", "data": facts},
        ],
    }


@contextmanager
def _built(
    context: WorkerContext, asset: Asset, options: Options, source_sha256: str, key: str
) -> Iterator[Any]:
    """Give a builder whose ingredient is the source, with the source's own manifest if any."""
    c2pa = library()
    kind = media_type(asset.key)
    ingredient = {
        "title": asset.key.rpartition("/")[2],
        "format": kind,
        "relationship": "parentOf",
        "label": "source",
        "instance_id": f"sha256:{source_sha256}",
        "description": f"SHA-256 {source_sha256}",
    }
    manifest = _manifest(context, asset, options, source_sha256, key)
    with ExitStack() as stack:
        builder = stack.enter_context(_builder(manifest))
        if kind in c2pa.Reader.get_supported_mime_types():
            source = stack.enter_context(context.source(asset))
            try:
                builder.add_ingredient(json.dumps(ingredient), kind, source)
            except c2pa.C2paError:  # of a kind that C2PA reads, but not as it is
                pass
            else:
                yield builder
                return
    with _builder({**manifest, "ingredients": [ingredient]}) as builder:
        yield builder


def _builder(manifest: dict[str, Any]) -> Any:
    c2pa = library()
    context = c2pa.Context.from_dict(_CONTEXT)
    return c2pa.Builder(json.dumps(manifest), context=context)
