"""Pixels and colours in NumPy; no file formats, no network."""
