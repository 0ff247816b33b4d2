"""Pictures: one file a backend behind the port in `base`."""
