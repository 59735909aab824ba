"""The rights of Kafka's users as the chart asks for them (KafkaUser), given on a broker as Strimzi would."""

import re

from kafka.admin import (
    ACL,
    ACLFilter,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourcePatternFilter,
    ResourceType,
)

from contracts.errors import UnavailableError
from local_stack.waiting import wait_until_ready

STRIMZI_NAMES = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}
PATTERNS = {"literal": ACLResourcePatternType.LITERAL, "prefix": ACLResourcePatternType.PREFIXED}
LIMIT_S = 30


def give_rights(admin, users):
    """Every right of each KafkaUser, by name; ends when the broker knows them."""
    wanted = [
        acl for name, user in users.items() for rule in user["spec"]["authorization"]["acls"]
        for acl in _acls(name, rule)
    ]  # fmt: skip
    admin.create_acls(wanted)
    # The controller has them at once; the broker that refuses hears of them a little later.
    wait_until_ready(lambda: _require_acls(admin, len(wanted)), is_running=lambda: True, limit_s=LIMIT_S)


def _require_acls(admin, count):
    anything = ResourcePatternFilter(ResourceType.ANY, None, ACLResourcePatternType.ANY)
    found, _ = admin.describe_acls(ACLFilter(None, None, ACLOperation.ANY, ACLPermissionType.ANY, anything))
    if len(found) < count:
        raise UnavailableError(f"{len(found)} of {count} rights are known")


def _acls(user, rule):
    resource = rule["resource"]
    pattern = ResourcePattern(
        STRIMZI_NAMES[resource["type"]], resource["name"], PATTERNS[resource["patternType"]]
    )
    for operation in rule["operations"]:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).upper()
        yield ACL(f"User:{user}", "*", ACLOperation[name], ACLPermissionType.ALLOW, pattern)
