"""All handlers of the broker: what is listed here is what ApiVersions answers."""

from streamcore.broker.handlers import (
    api_versions,
    create_partitions,
    create_topics,
    delete_groups,
    delete_records,
    delete_topics,
    describe_acls,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_log_dirs,
    describe_topic_partitions,
    elect_leaders,
    fetch,
    find_coordinator,
    heartbeat,
    init_producer_id,
    join_group,
    leave_group,
    list_groups,
    list_offsets,
    list_partition_reassignments,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    produce,
    sync_group,
)
from streamcore.broker.handlers.registry import Registry

REGISTRY = Registry(
    [
        module.HANDLER
        for module in (
            api_versions,
            create_partitions,
            create_topics,
            delete_groups,
            delete_records,
            delete_topics,
            describe_acls,
            describe_cluster,
            describe_configs,
            describe_groups,
            describe_log_dirs,
            describe_topic_partitions,
            elect_leaders,
            fetch,
            find_coordinator,
            heartbeat,
            init_producer_id,
            join_group,
            leave_group,
            list_groups,
            list_offsets,
            list_partition_reassignments,
            metadata,
            offset_commit,
            offset_delete,
            offset_fetch,
            produce,
            sync_group,
        )
    ]
)
