"""Changes a file at its structure: sizes, counts, elements and their order, as damage or malice do.

A change depends only on the seed and its number, so that every finding can be repeated.
"""

import random
import struct
import zlib
from collections.abc import Callable

from tests.fuzz.layouts import Part, parts_of

NUMBERS = (0, 1, 2, 3, 7, 15, 16, 255, 256, 32767, 32768, 65535, 65536, 2**24, 2**31 - 1, 2**31,
           2**32 - 1, 2**32, 2**63 - 1, 2**63, 2**64 - 1)  # fmt: skip
_FORMS = ("B", ">H", "<H", ">I", "<I", ">Q", "<Q", ">f", "<f")
_HEAD_BYTES = 64
"""Numbers of an element that decide how it is read mostly lie at its beginning."""
_MOST_BYTES = 4 << 20
"""Results are cut to this length."""


def mutate(data: bytes, chance: random.Random, others: Callable[[], bytes]) -> bytes:
    """Return the file with one to four changes.

    Args:
        data: An intact file.
        chance: Where all choices come from.
        others: Returns another intact file, to take elements from.
    """
    is_png = data.startswith(b"\x89PNG")
    for _ in range(chance.choice((1, 1, 1, 2, 2, 4))):
        parts = parts_of(data)
        change = chance.choices(_CHANGES, _WEIGHTS)[0]
        data = change(data, parts, chance, others)[:_MOST_BYTES] or b"\0"
    if is_png and chance.random() < 0.8:
        data = _with_checksums(data)
    return data


def _number(data, parts, chance, _):
    """Overwrite a number at the beginning of an element."""
    part, form = chance.choice(parts), chance.choice(_FORMS)
    size = struct.calcsize(form)
    start = part.start if chance.random() < 0.3 else part.body
    at = min(start + chance.randrange(_HEAD_BYTES), part.end, len(data))
    at = max(0, min(at, len(data) - size))
    if form[-1] == "f":
        value = struct.pack(form, chance.choice((0.0, -1.0, float("nan"), float("inf"), 1e38)))
    else:
        wanted = chance.choice((*NUMBERS, len(data), chance.getrandbits(8 * size)))
        value = struct.pack(form, wanted & (1 << 8 * size) - 1)
    return data[:at] + value + data[at + size :]


def _size(data, parts, chance, _):
    """Let an element lie about its size."""
    sized = [part for part in parts if part.size_at >= 0]
    if not sized:
        return _number(data, parts, chance, _)
    part = chance.choice(sized)
    true = part.end - part.counted_from
    value = chance.choice((*NUMBERS, true - 1, true + 1, true * 2, len(data)))
    return with_size(data, part, max(value, 0))


def _bits(data, parts, chance, _):
    """Flip a few bits of an element."""
    part, changed = chance.choice(parts), bytearray(data)
    for _ in range(chance.choice((1, 1, 4, 32))):
        at = min(chance.randrange(part.start, max(part.end, part.start + 1)), len(data) - 1)
        changed[at] ^= 1 << chance.randrange(8)
    return bytes(changed)


def _noise(data, parts, chance, _):
    """Overwrite a piece of an element with noise, zeros or ones."""
    part = chance.choice(parts)
    start = chance.randrange(part.start, max(part.end, part.start + 1))
    length = min(chance.choice((1, 4, 16, 64, 512)), part.end - start)
    content = chance.choice((chance.randbytes(length), bytes(length), b"\xff" * length))
    return data[:start] + content + data[start + length :]


def _delete(data, parts, chance, _):
    part = chance.choice(parts)
    return _spliced(data, parts, part.start, part.end, b"", chance)


def _empty(data, parts, chance, _):
    """Delete an element's content, and keep its header."""
    part = chance.choice(parts)
    return _spliced(data, parts, part.body, part.end, b"", chance, inside=part)


