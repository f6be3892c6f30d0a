"""How long by road: travel times, live speeds, routes and the nearest drivers."""
