"""Log compaction: of each key the newest record stays. Deciding, rewriting, swapping files."""
