"""What is going on: rates, lag, age, audit, for the operator and for Prometheus."""
