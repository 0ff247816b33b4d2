"""The references of a segment: read, registered to their frames, and ready to be carried."""

from dataclasses import dataclass

import numpy as np

from colorworker.color.knowncolors import KnownColors
from colorworker.domain.references import ReferenceFrame
from colorworker.errors import ItemError, KeyMissing
from colorworker.media.registration import (
    Registration,
    apply_registration,
    correlation_of,
    register,
    stretching,
)
from colorworker.media.stills.referencepicture import reference_lab, require_color
from colorworker.pipeline.filmluma import FilmLuma, Floats
from colorworker.pipeline.propagation.carrying import ColorCarrier, KnownFrame, KnownPlace

POOR_MATCH = 0.85
"""Correlation of lightness below which a picture and its frame are reported as not matching. True
references have 0.98 and more, mirrored ones less than 0.77."""
_BETTER = 0.05
"""Correlation that another frame must have more to be named."""
_NEIGHBORS = 24
"""Frames before and after a frame that are compared with a picture that does not match it."""


@dataclass(frozen=True)
class _Loading:
    """What loading needs, and the warnings so far."""

    film: FilmLuma
    warnings: list[str]


def load_references(film: FilmLuma, warnings: list[str]) -> ColorCarrier:
    """Return what carries the colors of a segment's references.

    A reference is read when a frame needs it. One that cannot be used is left out with a warning.
    Of the segments that use one, only the segment with its frame warns about it.

    Args:
        film: Reads the film of the segment.
        warnings: Receives a sentence for each problem, until the segment is colored.

    Later, the carrier raises SourceDamaged if the frame of a reference does not decode, and
    StoreUnavailable if the store of the references does not answer.
    """
    loading = _Loading(film, warnings)
    frames = len(film.timeline.pts)
    by_place = {}
    for reference in film.unit.options.reference_frames:
        if reference.frame >= frames:
            warnings.append(
                f"reference {reference.key} is for frame {reference.frame}, but the film has frames"
                f" 0 to {frames - 1}; it is not used"
            )
        elif reference.end is None or reference.first < reference.end:
            place = KnownPlace(reference.frame, reference.first, reference.end)
            by_place[place] = reference
    return ColorCarrier(
        list(by_place), lambda place: _known_frame(loading, by_place[place]), film.first
    )


def _known_frame(loading: _Loading, reference: ReferenceFrame) -> KnownFrame | None:
    """Return a reference registered to its frame; None, with a warning, if it cannot be used."""
    try:
        lab = _read(loading, reference)
    except (ItemError, KeyMissing) as error:
        unused = "" if "not used" in error.seen else "; it is not used"
        _warn(loading, reference, f"reference {error.subject}: {error.seen}{unused}")
        return None
    (lightness,) = loading.film.lightness(reference.frame, reference.frame + 1)
    known, match = register_reference(lightness, lab)
    if match.correlation < POOR_MATCH and loading.film.contains(reference.frame):
        _warn(loading, reference, _poor_match(loading, reference, lightness, lab, match))
    return known


def _warn(loading: _Loading, reference: ReferenceFrame, warning: str) -> None:
    if loading.film.contains(reference.frame) and warning not in loading.warnings:
        loading.warnings.append(warning)


def register_reference(lightness: Floats, lab: Floats) -> tuple[KnownFrame, Registration]:
    """Return a reference moved onto its frame, and how well it matches.

    Args:
        lightness: L* of the frame in [0, 100], (h, w).
        lab: The reference as L*a*b*, (h', w', 3), of any size.
    """
    match = register(lightness, np.ascontiguousarray(lab[..., 0]))
    moved, covered = apply_registration(match.matrix, lab, lightness.shape)
    colors = KnownColors(np.ascontiguousarray(moved[..., 1:]), covered, "reference")
    return KnownFrame(lightness, colors), match


def _read(loading: _Loading, reference: ReferenceFrame) -> Floats:
    """Return the picture as L*a*b*.

    Raises:
        ItemError: If it cannot be used.
        KeyMissing: If it is gone.
    """
    film = loading.film
    store = film.context.open_source(reference.root or film.unit.options.references)
    limit = film.context.settings.max_pixels
    with store.open(reference.key, etag=reference.etag) as reader:
        lab = reference_lab(reader, reference.key, limit, min(film.working))
    require_color(lab, reference.key)
    return lab


def _poor_match(
    loading: _Loading,
    reference: ReferenceFrame,
    lightness: Floats,
    lab: Floats,
    match: Registration,
) -> str:
    """Return the warning about a picture that does not match its frame."""
    text = (
        f"reference {reference.key} matches frame {reference.frame} poorly (correlation"
        f" {match.correlation:.2f})"
    )
    mirrored = np.ascontiguousarray(lab[:, ::-1, 0])
    if register(lightness, mirrored).correlation >= max(POOR_MATCH, match.correlation + _BETTER):
        return f"{text}: it is mirrored"
    best, correlation = _best_neighbor(loading, reference, np.ascontiguousarray(lab[..., 0]))
    if correlation >= match.correlation + _BETTER:
        return f"{text}; frame {best} matches better ({correlation:.2f})"
    return f"{text}; no frame near it matches better"


def _best_neighbor(
    loading: _Loading, reference: ReferenceFrame, picture: Floats
) -> tuple[int, float]:
    """Return the frame near a reference's that its picture matches best, and the correlation."""
    first = max(0, reference.frame - _NEIGHBORS)
    end = min(len(loading.film.timeline.pts), reference.frame + _NEIGHBORS + 1)
    best = (reference.frame, -1.0)
    for index, lightness in enumerate(loading.film.lightness(first, end), first):
        rough = correlation_of(lightness, picture, stretching(lightness.shape, picture.shape))
        if rough > best[1]:
            best = (index, max(rough, register(lightness, picture).correlation))
    return best
