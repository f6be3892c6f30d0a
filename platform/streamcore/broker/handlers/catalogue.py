"""All handlers of the broker: what is listed here is what ApiVersions answers."""

from streamcore.broker.handlers import (
    alter_configs,
    api_versions,
    create_partitions,
    create_topics,
    delete_groups,
    delete_records,
    delete_topics,
    describe_cluster,
    describe_configs,
    describe_groups,
    fetch,
    find_coordinator,
    heartbeat,
    incremental_alter_configs,
    init_producer_id,
    join_group,
    leave_group,
    list_config_resources,
    list_groups,
    list_offsets,
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
            alter_configs,
            api_versions,
            create_partitions,
            create_topics,
            delete_groups,
            delete_records,
            delete_topics,
            describe_cluster,
            describe_configs,
            describe_groups,
            fetch,
            find_coordinator,
            heartbeat,
            incremental_alter_configs,
            init_producer_id,
            join_group,
            leave_group,
            list_config_resources,
            list_groups,
            list_offsets,
            metadata,
            offset_commit,
            offset_delete,
            offset_fetch,
            produce,
            sync_group,
        )
    ]
)
