"""How to install TensorFlow. Importing this module does not import it."""

import platform
import sys

_HAS_CPU_WHEEL = sys.platform == "linux" and platform.machine() == "x86_64"
INSTALL = (
    f"pip install --force-reinstall '{'tensorflow-cpu' if _HAS_CPU_WHEEL else 'tensorflow'}"
    ">=2.20,<2.22'"
)
"""The same as in pyproject.toml."""
