"""Places on Earth: distances, cells and snapping. Pure."""
