"""The command line of the log. Importing this package imports none of it."""
