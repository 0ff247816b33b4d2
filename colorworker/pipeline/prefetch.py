"""Run a generator in its own thread, a few items ahead of its consumer.

Decoding, coloring and encoding of a segment overlap this way: libav, TensorFlow and NumPy release
Python's lock while they compute. Every stage is one thread and items keep their order, so the
result does not depend on thread scheduling.
"""

from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from queue import SimpleQueue
from threading import Event, Semaphore
from typing import Final, TypeVar

T = TypeVar("T")


class _End:
    """Marks the end of the items."""


_END: Final = _End()


def prefetch(items: Generator[T], most: int, name: str) -> Generator[T]:
    """Yield the items of a generator that runs in its own thread.

    The thread starts when the first item is requested. When this generator ends (after the last
    item, on an error, or when it is closed), the thread has ended too and `items` is closed.
    Closing waits for the item in progress.

    Args:
        items: The generator; only the thread uses it.
        most: Maximum number of items that are ready or in progress and not yet taken, at least 1.
        name: Name of the thread.

    Raises:
        BaseException: Whatever `items` raises, after the items before it have been yielded.
    """
    made: SimpleQueue[T | _End] = SimpleQueue()
    room, unwanted = Semaphore(most), Event()

    def make() -> None:
        try:
            with closing(items):
                # Wait for room first. An item made before there is room would be one too many.
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
