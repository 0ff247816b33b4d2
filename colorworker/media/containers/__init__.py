"""Containers: demux, probe, seek, mux and verify films, with packet timestamps and side streams."""
