"""Reports of jobs and evaluations: pages for people, JSON and CSV for programs."""
