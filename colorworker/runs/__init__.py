"""Recorded runs of jobs: heartbeats, status, the jobs page, sweeping."""
