"""Color one picture: decode small, predict chroma, upsample it along the luma, encode."""

from collections.abc import Callable
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import numpy as np
import numpy.typing as npt

from colorworker import __version__
from colorworker.color.guided import fit_to_luma
from colorworker.color.knowncolors import KnownColors, apply_known_colors
from colorworker.color.tone import is_color, keep_own_colors
from colorworker.domain.label import Notice, notice_of
from colorworker.domain.notes import Note, split_notes
from colorworker.domain.options import Options
from colorworker.domain.records import Record, StillInfo, info_of
from colorworker.domain.units import Still
from colorworker.errors import AlreadyColor, ItemSkipped, OnlyTwoTones
from colorworker.media.stills.decoded import check_bytes, check_room
from colorworker.media.stills.picture import VipsPicture, positive
from colorworker.media.stills.savers import format_for
from colorworker.media.stills.vips import open_still, verify_still, write_still, write_unchanged
from colorworker.pipeline.beforeafter import still_thumbnail
from colorworker.pipeline.context import WorkerContext
from colorworker.pipeline.detail import Detail, add_detail, find_detail
from colorworker.pipeline.exemplarcolorizer import colorizer_for
from colorworker.pipeline.givencolors import read_hints
from colorworker.pipeline.hashing import open_rereadable, sha256_of_file
from colorworker.pipeline.phasetimer import PhaseTimer
from colorworker.pipeline.provenance.credentials import sign_file
from colorworker.pipeline.scanview import ScanView, border_note, refuse_negative, view_of
from colorworker.pipeline.stillpages import add_pages, check_pages, further_pages, is_big
from colorworker.state import check_name, commit, finished, now, store_output, thumbnail_key

Floats = npt.NDArray[np.float32]
ComputeLock = AbstractContextManager[object]
"""A lock that pictures colored at the same time share, so that only one of them computes."""

_WRITTEN = frozenset(("jpeg", "png", "tiff", "webp", "jpeg2000", "jpegxl"))
"""Formats of pictures that outputs have, too."""
_NO_CHROMA = 2.0
"""Largest |a*| and |b*| of a picture that is certainly gray: at these no pixel can differ from the
picture's tone."""


@dataclass(frozen=True)
class OpenStill:
    """A picture that is decoded but not yet colored; `close` closes its source."""

    unit: Still
    record: Record
    picture: VipsPicture
    lab: Floats
    """L*a*b* of the upright picture at the model's size, (h, w, 3)."""
    view: ScanView
    """What the network sees of it."""
    known: tuple[KnownColors, ...]
    """Known colors at the size of `lab`, in the order in which they are applied."""
    timer: PhaseTimer
    close: Callable[[], None]
    detail: Detail | None = None
    """What parts of the picture add to the prediction for the whole."""
    keeps_first: bool = False
    """Whether the first page stays as it is, and only further ones are colored."""


def open_for_color(
    context: WorkerContext, unit: Still, attempt: int, computing: ComputeLock
) -> OpenStill | tuple[Record, bool]:
    """Open a picture and decode it at the model's size.

    Args:
        context: The worker's stores, model and settings.
        unit: The picture.
        attempt: Number of the attempt, from 1.
        computing: Held while the CPU is busy, not while waiting for a store.

    Returns:
        The open picture; or, if there is nothing to color, its record and whether that existed
        already. A picture that is in color already, or has only two tones, gets a new record with
        the outcome `skipped`.

    Raises:
        OutputCollision: If the destination has a file of the output's name that no job wrote.
        SourceDamaged: If the picture does not decode completely.
        SourceTooLarge: If it has more pixels than decoders may produce.
        SourceUnsupported: If its format is not supported, or it is a negative.
        HintsRefused: If its color hints cannot be used.
    """
    if found := finished(context.destination, unit.unit_id):
        return found, True
    if not unit.options.preview:
        check_name(context.destination, unit.output_key)
    check_bytes(unit.asset.key, unit.asset.size_bytes, context.settings.max_pixels)
    check_room(unit.asset.key, unit.asset.size_bytes, context.scratch_folder())
    timer = context.timer(unit.unit_id)
    with ExitStack() as stack:
        with timer.phase("read"):
            remote = stack.enter_context(context.source(unit.asset))
            reader, sha256 = stack.enter_context(open_rereadable(remote, context.scratch_folder()))
        picture = stack.enter_context(
            open_still(
                reader,
                unit.asset.key,
                max_pixels=context.settings.max_pixels,
                scratch=context.scratch_folder(),
            )
        )
        record = _new_record(context, unit, attempt, picture, sha256)
        bilevel = unit.options.color_sources == "skip" and picture.is_bilevel
        if bilevel and not _has_gray_page(context, unit.options, picture):
            return _commit(context, _as_skipped(record, _two_tones(record)), timer), False
        colorizer = colorizer_for(context, unit.options)
        shape = colorizer.working_shape(picture.info.upright_height, picture.info.upright_width)
        with computing, timer.phase("decode"):
            lab = picture.proxy(*shape)
        keeps_first = _keeps_page(unit.options, picture, lab)
        if keeps_first and not bilevel and not _has_gray_page(context, unit.options, picture):
            return _commit(context, _as_skipped(record, _already_color(record)), timer), False
        if unit.options.polarity == "negative":
            picture, lab = replace(picture, is_negative=True), positive(lab)
            picture.warnings.append(Note("the negative was inverted: L* is 100 - L*"))
        with computing:
            view = view_of(lab, colorizer, unit.options.borders)
            if unit.options.polarity == "auto":
                refuse_negative(unit.asset.key, view)
        if view.area is not None:
            picture.warnings.append(border_note(view.area))
        size = picture.info.upright_height, picture.info.upright_width
        known = read_hints(context, unit.options.hint_files, size, lab[..., 0], colorizer)
        close = stack.pop_all().close
        return OpenStill(
            unit, record, picture, lab, view, known, timer, close, keeps_first=keeps_first
        )
    raise AssertionError  # mypy: the stack swallows nothing


