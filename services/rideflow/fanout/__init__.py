"""Positions and ride events to the sockets of riders."""
