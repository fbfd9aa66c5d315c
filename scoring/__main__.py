"""Score songs from the command line: see `python -m scoring --help`."""

import sys


def main() -> int:
    """Run the command; return its exit status."""
    # Here, as the processes that score read this file again, and need little of what the command does.
    from scoring.command import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
