"""Exit codes of all commands."""

NOT_STARTED = 2
"""The command, or a collection of a plan, could not be run."""
SOME_FAILED = 3
"""Some items failed, or the newest run needs attention."""
WORK_LEFT = 4
"""`restore --detailed-exit-code`: window or budget ended the run or kept it from starting."""
OTHER_RUN = 5
"""`restore --detailed-exit-code`: another run of the plan is in progress."""
INTERRUPTED = 130
"""Interrupted: 128 + SIGINT."""
