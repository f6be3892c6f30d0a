"""Counts words with Quix Streams: a state store with a changelog, behind a repartition topic.

ADDRESS NAME INPUT OUTPUT GUARANTEE STATE-FOLDER SESSION-TIMEOUT-MS. Says `running` once it has
partitions, and ends with its input. It runs in an environment of its own.
"""

import logging
import sys
import threading
from typing import Any

from quixstreams import Application

EXACTLY = "exactly-once"


def main(address: str, name: str, source: str, sink: str, *rest: str) -> None:
    guarantee, state_dir, session_timeout_ms = rest
    app = Application(
        broker_address=address,
        consumer_group=name,
        processing_guarantee=guarantee,
        state_dir=state_dir,
        auto_offset_reset="earliest",
        commit_interval=0.2,
        consumer_extra_config={
            "session.timeout.ms": int(session_timeout_ms),
            "heartbeat.interval.ms": 300,
        },
        # Offsets of a process that was killed hang in the air for so long.
        producer_extra_config={"transaction.timeout.ms": 3000} if guarantee == EXACTLY else {},
        loglevel="INFO",
    )
    text = {"key_deserializer": "str", "value_deserializer": "str"}
    words = app.dataframe(app.topic(source, **text))
    by_word = words.group_by(
        lambda word: word, name="word", value_serializer="str", value_deserializer="str"
    )
    counts = by_word.apply(count, stateful=True)
    counts.to_topic(app.topic(sink, key_serializer="str", value_serializer="str"))
    threading.Thread(target=stop_with_input, args=(app,), daemon=True).start()
    app.run()


def count(word: str, state: Any) -> str:
    state.set("count", number := state.get("count", 0) + 1)
    return str(number)


def stop_with_input(app: Application) -> None:
    sys.stdin.read()
    app.stop()


logging.getLogger().handlers[:] = [logging.StreamHandler(sys.stderr)]
main(*sys.argv[1:])
