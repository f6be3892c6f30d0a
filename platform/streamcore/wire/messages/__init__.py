"""Rare messages of the Kafka protocol, a file per API: requests and responses as declared parts."""
