"""The seams as they are on a real machine."""
