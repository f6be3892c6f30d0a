"""The librdkafka engine: confluent-kafka behind the log client's interface."""
