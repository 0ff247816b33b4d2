"""Containers to frames and back: films by PyAV, pictures in `stills`."""
