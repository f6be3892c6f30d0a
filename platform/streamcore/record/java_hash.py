"""Kafka's way from the name of a group or a transaction to its partition of an internal topic."""

JAVA_INT_MIN = -(1 << 31)


def partition_of_name(name: str, partition_count: int) -> int:
    """Java's hash of the string, made positive, modulo the count."""
    units = name.encode("utf-16-be", "surrogatepass")
    hashed = 0
    for index in range(0, len(units), 2):
        hashed = (31 * hashed + int.from_bytes(units[index : index + 2])) & 0xFFFFFFFF
    signed = hashed - (1 << 32) if hashed >> 31 else hashed
    return (0 if signed == JAVA_INT_MIN else abs(signed)) % partition_count
