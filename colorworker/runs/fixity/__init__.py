"""Checks of a whole destination, distributed over workers and resumable."""
