"""Runs of jobs as their destination records them: heartbeats, status, the jobs page, sweeping."""
