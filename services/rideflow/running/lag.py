"""How far a reader is behind: it says so itself, in gauges `lag_<topic>`."""

from groundwork.metrics import Registry
from streamcore.client.api import LogConsumer, TopicName


def note_lag(consumer: LogConsumer, metrics: Registry) -> None:
    """Set the gauge of every topic that `consumer` reads. Raises `KeyError` if one is missing."""
    behind: dict[TopicName, int] = {}
    for (topic, _), records in consumer.lag().items():
        behind[topic] = behind.get(topic, 0) + records
    for topic, count in behind.items():
        metrics.gauge(f"lag_{topic}").set(count)