def finish_in_color(
    context: WorkerContext, still: OpenStill, ab: Floats, computing: ComputeLock
) -> tuple[Record, bool]:
    """Write and publish a picture; return its record and False, because the record is new.

    Args:
        context: The worker's stores, model and settings.
        still: From `open_for_color`, still open.
        ab: Predicted a* and b*, (h, w, 2), at the size of `still.view.lightness`.
        computing: See `open_for_color`.

    Raises:
        SourceDamaged: If the picture does not decode completely.
        OutputMismatch: If the written file does not have the source's lightness.
    """
    record = replace(still.record, thumbnail_key=thumbnail_key(still.unit.unit_id))
    with computing:
        predicted = still.view.into_picture(ab)
        ab = _with_own_colors(still.unit.options, still.view, still.lab, predicted)
        ab = apply_known_colors(still.lab[..., 0], ab, still.known)
        if still.keeps_first:
            ab = still.lab[..., 1:]
        thumbnail = still_thumbnail(still.lab[..., 0], ab, still.picture.info)
        lightness = still.lab[..., 0]
        if still.detail:
            ab = add_detail(still.detail, lightness, ab, predicted)
            lightness = still.detail.lightness
        fitted = fit_to_luma(lightness, ab)
    context.destination.put(record.thumbnail_key, thumbnail)
    is_published = False
    if not still.unit.options.preview:
        record, is_published = _write(context, still, record, fitted, computing)
    return _commit(context, record, still.timer, is_published=is_published), False


def with_detail(context: WorkerContext, still: OpenStill, ab: Floats) -> OpenStill:
    """Return the picture with what predictions for its parts add, if it is large enough.

    Args:
        context: The worker's model.
        still: The open picture.
        ab: See `finish_in_color`.

    Raises:
        SourceDamaged: If the picture does not decode completely.
    """
    options = still.unit.options
    colorizer = colorizer_for(context, options)
    found = find_detail(still.picture, still.view, ab, colorizer, options.detail)
    return replace(still, detail=found)


def _with_own_colors(options: Options, view: ScanView, lab: Floats, ab: Floats) -> Floats:
    """Return predicted colors with those that the picture has itself."""
    if _has_chroma(lab) and not is_color(lab, options.color_share):
        ab = keep_own_colors(ab, lab)
    return view.keep_outside(ab, lab)


def _add_pages(context: WorkerContext, still: OpenStill, path: Path, notice: Notice | None) -> None:
    """Color the further pages of a TIFF and append them to the first one."""
    options = still.unit.options
    colorizer = colorizer_for(context, options)

    def predict(page: VipsPicture, lab: Floats) -> tuple[Floats, Floats] | None:
        if _keeps_page(options, page, lab):
            return None
        lab = positive(lab) if page.is_negative else lab
        view = view_of(lab, colorizer, options.borders)
        seen = colorizer.predict(view.lightness[None])[0]
        detail = find_detail(page, view, seen, colorizer, options.detail)
        predicted, lightness = view.into_picture(seen), lab[..., 0]
        ab = _with_own_colors(options, view, lab, predicted)
        if detail:
            ab, lightness = add_detail(detail, lightness, ab, predicted), detail.lightness
        return fit_to_luma(lightness, ab)

    kept = [1] if still.keeps_first else []
    add_pages(context, still.picture, path, notice, colorizer.working_shape, predict, kept)


