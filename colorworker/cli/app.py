"""The `colorworker` command."""

import sys
from typing import Annotated

import typer

from colorworker import __version__
from colorworker.cli.colorize import colorize
from colorworker.cli.dataset import app as dataset
from colorworker.cli.doctor import doctor
from colorworker.cli.evaluate import evaluate
from colorworker.cli.exitcodes import INTERRUPTED, NOT_STARTED
from colorworker.cli.interrupt import leave
from colorworker.cli.optionparameters import with_option_parameters
from colorworker.cli.references import app as references
from colorworker.cli.restore import restore
from colorworker.cli.review import review
from colorworker.cli.status import status
from colorworker.cli.suggest import suggest
from colorworker.cli.sweep import sweep_destination
from colorworker.cli.train import train
from colorworker.cli.verify import verify
from colorworker.domain.options import Options
from colorworker.errors import ColorworkerError

app = typer.Typer(
    name="colorworker",
    help="Colorize archives of black-and-white film and photographs. Luma is never changed.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(with_option_parameters(colorize, Options))
app.command()(restore)
app.command()(review)
app.command()(doctor)
app.command()(train)
app.add_typer(dataset, name="dataset")
app.add_typer(references, name="references")
app.command()(evaluate)
app.command()(status)
app.command()(suggest)
app.command("sweep")(sweep_destination)
app.command()(verify)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(__version__)
        raise typer.Exit


@app.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line. Errors that a user can act on are one sentence and exit code 2."""
    try:
        app()
    except ColorworkerError as error:
        print(f"colorworker: {error}", file=sys.stderr)
        sys.exit(NOT_STARTED)
    except SystemExit as end:
        if end.code == INTERRUPTED:
            # Python drops its handlers long before TensorFlow ends; Ctrl-C would then kill.
            leave()
        raise
