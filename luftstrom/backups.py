"""Backup and restore of a whole system: InfluxDB's data, what Redis remembers, where the collector was.

Kafka's log is not in it. Where it survived, the collector is put back to where it was at the backup, and
reads again what came after it; equal points overwrite themselves. Where it is new, the values that lie in
the dead letters of the old one are remembered as counts, so that the sums still close.
"""

import time
from collections.abc import Callable
from pathlib import Path

import redis

from collector.bootstrap import TokenFolder, bootstrap
from collector.influx_api import InfluxApi
from collector.influx_backup import back_up_buckets, require_room, restore_buckets
from contracts.stored import ORG
from local_stack.provisioning import operator_token
from local_stack.settings import Settings
from luftstrom.backup_folder import (
    FORMAT,
    REDIS,
    Manifest,
    checked_manifest,
    new_folder,
    write_manifest,
)
from luftstrom.connections import connections
from luftstrom.ledger import COLLECTOR_GROUP, SET_ASIDE_BEFORE_KEY
from luftstrom.redis_copy import restore_copy, write_copy
from luftstrom.row_output import iso
from runtime.group_offsets import cluster_id, committed_offsets, put_back
from runtime.log_interfaces import Partition
from runtime.redis_client import connect_redis, redis_errors

Tell = Callable[[str], None]
Progress = Callable[[int, int], None]


def back_up(settings: Settings, folder: Path, *, on_progress: Progress, tell: Tell) -> Manifest:
    """Write a backup of the running system into `folder`, whole or not at all; `on_progress` counts shards.

    What the log tells of is read before the store, so that a restore never leaves anything out.
    """
    influx = InfluxApi(settings.influx_address, operator_token(settings))
    with new_folder(folder) as made, connections(settings) as connected:
        ledger = connected.ledger
        kafka, security = settings.kafka_address, settings.kafka_security
        offsets = committed_offsets(kafka, ledger.collector_group, security=security)
        before = ledger.reconciliation()
        write_copy(connected.redis_client, made / REDIS)
        buckets = back_up_buckets(influx, ORG, made, on_progress=on_progress, tell=tell)
        manifest = Manifest(
            format=FORMAT,
            made_at=iso(int(time.time())),
            org=ORG,
            buckets=buckets,
            kafka_cluster_id=cluster_id(kafka, security=security),
            collector_offsets={f"{each.topic} {each.number}": at for each, at in offsets.items()},
            set_aside_by_reason=dict(before.set_aside_by_reason),
            on_the_way=before.on_the_way,
            came_in_meanwhile=ledger.door().published - before.door.published,
            files={},
        )
        write_manifest(made, manifest)
    return manifest


def restore(
    settings: Settings, folder: Path, *, replace: bool, on_progress: Progress, tell: Tell
) -> Manifest:
    """Put a backup back into servers that run, while nothing writes to them.

    Everything is checked before anything is touched. Raises BadInputError where the backup is damaged, or
    where there is data that nobody said to replace.
    """
    manifest = checked_manifest(folder, lambda _done, _total: None)
    token = operator_token(settings)
    influx = InfluxApi(settings.influx_address, token)
    if not replace:
        require_room(influx, ORG, manifest.buckets)
    restore_buckets(influx, ORG, token, folder, manifest.buckets, on_progress=on_progress)
    # The buckets are new ones: their names for InfluxQL and the scoped tokens, too.
    tokens = TokenFolder(settings.secrets_dir)
    bootstrap(url=settings.influx_address, org=ORG, operator_token=token, tokens=tokens, tell=tell)
    client = connect_redis(settings.redis_address)
    try:
        _restore_memory(client, folder / REDIS, tell)
        _go_on_from_log(settings, manifest, client, tell)
    finally:
        client.close()
    return manifest


def _restore_memory(client: redis.Redis, path: Path, tell: Tell) -> None:
    if restore_copy(client, path):
        tell("Redis: ids, totals and sensors are as they were at the backup")
    else:
        tell("Redis has counted readings already: it is left as it is")


def _go_on_from_log(settings: Settings, manifest: Manifest, client: redis.Redis, tell: Tell) -> None:
    kafka, security = settings.kafka_address, settings.kafka_security
    if cluster_id(kafka, security=security) != manifest.kafka_cluster_id:
        with redis_errors():
            client.delete(SET_ASIDE_BEFORE_KEY)
            for reason, count in manifest.set_aside_by_reason.items():
                client.hset(SET_ASIDE_BEFORE_KEY, reason, str(count))
        tell("Kafka is not the one of the backup: what came after the backup is not here")
        return
    group = COLLECTOR_GROUP
    now = committed_offsets(kafka, group, security=security)
    offsets = {_partition(name): at for name, at in manifest.collector_offsets.items()}
    earlier = {each: min(at, now.get(each, at)) for each, at in offsets.items()}
    put_back(kafka, group, earlier, security=security)
    tell("Kafka is the one of the backup: the collector reads again what came after it")


def _partition(name: str) -> Partition:
    topic, _, number = name.rpartition(" ")
    return Partition(topic, int(number))
