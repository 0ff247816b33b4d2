"""A hypothesis strategy for keys that every store accepts."""

from hypothesis import strategies as st

from colorworker.errors import KeyRefused
from colorworker.store.keys import check_key


def _is_key(text):
    try:
        return bool(check_key(text))
    except KeyRefused:
        return False


KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=40).filter(_is_key)
