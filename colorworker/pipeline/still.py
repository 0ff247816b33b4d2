"""Colour one picture: proxy -> L* -> chroma -> guided to full size -> encoder."""

from contextlib import ExitStack
from dataclasses import replace
from pathlib import PurePosixPath

import numpy as np
import numpy.typing as npt

from colorworker.color.guided import fit
from colorworker.color.tone import is_colour
from colorworker.errors import AlreadyColour
from colorworker.media.stills.picture import VipsPicture
from colorworker.media.stills.vips import open_still, verify_still, write_still
from colorworker.pipeline.hashing import at_hand
from colorworker.pipeline.thumbnail import still_thumbnail
from colorworker.pipeline.workshop import Clock, Workshop, sha256_of_file
from colorworker.provenance.record import attempt_key, commit, finished, now, thumbnail_key
from colorworker.work.ledger import Record
from colorworker.work.plan import Still

Floats = npt.NDArray[np.float32]


def colour_still(workshop: Workshop, unit: Still, attempt: int) -> tuple[Record, bool]:
    """Return the published picture's record and whether it was found.

    A picture that is in colour already gets a record too, of the outcome `skipped`.

    Raises:
        SourceDamaged: If the picture does not decode whole.
        SourceTooLarge: If its header promises more pixels than the bound on decoders.
        SourceUnsupported: If it is of a form that is not coloured.
        OutputMismatch: If the written file does not have the source's lightness.
    """
    store = workshop.destination
    if found := finished(store, unit.unit_id):
        return found, True
    clock = Clock()
    record = Record(
        unit.unit_id,
        "still",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        weights_sha256=workshop.model.sha256,
        attempt=attempt,
        worker=workshop.worker,
    )
    with workshop.source(unit.asset) as remote, ExitStack() as stack:
        with clock.phase("read"):
            reader, source_sha256 = stack.enter_context(at_hand(remote, workshop.scratch_folder()))
        with open_still(reader, unit.asset.key, max_pixels=workshop.max_pixels) as picture:
            facts = {
                "width": picture.info.width,
                "height": picture.info.height,
                "source_sha256": source_sha256,
            }
            record = _colour(workshop, unit, replace(record, info=facts), picture, clock)
    return commit(store, replace(record, created_at=now(), seconds=clock.rounded())), False


def _colour(
    workshop: Workshop, unit: Still, record: Record, picture: VipsPicture, clock: Clock
) -> Record:
    """Put the coloured picture under its attempt's key; or only say that it is in colour."""
    options = workshop.options
    colorizer = workshop.colorizer()
    shape = colorizer.working_shape(picture.info.upright_height, picture.info.upright_width)
    with clock.phase("decode"):
        lab = picture.proxy(*shape)
    if options.colour_sources == "skip" and is_colour(lab):
        return _skipped(record)
    with clock.phase("predict"):
        ab = colorizer.predict(lab[None, ..., 0])[0]
    thumbnail = thumbnail_key(unit.unit_id)
    workshop.destination.put(thumbnail, still_thumbnail(lab[..., 0], ab, picture.info))
    record = replace(record, thumbnail_key=thumbnail)
    if options.preview:
        return record
    return _write(workshop, unit, record, picture, lab[..., 0], ab, clock)


def _write(
    workshop: Workshop,
    unit: Still,
    record: Record,
    picture: VipsPicture,
    lightness: Floats,
    ab: Floats,
    clock: Clock,
) -> Record:
    extension = PurePosixPath(unit.output_key).suffix.lower()
    key = attempt_key(unit.unit_id, extension)
    with workshop.temporary(extension) as path:
        with clock.phase("encode"):
            write_still(picture, *fit(lightness, ab), path, extension)
        with clock.phase("verify"):
            verify_still(picture, path)
        with clock.phase("write"):
            sha256 = sha256_of_file(path)
            stored = workshop.destination.put_file(key, path)
    return replace(
        record,
        attempt_key=key,
        output_key=unit.output_key,
        etag=stored.etag,
        size_bytes=stored.size_bytes,
        sha256=sha256,
    )


def _skipped(record: Record) -> Record:
    error = AlreadyColour(
        record.source_key,
        "in colour already",
        "Give --colour-sources recolour to colour it anew",
    )
    said = {"error_code": error.code, "error": str(error)}
    return replace(record, outcome="skipped", info={**record.info, **said})
