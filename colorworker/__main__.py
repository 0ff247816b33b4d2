"""`python -m colorworker` is the `colorworker` command."""

from colorworker.cli.entry import main

if __name__ == "__main__":
    main()
