"""Lists of objects that others wrote: S3 Batch Operations, S3 Inventory, JSON lines."""
