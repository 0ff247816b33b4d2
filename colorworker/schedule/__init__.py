"""Restoration plans: their files, and what their runs leave on the destinations for the next."""
