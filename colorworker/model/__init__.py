"""Luma to chroma: the network, its weights, and the colorizer that serves it."""
