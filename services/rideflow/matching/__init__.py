"""Which driver for which rider: windows, candidates, assignment, offers."""