def _new_record(
    context: WorkerContext, unit: Still, attempt: int, picture: VipsPicture, source_sha256: str
) -> Record:
    return Record(
        unit.unit_id,
        "still",
        "succeeded",
        unit.asset.key,
        unit.asset.etag,
        weights_sha256=context.model.hashes,
        attempt=attempt,
        worker=context.worker,
        source_root=unit.asset.root,
        software=__version__,
        info=StillInfo(picture.info.width, picture.info.height, source_sha256),
    )


def _commit(
    context: WorkerContext, record: Record, timer: PhaseTimer, *, is_published: bool = False
) -> Record:
    record = replace(record, created_at=now(), seconds=timer.rounded())
    return commit(context.destination, record, is_published=is_published)


def _is_in_color(lab: Floats, share: float) -> bool:
    """Return whether the picture is in color; fast for gray ones, where `is_color` takes 10 ms."""
    return _has_chroma(lab) and is_color(lab, share)


def _keeps_page(options: Options, page: VipsPicture, lab: Floats) -> bool:
    """Return whether a page stays as it is: it is in color already, or has two tones."""
    in_color = page.is_bilevel or _is_in_color(lab, options.color_share)
    return options.color_sources == "skip" and in_color


def _has_gray_page(context: WorkerContext, options: Options, picture: VipsPicture) -> bool:
    """Return whether a page after the first one is to be colored."""
    shape = colorizer_for(context, options).working_shape
    return any(
        not _keeps_page(options, page, lab) for page, lab in further_pages(context, picture, shape)
    )


def _has_chroma(lab: Floats) -> bool:
    return float(np.abs(lab[..., 1:]).max()) > _NO_CHROMA


def _write(
    context: WorkerContext,
    still: OpenStill,
    record: Record,
    fitted: tuple[Floats, Floats],
    computing: ComputeLock,
) -> tuple[Record, bool]:
    """Write and store the output; return its record, and whether it has its final name already."""
    unit, picture, timer = still.unit, still.picture, still.timer
    extension = PurePosixPath(unit.output_key).suffix.lower()
    suffix = PurePosixPath(unit.asset.key).suffix
    ending = f"ends in {suffix}" if suffix else "has no extension"
    source_sha256 = info_of(record, StillInfo).source_sha256
    notice = notice_of(unit.options, context.model, source_sha256)
    first_notice = None if still.keeps_first else notice
    check_pages(picture, extension)
    with context.temporary(extension) as path:
        with computing:
            with timer.phase("encode"):
                if still.keeps_first:
                    first = replace(picture, is_negative=False)
                    write_unchanged(first, path, big=is_big(picture))
                else:
                    first = picture
                    write_still(picture, *fitted, path, extension, notice, big=is_big(picture))
                if picture.info.pages > 1:
                    _add_pages(context, still, path, notice)
                if unit.options.c2pa:
                    sign_file(
                        context, unit.asset, unit.options, source_sha256, path, unit.output_key
                    )
            with timer.phase("verify"):
                verify_still(first, path, first_notice)
        with timer.phase("write"):
            stored = store_output(
                context.destination, unit.unit_id, unit.output_key, path, sha256_of_file(path)
            )
    loader, written = picture.info.loader, format_for(extension)
    if loader != written and unit.options.profile == "access":
        why = f"{loader} is only read" if loader not in _WRITTEN else f"its name {ending}"
        picture.warnings.append(Note(f"written as {written.upper()}: {why}"))
    warnings, notes = split_notes(picture.warnings)
    info = replace(info_of(record, StillInfo), warnings=warnings, notes=notes)
    record = replace(
        record,
        info=info,
        attempt_key=stored.attempt_key,
        output_key=unit.output_key,
        etag=stored.etag,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        signed=unit.options.c2pa,
    )
    return record, stored.is_published


def _already_color(record: Record) -> AlreadyColor:
    return AlreadyColor(
        record.source_key,
        "in color already",
        "Use --color-sources recolor to color it again",
    )


def _two_tones(record: Record) -> OnlyTwoTones:
    return OnlyTwoTones(
        record.source_key,
        "only black and white without grays (1 bit per pixel), which have no room for color",
        "Scan the original in gray, or use --color-sources recolor to write it as RGB",
    )


def _as_skipped(record: Record, error: ItemSkipped) -> Record:
    info = replace(info_of(record, StillInfo), error_code=error.code, error=str(error))
    return replace(record, outcome="skipped", info=info)
