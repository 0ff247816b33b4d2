"""Colorize archives of black-and-white film and photographs; luma is never changed.

    import colorworker as cw

    report = cw.colorize("reels/", "color/", profile="archive")

Everything here is loaded when it is first used: importing the package takes a millisecond and
imports none of the libraries that it depends on. `docs/python.md` shows how to use it.
"""

__version__ = "0.1.0"

# Not from `typing`, whose import takes longer than everything else here. Type checkers know the
# name.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from colorworker.api.arraycolorizer import Colorizer, suggest
    from colorworker.api.jobs import DryRun, colorize, dry_run
    from colorworker.api.networks import evaluate, inspect_dataset, train
    from colorworker.api.places import SweepSummary, doctor, status, sweep
    from colorworker.api.plans import dry_run_plan, plan_failures, restore, unpark
    from colorworker.api.verification import VerifyReport, verify
    from colorworker.domain.fixity import Finding
    from colorworker.domain.options import Options
    from colorworker.errors import (
        AlreadyColor,
        ColorworkerError,
        DependencyMissing,
        HardwareMissing,
        HintsRefused,
        ItemError,
        ItemSkipped,
        KeyExists,
        KeyMissing,
        KeyRefused,
        LineRefused,
        NotMedia,
        OnlyTwoTones,
        OutputCollision,
        OutputMismatch,
        PlaceFailed,
        PlaceUnfit,
        Quarantined,
        ReferenceUnused,
        SourceArchived,
        SourceChanged,
        SourceDamaged,
        SourceTooLarge,
        SourceUnreadable,
        SourceUnsupported,
        StoreError,
        StoreUnavailable,
        StrictFailure,
        UsageError,
        WeightsRefused,
    )
    from colorworker.report.jobreport import Item, ItemCounts, Report

_MODULES = {
    "api.arraycolorizer": ("Colorizer", "suggest"),
    "api.jobs": ("DryRun", "colorize", "dry_run"),
    "api.networks": ("evaluate", "inspect_dataset", "train"),
    "api.places": ("SweepSummary", "doctor", "status", "sweep"),
    "api.plans": ("dry_run_plan", "plan_failures", "restore", "unpark"),
    "api.verification": ("VerifyReport", "verify"),
    "domain.fixity": ("Finding",),
    "domain.options": ("Options",),
    "report.jobreport": ("Item", "ItemCounts", "Report"),
    "errors": (
        "AlreadyColor",
        "OnlyTwoTones",
        "ColorworkerError",
        "DependencyMissing",
        "HardwareMissing",
        "HintsRefused",
        "ItemError",
        "ItemSkipped",
        "KeyExists",
        "KeyMissing",
        "KeyRefused",
        "LineRefused",
        "NotMedia",
        "OutputCollision",
        "OutputMismatch",
        "PlaceFailed",
        "PlaceUnfit",
        "Quarantined",
        "ReferenceUnused",
        "SourceArchived",
        "SourceChanged",
        "SourceDamaged",
        "SourceTooLarge",
        "SourceUnreadable",
        "SourceUnsupported",
        "StoreError",
        "StoreUnavailable",
        "StrictFailure",
        "UsageError",
        "WeightsRefused",
    ),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "AlreadyColor",
    "Colorizer",
    "ColorworkerError",
    "DependencyMissing",
    "DryRun",
    "Finding",
    "HardwareMissing",
    "HintsRefused",
    "Item",
    "ItemCounts",
    "ItemError",
    "ItemSkipped",
    "KeyExists",
    "KeyMissing",
    "KeyRefused",
    "LineRefused",
    "NotMedia",
    "OnlyTwoTones",
    "Options",
    "OutputCollision",
    "OutputMismatch",
    "PlaceFailed",
    "PlaceUnfit",
    "Quarantined",
    "ReferenceUnused",
    "Report",
    "SourceArchived",
    "SourceChanged",
    "SourceDamaged",
    "SourceTooLarge",
    "SourceUnreadable",
    "SourceUnsupported",
    "StoreError",
    "StoreUnavailable",
    "StrictFailure",
    "SweepSummary",
    "UsageError",
    "VerifyReport",
    "WeightsRefused",
    "__version__",
    "colorize",
    "doctor",
    "dry_run",
    "dry_run_plan",
    "evaluate",
    "inspect_dataset",
    "plan_failures",
    "restore",
    "status",
    "suggest",
    "sweep",
    "train",
    "unpark",
    "verify",
]


# Hidden from type checkers, which would otherwise accept any name.
if not TYPE_CHECKING:

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used (PEP 562)."""
        if name not in _MODULE_OF:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
