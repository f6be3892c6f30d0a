"""From pings to positions: order, duplicates, plausibility, staleness."""
