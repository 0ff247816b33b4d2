"""Return freed memory to the operating system."""

import ctypes


def return_freed_memory() -> None:
    """Return freed memory to the operating system, if the C library is glibc; else do nothing.

    glibc keeps one heap for every few threads and shrinks each from its end only. The units of a
    film start many threads, and so do decoders and encoders, so unused memory adds up: 720 MiB at
    360p, of which 590 were in use. Trimming takes about 8 ms.
    """
    try:
        ctypes.CDLL(None).malloc_trim(0)
    except (AttributeError, OSError, TypeError):  # other C libraries, other systems
        return
