"""`python -m hailstream` is `hailstream`."""

from hailstream.cli import main

main()
