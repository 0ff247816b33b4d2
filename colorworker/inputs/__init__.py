"""A job's plan, settled on disk: a million sources take no more memory than ten."""
