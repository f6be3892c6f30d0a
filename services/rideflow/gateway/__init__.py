"""Pings, rides and drivers' actions come in here; acknowledgements and offers go out."""
