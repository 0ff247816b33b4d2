"""Frozen values: options, units, plans, timelines and done-records. No I/O."""
