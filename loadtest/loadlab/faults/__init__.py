"""A broker under random faults, and a proof from its log that it lost and doubled nothing."""
