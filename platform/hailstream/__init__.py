"""The command line, and the supervisor behind `hailstream up`."""
