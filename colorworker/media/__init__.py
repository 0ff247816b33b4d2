"""Films and stills: `containers` and `codecs` for films (PyAV), `stills` for pictures (libvips)."""
