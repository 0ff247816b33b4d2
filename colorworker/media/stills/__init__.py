"""Stills: the port that every image library implements, and the libvips implementation."""
