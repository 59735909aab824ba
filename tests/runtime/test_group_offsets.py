"""A group tells where it is, and is put back."""

import uuid
from contextlib import nullcontext
from types import SimpleNamespace

import pytest
from kafka.errors import CoordinatorLoadInProgressError, NoError
from kafka.structs import TopicPartition

from contracts.topics import MEASURE_TOPICS
from local_stack.provisioning import create_topics
from runtime import group_offsets
from runtime.group_offsets import committed_offsets, put_back
from runtime.log_interfaces import Partition

PM10 = MEASURE_TOPICS["pm10"]


@pytest.mark.integration
def test_a_group_is_put_back_and_tells_where_it_is(kafka):
    create_topics(kafka.bootstrap_servers, [PM10], lambda _line: None)
    group = f"group-{uuid.uuid4().hex}"
    put_back(kafka.bootstrap_servers, group, {Partition(PM10.name, 0): 5})

    assert committed_offsets(kafka.bootstrap_servers, group) == {Partition(PM10.name, 0): 5}


def test_a_group_is_put_back_once_the_broker_has_read_its_groups(monkeypatch):
    at = TopicPartition(PM10.name, 0)
    answers = [{at: CoordinatorLoadInProgressError}, {at: CoordinatorLoadInProgressError}, {at: NoError}]
    admin = SimpleNamespace(alter_group_offsets=lambda _group, _offsets: answers.pop(0))
    monkeypatch.setattr(group_offsets, "kafka_admin", lambda *_: nullcontext(admin))
    put_back("a broker", "a group", {Partition(*at): 5})

    assert answers == []
