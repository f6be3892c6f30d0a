"""The Kafka wire protocol: frames, headers, primitives and the hot messages. No I/O."""
