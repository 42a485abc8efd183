"""`python -m edge.cli` is the same as `gatehouse`."""

from edge.cli import main

main()
