"""The services of a ride-hailing city, on the log."""
