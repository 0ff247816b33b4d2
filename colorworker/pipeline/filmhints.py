"""The hints of a segment: read, drawn on their frames, and ready to be carried."""

from collections import defaultdict

from colorworker.color.colorizerprotocol import Colorizer
from colorworker.color.knowncolors import KnownColors
from colorworker.domain.hints import InputFile
from colorworker.errors import HintsRefused
from colorworker.pipeline.filmluma import FilmLuma
from colorworker.pipeline.givencolors import read_hints
from colorworker.pipeline.propagation.carrying import KnownPlace
from colorworker.pipeline.propagation.hintcarrying import HintCarrier, HintedFrame


def load_hints(film: FilmLuma, colorizer: Colorizer, warnings: list[str]) -> HintCarrier:
    """Return what carries the hints of a segment.

    Hints are read when a frame needs them. Those that cannot be used are left out with a warning,
    by the segment with their frame.

    Args:
        film: Reads the film of the segment.
        colorizer: Tells what the network sees under strokes.
        warnings: Receives a sentence for each problem, until the segment is colored.

    Later, the carrier raises SourceDamaged if a hinted frame does not decode, and StoreUnavailable
    if the store of the hints does not answer.
    """
    frames = len(film.timeline.pts)
    by_place: dict[KnownPlace, list[InputFile]] = defaultdict(list)
    for file in film.unit.options.hint_files:
        frame = file.frame or 0
        if frame >= frames:
            warnings.append(
                f"hints {file.key} are for frame {frame}, but the film has frames 0 to"
                f" {frames - 1}; they are not used"
            )
        elif file.end is None or file.first < file.end:
            by_place[KnownPlace(frame, file.first, file.end)].append(file)
    places = list(by_place)
    return HintCarrier(
        lambda: places,
        lambda place: _hinted(film, colorizer, place, by_place[place], warnings),
        film.first,
    )


def _hinted(
    film: FilmLuma,
    colorizer: Colorizer,
    place: KnownPlace,
    files: list[InputFile],
    warnings: list[str],
) -> HintedFrame | None:
    """Return a frame with its hints; None if there are none that can be used."""
    (lightness,) = film.lightness(place.frame, place.frame + 1)
    known: list[KnownColors] = []
    for file in files:
        try:
            known += read_hints(
                film.context, [file], shown_size(film), lightness, colorizer, coded_size(film)
            )
        except HintsRefused as error:
            warning = f"hints {error.subject}: {error.seen}; they are not used"
            if film.contains(place.frame) and warning not in warnings:
                warnings.append(warning)
    return HintedFrame(lightness, tuple(known)) if known else None


def shown_size(film: FilmLuma) -> tuple[int, int]:
    """Return the (height, width) of a film's frames with square pixels, which hints count."""
    info = film.info
    return info.height, round(info.width * (info.sample_aspect_ratio or 1))


def coded_size(film: FilmLuma) -> tuple[int, int]:
    """Return the (height, width) of a film's frames in the file."""
    return film.info.height, film.info.width
