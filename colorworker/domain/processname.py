"""A name for this process that no other process has, on any machine."""

import uuid

PROCESS = uuid.uuid4().hex[:16]
"""The names of this process's temporary files and folders begin with it."""
