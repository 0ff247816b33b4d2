"""Keys to bytes: one port, one file a store."""
