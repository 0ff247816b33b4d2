"""One stage of a segment's work in a thread of its own, a few items ahead of whoever takes them.

Decoding, coloring and encoding overlap so: libav, TensorFlow and NumPy let go of Python's lock
while they compute. Items keep their order, and every stage is one thread, so that what comes out
does not depend on how the threads happened to run.
"""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from threading import Event, Semaphore
from typing import Final, TypeVar

T = TypeVar("T")


class _End:
    """Comes after the last item."""


_END: Final = _End()


def prefetch(items: Generator[T], most: int, name: str) -> Generator[T]:
    """Yield the items, which a thread makes and closes, at most `most` before they are asked for.

    The thread begins with the first item asked for. It has ended, and `items` are closed, when this
    generator has: at the last item, at an error, or when it is closed, which waits for the item
    that is being made.

    Args:
        items: Made by that thread alone.
        most: Items that are made or being made and not taken yet; at least 1.
        name: Of the thread.

    Raises:
        BaseException: What `items` raised, after the items before it were yielded.
    """
    made: SimpleQueue[T | _End] = SimpleQueue()
    room, unwanted = Semaphore(most), Event()

    def make() -> None:
        try:
            with closing(items):
                # Room first: an item that is made and cannot be put would be one too many.
                while room.acquire() and not unwanted.is_set():
                    item = next(items, _END)
                    if isinstance(item, _End):
                        return
                    made.put(item)
        finally:
            made.put(_END)

    with ThreadPoolExecutor(1, name) as pool:
        making = pool.submit(make)
        try:
            while not isinstance(item := made.get(), _End):
                room.release()
                yield item
        finally:
            unwanted.set()
            room.release()
    making.result()
