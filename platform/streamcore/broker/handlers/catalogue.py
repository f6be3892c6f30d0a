"""All handlers of the broker: what is listed here is what ApiVersions answers."""

from streamcore.broker.handlers import (
    alter_user_scram_credentials,
    api_versions,
    create_partitions,
    create_topics,
    delete_groups,
    delete_records,
    delete_topics,
    describe_cluster,
    describe_configs,
    describe_groups,
    describe_user_scram_credentials,
    fetch,
    find_coordinator,
    heartbeat,
    init_producer_id,
    join_group,
    leave_group,
    list_groups,
    list_offsets,
    metadata,
    offset_commit,
    offset_delete,
    offset_fetch,
    produce,
    sasl_authenticate,
    sasl_handshake,
    sync_group,
)
from streamcore.broker.handlers.registry import Registry

REGISTRY = Registry(
    [
        module.HANDLER
        for module in (
            alter_user_scram_credentials,
            api_versions,
            create_partitions,
            create_topics,
            delete_groups,
            delete_records,
            delete_topics,
            describe_cluster,
            describe_configs,
            describe_groups,
            describe_user_scram_credentials,
            fetch,
            find_coordinator,
            heartbeat,
            init_producer_id,
            join_group,
            leave_group,
            list_groups,
            list_offsets,
            metadata,
            offset_commit,
            offset_delete,
            offset_fetch,
            produce,
            sasl_authenticate,
            sasl_handshake,
            sync_group,
        )
    ]
)
