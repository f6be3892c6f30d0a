"""A partition in memory: what may be appended, and who waits for it. Pure."""
