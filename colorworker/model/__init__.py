"""Luma to chroma: the networks, their weights, and the colorizer that runs them."""
