"""What is to be done, as frozen values: jobs, plans, timelines and done-records. No I/O here."""
