"""What is written about the origin of outputs: sidecars in JSON and PREMIS."""
