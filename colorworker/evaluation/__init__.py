"""Measure colors against the truth, always beside gray and a constant mean color."""
