"""Estimate a job before it runs: calibrate this machine, sample the archive's headers."""
