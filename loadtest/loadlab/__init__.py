"""Load: locust users and the benchmark harness."""
