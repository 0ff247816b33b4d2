"""Text about one item on the report page: its own options, and the streams of a film."""

from collections import Counter
from collections.abc import Iterator

from colorworker.domain.excerpt import Excerpt
from colorworker.domain.options import Adjustment
from colorworker.domain.streamfate import Fate
from colorworker.report.itemlines import ItemLine

_CHANGED: tuple[Fate, ...] = ("recoded", "left out")
"""Fates of streams that are changed or missing in the output."""


_NO_LANGUAGE = ("", "und")
"""`und` means undetermined (ISO 639-2); MP4 uses it if no language is set."""


def own_options_text(line: ItemLine) -> str:
    """Return an item's options that differ from the job's, as text; empty if there are none."""
    return "; ".join(_own_options(line))


def _own_options(line: ItemLine) -> Iterator[str]:
    for name, value in line.own_options.items():
        if name == "adjustments":
            yield from (_adjustment_text(Adjustment(*each)) for each in value)
        elif name == "reference_frames":
            yield f"{len(value)} reference frame{'' if len(value) == 1 else 's'}"
        elif name == "hint_files":
            yield f"{len(value)} file{'' if len(value) == 1 else 's'} of hints"
        elif name == "exemplar":
            continue  # `reference` names it.
        elif value is not None:
            yield f"{name.replace('_', ' ')} {value}"


def _adjustment_text(adjustment: Adjustment) -> str:
    values = {
        "vividness": adjustment.vividness,
        "temperature": adjustment.temperature,
        "variant": adjustment.variant,
    }
    text = " and ".join(f"{name} {value:g}" for name, value in values.items() if value is not None)
    return f"{text} from {Excerpt(adjustment.start_ms, adjustment.end_ms)}"


def streams_summary(line: ItemLine) -> str:
    """Return the number of a source's streams, and how many are recoded or left out."""
    fates = Counter(stream.fate for stream in line.streams)
    known = len({stream.index for stream in line.streams})
    lost = ", ".join(f"{fates[fate]} {fate}" for fate in _CHANGED if fates[fate])
    streams = f"{known} stream{'' if known == 1 else 's'}"
    return f"{streams}: {lost}" if lost else f"{streams}, nothing left out"


def stream_rows(line: ItemLine) -> Iterator[tuple[str, str, bool]]:
    """Yield (name, fate, whether it is changed or missing) for each stream."""
    for stream in line.streams:
        name = " ".join(filter(None, (str(stream.index), stream.kind, stream.codec)))
        language, fate, detail = stream.language, stream.fate, stream.detail
        yield (
            name if language in _NO_LANGUAGE else f"{name}, {language}",
            f"{fate}: {detail}" if detail else fate,
            fate in _CHANGED,
        )
