"""Computations on pixels and colors, in NumPy only: no file formats and no network."""
