"""Drives a live city: fleets, drivers' answers and riders over real sockets."""
