"""Colorize archives of black-and-white film and photographs; the luma is never touched."""

__version__ = "0.1.0"
