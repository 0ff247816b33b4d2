"""How good the colors are: measured against the truth, always beside gray and one mean color."""
