"""Telegraf with the plugins that are needed: the one on PATH, or built from its Go module, once."""

import os
import shutil
import subprocess
from pathlib import Path

from benchmarks.storing.load import FIELD_BY_TOPIC
from contracts.errors import UnavailableError
from contracts.stored import LIVE_BUCKET
from local_stack.install.cache import install_lock, put_in_place, scratch_beside
from local_stack.single import InfluxServer

VERSION = "1.37.2"
TAGS = "custom,inputs.kafka_consumer,outputs.influxdb_v2,parsers.json_v2,serializers.influx"
MODULE = f"module luftstrom/telegraf\n\ngo 1.25\n\nrequire github.com/influxdata/telegraf v{VERSION}\n"

_INPUT = """
[[inputs.kafka_consumer]]
  brokers = ["{brokers}"]
  kafka_version = "3.6.0"  # its default speaks to Kafka as it was before 4.0, which does not answer
  topics = ["{topic}"]
  consumer_group = "telegraf-{topic}"
  offset = "oldest"
  max_undelivered_messages = 20000
  data_format = "json_v2"
  [[inputs.kafka_consumer.json_v2]]
    measurement_name = "air"
    timestamp_path = "observed_at_s"
    timestamp_format = "unix"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = "sensor_id"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = "sensor_type"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = "country"
    [[inputs.kafka_consumer.json_v2.tag]]
      path = "city"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "value"
      rename = "{field}"
      type = "float"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "flags"
      rename = "{flags}"
      type = "int"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "lat"
      type = "float"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "lon"
      type = "float"
    [[inputs.kafka_consumer.json_v2.field]]
      path = "indoor"
      type = "int"
"""
_FRAME = """
[agent]
  flush_interval = "1s"
  metric_batch_size = 5000
  metric_buffer_limit = 200000
  omit_hostname = true
[[outputs.influxdb_v2]]
  urls = ["{url}"]
  token = "{token}"
  organization = "{org}"
  bucket = "{bucket}"
  content_encoding = "gzip"
"""


def telegraf() -> Path:
    """Its binary; raises UnavailableError where there is neither it nor Go."""
    on_path = shutil.which("telegraf")
    if on_path is not None:
        return Path(on_path)
    # Whoever installs removes what others left half made.
    with install_lock(lambda line: print(line, flush=True)) as cache:
        target = cache / "benchmarks" / f"telegraf-{VERSION}"
        if not target.is_file():
            if shutil.which("go") is None:
                raise UnavailableError("is neither on PATH nor built, and no Go to build it")
            _build(target)
    return target


def configuration(folder: Path, brokers: str, influx: InfluxServer) -> Path:
    """A file that makes it write the same points as we do."""
    inputs = [
        _INPUT.format(brokers=brokers, topic=topic, field=field, flags=f"{field.partition('_')[0]}_flags")
        for topic, field in FIELD_BY_TOPIC.items()
    ]
    frame = _FRAME.format(url=influx.url, token=influx.write_token, org=influx.org, bucket=LIVE_BUCKET)
    path = folder / "telegraf.conf"
    path.write_text(frame + "".join(inputs))
    return path


def _build(target: Path) -> None:
    with scratch_beside(target) as scratch:
        (scratch / "go.mod").write_text(MODULE)
        environment = {
            **os.environ,
            "CGO_ENABLED": "0",
            "GOCACHE": str(scratch / "go-build"),
            "GOMODCACHE": str(scratch / "go-modules"),
            "GOFLAGS": "-mod=mod -modcacherw",
        }
        command = ["go", "build", "-tags", TAGS, "-ldflags", "-s -w", "-o", "telegraf"]
        subprocess.run(
            [*command, "github.com/influxdata/telegraf/cmd/telegraf"],
            cwd=scratch,
            env=environment,
            check=True,
        )
        put_in_place(scratch / "telegraf", target)
