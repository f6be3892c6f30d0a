"""A group member in a process of its own, to be killed: `python -m tests.support.group_member
CLIENT ADDRESS TOPIC GROUP`. It says `assigned` once it has partitions, and polls for ever."""

import sys

from tests.support.kafka_clients import CLIENTS


def main(client: str, address: str, topic: str, group: str) -> None:
    member = CLIENTS[client](address).member(topic, group)  # type: ignore[call-arg]  # each takes its address
    has_said_so = False
    while True:
        member.poll()
        if member.assigned() and not has_said_so:
            has_said_so = True
            sys.stdout.write("assigned\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