def _repeat(data, parts, chance, _):
    part = chance.choice(parts)
    content = data[part.start : part.end]
    times = min(chance.choice((1, 2, 50, 1000)), 1 + (256 << 10) // max(len(content), 1))
    return _spliced(data, parts, part.end, part.end, content * times, chance)


def _nest(data, parts, chance, _):
    """Put an element into itself, up to thousands of times."""
    sized = [part for part in parts if part.size_at >= 0 and part.end - part.start < 4096]
    if not sized:
        return _repeat(data, parts, chance, _)
    part = chance.choice(sized)
    whole = data[part.start : part.end]
    for _ in range(min(chance.choice((1, 3, 40, 2000)), (64 << 10) // max(len(whole), 16))):
        inner = data[part.start : part.body] + whole
        moved = Part(0, part.body - part.start, len(inner), part.size_at - part.start,
                     part.size_form, part.counted_from - part.start)  # fmt: skip
        whole = with_size(inner, moved, len(inner) - moved.counted_from)
    return _spliced(data, parts, part.start, part.end, whole, chance)


def _swap(data, parts, chance, _):
    first, second = sorted((chance.choice(parts), chance.choice(parts)), key=lambda p: p.start)
    if second.start < first.end:
        return _delete(data, parts, chance, _)
    between = data[first.end : second.start]
    moved = data[second.start : second.end] + between + data[first.start : first.end]
    return data[: first.start] + moved + data[second.end :]


def _graft(data, parts, chance, others):
    """Put an element of another file beside, or in the place of, an element."""
    other = others()
    taken, part = chance.choice(parts_of(other)), chance.choice(parts)
    start = chance.choice((part.start, part.end))
    return _spliced(data, parts, start, part.end, other[taken.start : taken.end][:65536], chance)


def _insert(data, parts, chance, _):
    part = chance.choice(parts)
    content = chance.choice((b"\0", b"\xff", b"\0\0\1", b"%s%n", chance.randbytes(16))) * 4
    return _spliced(data, parts, part.body, part.body, content, chance)


def _cut(data, parts, chance, _):
    """Cut the file off, mostly at the end of an element or within it."""
    part = chance.choice(parts)
    return data[: chance.choice((part.start, part.body, part.end, chance.randrange(len(data))))]


_CHANGES = (
    _number, _size, _bits, _noise, _delete, _empty, _repeat, _nest, _swap, _graft, _insert, _cut
)  # fmt: skip
_WEIGHTS = (8, 4, 4, 3, 2, 1, 1, 1, 1, 2, 1, 2)


def _spliced(data, parts, start, end, content, chance, inside=None):
    """Replace bytes; the sizes of the elements around them are mostly corrected."""
    grown = len(content) - (end - start)
    if chance.random() < 0.7:
        for part in parts:
            around = part.start < start and end <= part.end
            if part.size_at >= 0 and (around or part is inside):
                data = with_size(data, part, part.end - part.counted_from + grown)
    return data[:start] + content + data[end:]


def with_size(data: bytes, part: Part, size: int) -> bytes:
    """Return the file with another stored size of an element, as far as it has room for it."""
    if part.size_form == "ebml":
        width = part.body - part.size_at
        most = (1 << 7 * width) - 1
        stored = (1 << 7 * width | min(max(size, 0), most)).to_bytes(width)
    else:
        width = struct.calcsize(part.size_form)
        stored = struct.pack(part.size_form, max(size, 0) & (1 << 8 * width) - 1)
    return data[: part.size_at] + stored + data[part.size_at + width :]


def _with_checksums(data: bytes) -> bytes:
    """Correct the checksums of a PNG, so that the change reaches more than the first check."""
    fixed = data
    for part in parts_of(data):
        if part.size_at >= 0 and part.end - part.start >= 12:
            right = zlib.crc32(fixed[part.start + 4 : part.end - 4]).to_bytes(4)
            fixed = fixed[: part.end - 4] + right + fixed[part.end :]
    return fixed
