"""Color the further pages of a TIFF, one after another, and join them with the first one."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from colorworker.domain.label import Notice
from colorworker.domain.notes import Note
from colorworker.errors import SourceUnsupported
from colorworker.media.stills.picture import VipsPicture
from colorworker.media.stills.savers import BIGTIFF_BYTES
from colorworker.media.stills.tiffappend import append_page
from colorworker.media.stills.vips import open_still, verify_still, write_still, write_unchanged
from colorworker.pipeline.context import WorkerContext

Floats = npt.NDArray[np.float32]
Predict = Callable[[VipsPicture, Floats], tuple[Floats, Floats] | None]
"""From a page and the L*a*b* of its file at the model's size to slope and offset of its chroma.

None keeps the page as it is."""
TIFF_NAMES = (".tif", ".tiff")
_BANDS = 3


def is_big(picture: VipsPicture) -> bool:
    """Return whether the pages together may need 64-bit offsets; they count as large as the first.

    A file of one page decides by its own size.
    """
    info = picture.info
    page_bytes = info.width * info.height * _BANDS * info.bit_depth // 8
    return info.pages > 1 and info.pages * page_bytes > BIGTIFF_BYTES


def check_pages(picture: VipsPicture, extension: str) -> None:
    """Check that the output can hold all pages.

    Raises:
        SourceUnsupported: If there are several, and the output is not TIFF.
    """
    if picture.info.pages > 1 and extension not in TIFF_NAMES:
        raise SourceUnsupported(
            picture.key,
            f"it has {picture.info.pages} pages, and {extension} holds only one",
            "Give the source its right extension (.tif), or use --profile archive",
        )


def add_pages(
    context: WorkerContext,
    picture: VipsPicture,
    path: Path,
    notice: Notice | None,
    shape: Callable[[int, int], tuple[int, int]],
    predict: Predict,
    kept: list[int],
) -> None:
    """Append the second and further pages to the file of the first one.

    Args:
        context: The worker's settings and folder for temporary files.
        picture: The first page, still open.
        path: Its output.
        notice: Notice for every page.
        shape: From height and width to the model's size.
        predict: Colors of a page.
        kept: Numbers, from 1, of the pages before that were kept as they are.

    Raises:
        SourceDamaged: If a page does not decode completely.
        OutputMismatch: If a written page does not have the source's lightness.
        SourceUnsupported: If the kind of a page is not supported.
    """
    kept = list(kept)
    for number in range(1, picture.info.pages):
        context.progress.step()
        with _opened(context, picture, number) as found, context.temporary(".tif") as other:
            page = replace(found, is_negative=picture.is_negative)
            # A negative's own colors say whether it is one in color.
            lab = found.proxy(*shape(page.info.upright_height, page.info.upright_width))
            coefficients = predict(page, lab)
            if coefficients is None:
                kept.append(number + 1)
                write_unchanged(page, other, big=is_big(picture))
            else:
                write_still(page, *coefficients, other, ".tif", notice, big=is_big(picture))
            if coefficients is None:
                verify_still(found, other)
            else:
                verify_still(page, other, notice)
            append_page(path, other)
            picture.warnings.extend(page.warnings)
    if picture.info.pages > 1:
        picture.warnings.append(Note(f"all {picture.info.pages} pages are in the output"))
    if kept:
        numbers = ", ".join(map(str, kept))
        picture.warnings.append(
            Note(f"pages in color or with two tones are kept as they are: {numbers}")
        )


def further_pages(
    context: WorkerContext, picture: VipsPicture, shape: Callable[[int, int], tuple[int, int]]
) -> Iterator[tuple[VipsPicture, Floats]]:
    """Yield each page after the first one, open, and its L*a*b* at the model's size.

    Args:
        context: See `add_pages`.
        picture: See `add_pages`.
        shape: See `add_pages`.

    Raises:
        SourceDamaged: If a page does not decode completely.
        SourceUnsupported: If the kind of a page is not supported.
    """
    for number in range(1, picture.info.pages):
        context.progress.step()
        with _opened(context, picture, number) as page:
            yield page, page.proxy(*shape(page.info.upright_height, page.info.upright_width))


def _opened(
    context: WorkerContext, picture: VipsPicture, number: int
) -> AbstractContextManager[VipsPicture]:
    reader = picture.image_source.reader
    assert reader is not None  # noqa: S101 (the picture is open)
    return open_still(
        reader,
        f"{picture.key} (page {number + 1})",
        max_pixels=context.settings.max_pixels,
        scratch=context.scratch_folder(),
        page=number,
    )
