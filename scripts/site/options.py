"""What the demo may be told; imports none of what it plays with, so that its help needs no set-up."""

import argparse
from pathlib import Path

ABOUT = (
    "Runs the whole of Gatehouse against a small site of real peers and shows what is sensed, kept and sent."
)


def read() -> argparse.Namespace:
    """Return the command line's `once` and `keep`; asked for help, print it and end."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=ABOUT)
    parser.add_argument("--once", action="store_true", help="end after the script; print one JSON line")
    parser.add_argument("--keep", type=Path, help="keep everything in this new directory")
    return parser.parse_args()


if __name__ == "__main__":
    read()
