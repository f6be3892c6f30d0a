"""The simulated city, pure and seeded: roads, drivers, riders, demand."""
