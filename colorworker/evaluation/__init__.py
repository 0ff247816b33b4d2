"""Measure colors against the truth, with gray and a constant mean color as baselines."""
