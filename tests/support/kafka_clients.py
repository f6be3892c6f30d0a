"""Kafka clients in a test's own process; the interop suite starts a process for each."""

from tests.support.clients.confluent import ConfluentClient
from tests.support.clients.kafka_python import KafkaPythonClient
from tests.support.clients.protocol import Member, Read, Sent

__all__ = ["ConfluentClient", "KafkaPythonClient", "Member", "Read", "Sent"]
