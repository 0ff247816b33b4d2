"""What a job will take, before it is run: a machine measured, an archive looked over."""
