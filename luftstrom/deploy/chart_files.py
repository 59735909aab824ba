"""`python -m luftstrom.deploy.chart_files`: writes what the chart takes from the contracts and rooms.

Topics with their settings, and each user of Kafka with no more rights than its room has use for.
"""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from collector.settings import Settings as CollectorSettings
from contracts.points import STORED_BY_TOPIC
from contracts.topics import DOORS, TOPICS
from flink_jobs.settings import JobSettings
from luftstrom.deploy.values_table import values_table, with_table

CHART = Path(__file__).parents[2] / "helm" / "luftstrom"
README = CHART / "README.md"
CONTRACTS_FILE = CHART / "files" / "contracts.json"
DASHBOARDS = CHART.parents[1] / "dashboards"
# Folder of the chart: where its files are made, and which of them it takes.
TAKEN = {
    "dashboards": (DASHBOARDS / "generated", "*.json"),
    "alerts": (DASHBOARDS / "provisioning" / "alerting", "*"),
    "rules": (DASHBOARDS / "provisioning" / "prometheus", "*.rules.yml"),
}

READ, WRITE, DESCRIBE = "Read", "Write", "Describe"
ANY = "*"
COLLECTOR_GROUP = str(CollectorSettings.model_fields["group_id"].default)
FLINK_PREFIX = str(JobSettings.model_fields["prefix"].default)

Acl = dict[str, Any]


def main() -> None:
    """Write the file and the table of values, and take over the dashboards that there are."""
    CONTRACTS_FILE.write_text(contracts_text())
    README.write_text(with_table(README.read_text(), values_table(CHART)))
    taken = take_dashboards()
    sys.stdout.write(f"{len(TOPICS)} topics, {len(users())} users, {taken} files of dashboards and alerts\n")


def contracts_text() -> str:
    """The file's text, the same for the same contracts."""
    content = {"topics": topics(), "users": users(), "collectorGroup": COLLECTOR_GROUP}
    return json.dumps(content, indent=1) + "\n"


def topics() -> list[dict[str, Any]]:
    """Every topic: name, partitions, and settings as Kafka names them."""
    return [
        {"name": each.name, "partitions": each.partitions, "config": each.config, "about": each.about}
        for each in TOPICS
    ]


def users() -> dict[str, list[Acl]]:
    """Each user's rights, as Strimzi writes them."""
    flink = [
        *_room("flink_jobs"),
        # At each start it looks for open transactions in what it writes, which is a right to read.
        *_on_topics(_written("flink_jobs"), READ),
        _acl("group", FLINK_PREFIX, READ, DESCRIBE, pattern="prefix"),
        _acl("transactionalId", FLINK_PREFIX, WRITE, DESCRIBE, pattern="prefix"),
    ]
    stored = sorted(STORED_BY_TOPIC)
    return {
        "scraper": _room("scraper"),
        "flink": flink,
        "collector": [
            *_on_topics(stored, READ, DESCRIBE),
            *_room("collector", reads=False),
            _acl("group", COLLECTOR_GROUP, READ, DESCRIBE),
        ],
        "predictor": _room("app_predict"),
        "keda": [*_on_topics(stored, DESCRIBE), _acl("group", COLLECTOR_GROUP, DESCRIBE)],
        "operator": _operator(),
    }


def take_dashboards() -> int:
    """Take dashboards, alerts and rules into the chart; how many files there are."""
    return sum(
        copy_files(source, CHART / "files" / name, pattern) for name, (source, pattern) in TAKEN.items()
    )


def copy_files(source: Path, target: Path, pattern: str) -> int:
    """Take every such file that was made, and leave no other but `.gitignore`; how many there are."""
    files = sorted(source.glob(pattern)) if source.is_dir() else []
    for stale in target.glob("[!.]*"):
        if stale.name not in {each.name for each in files}:
            stale.unlink()
    target.mkdir(parents=True, exist_ok=True)
    for each in files:
        (target / each.name).write_bytes(each.read_bytes())
    return len(files)


def _room(room: str, *, reads: bool = True) -> list[Acl]:
    read = [each.name for each in TOPICS if reads and room in each.readers]
    return [*_on_topics(read, READ, DESCRIBE), *_on_topics(_written(room), WRITE, DESCRIBE)]


def _written(room: str) -> list[str]:
    return [each.name for each in TOPICS if room in each.writers]


def _operator() -> list[Acl]:
    """Whoever types `luftstrom`: reads all, puts readings through the doors again."""
    return [
        _acl("topic", ANY, READ, DESCRIBE, "DescribeConfigs"),
        *_on_topics([door.name for door in DOORS.values()], WRITE),
        _acl("group", ANY, READ, DESCRIBE),
        _acl("transactionalId", ANY, DESCRIBE),
    ]


def _on_topics(names: Iterable[str], *operations: str) -> list[Acl]:
    return [_acl("topic", name, *operations) for name in names]


def _acl(kind: str, name: str, *operations: str, pattern: str = "literal") -> Acl:
    return {
        "resource": {"type": kind, "name": name, "patternType": pattern},
        "operations": list(operations),
        "host": ANY,
    }


if __name__ == "__main__":
    main()
