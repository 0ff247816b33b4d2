"""Read the file of color adjustments that `--shots` names."""

from pathlib import Path

from colorworker.domain.adjustments import ShotAdjustment, parse_shot_adjustments
from colorworker.domain.options import Options
from colorworker.errors import UsageError


def read_shot_adjustments(path: Path, options: Options) -> tuple[ShotAdjustment, ...]:
    """Return the adjustments in a TOML file; `docs/shots.md` describes it.

    Args:
        path: Path of the file.
        options: Options of the job.

    Raises:
        UsageError: If the file cannot be read, is not valid, or the job colors only an excerpt.
    """
    if options.excerpt:
        raise UsageError("--shots", "cannot be used with --from and --to", "Leave one of them out")
    try:
        return parse_shot_adjustments(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(str(path), f"cannot be read ({error})", "Check the path") from error
