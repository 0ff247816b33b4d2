"""Pixels and colors in NumPy; no file formats, no network."""
