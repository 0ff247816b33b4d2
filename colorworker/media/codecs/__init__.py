"""Codecs: decode and encode video; encoder profiles, pixel formats, and NVIDIA's engines."""
