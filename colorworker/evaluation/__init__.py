"""How good the colours are: measured against the truth, always beside grey and one mean colour."""
