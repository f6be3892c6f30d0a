"""What groups are named and counted by."""

from typing import NewType

GroupId = NewType("GroupId", str)
MemberId = NewType("MemberId", str)
InstanceId = NewType("InstanceId", str)
Generation = NewType("Generation", int)
Ticket = NewType("Ticket", int)
"""A request that waits for its answer; the shell that parked it gave it the number."""

NO_GENERATION = Generation(-1)
