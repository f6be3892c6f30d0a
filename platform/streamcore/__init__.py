"""The streaming core: a partitioned, durable log that speaks the Kafka protocol, and its client."""
