"""Object stores: one interface, implemented for folders, S3 and memory."""
