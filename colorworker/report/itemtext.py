"""What a page says of one item besides its picture: options of its own, its film's streams."""

from collections import Counter
from collections.abc import Iterator

from colorworker.domain.excerpt import Excerpt
from colorworker.domain.options import Adjustment
from colorworker.domain.streamfate import Fate
from colorworker.report.itemlines import ItemLine

_CHANGED: tuple[Fate, ...] = ("recoded", "left out")
"""Fates of streams whose viewers get something else than there was, or nothing."""


_NO_LANGUAGE = ("", "und")
"""`und` is how MP4 says that nobody said it (ISO 639-2)."""


def own_options_text(line: ItemLine) -> str:
    """Return in which options an item differs from its job's others; empty where in none."""
    return "; ".join(_own_options(line))


def _own_options(line: ItemLine) -> Iterator[str]:
    for name, value in line.own_options.items():
        if name == "adjustments":
            yield from (_adjusted(Adjustment(*each)) for each in value)
        elif value is not None:
            yield f"{name.replace('_', ' ')} {value}"


def _adjusted(adjustment: Adjustment) -> str:
    looks = {"vividness": adjustment.vividness, "temperature": adjustment.temperature}
    said = " and ".join(f"{name} {value:g}" for name, value in looks.items() if value is not None)
    return f"{said} from {Excerpt(adjustment.start_ms, adjustment.end_ms)}"


def streams_summary(line: ItemLine) -> str:
    """Return how many streams a film's source has, and of how many of them something is lost."""
    fates = Counter(stream.fate for stream in line.streams)
    known = len({stream.index for stream in line.streams})
    lost = ", ".join(f"{fates[fate]} {fate}" for fate in _CHANGED if fates[fate])
    streams = f"{known} stream{'' if known == 1 else 's'}"
    return f"{streams}: {lost}" if lost else f"{streams}, nothing left out"


def stream_rows(line: ItemLine) -> Iterator[tuple[str, str, bool]]:
    """Yield of each stream its name, what became of it, and whether that is a loss or a change."""
    for stream in line.streams:
        name = " ".join(filter(None, (str(stream.index), stream.kind, stream.codec)))
        language, fate, detail = stream.language, stream.fate, stream.detail
        yield (
            name if language in _NO_LANGUAGE else f"{name}, {language}",
            f"{fate}: {detail}" if detail else fate,
            fate in _CHANGED,
        )
