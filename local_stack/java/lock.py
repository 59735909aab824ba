"""Writes the Java lock files: `python -m local_stack.java.lock`, called by `make lock`."""

import tempfile
from pathlib import Path

from jgo.env import EnvironmentBuilder, EnvironmentSpec
from jgo.maven import MavenContext

FOLDER = Path(__file__).parent
COORDINATES_BY_PART = {
    "kafka": (
        "org.apache.kafka:kafka_2.13:4.3.1",
        # Named, for jgo takes older ones that some other jar asks for; Maven takes these.
        "org.apache.kafka:kafka-clients:4.3.1",
        "com.fasterxml.jackson.core:jackson-annotations:2.21",
        "com.fasterxml.jackson.core:jackson-core:2.21.2",
        "com.fasterxml.jackson.core:jackson-databind:2.21.2",
        "com.fasterxml.jackson.dataformat:jackson-dataformat-csv:2.21.2",
        "com.fasterxml.jackson.dataformat:jackson-dataformat-yaml:2.21.2",
        "com.fasterxml.jackson.datatype:jackson-datatype-jdk8:2.21.2",
        # Without a binding the broker logs nothing.
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    ),
    "flink-connector": ("org.apache.flink:flink-sql-connector-kafka:5.0.0-2.2",),
    # A plugin of the image: checkpoints in a store that speaks S3. Of 2.2.1 there is none on Maven Central.
    "flink-s3": ("org.apache.flink:flink-s3-fs-presto:2.2.0",),
}


def main() -> None:
    """Resolve every part and write its lock, with the sha256 of each jar and no address."""
    for part, coordinates in COORDINATES_BY_PART.items():
        with tempfile.TemporaryDirectory() as scratch:
            maven = MavenContext(repo_cache=Path(scratch) / "repository")
            builder = EnvironmentBuilder(context=maven, cache_dir=Path(scratch) / "cache")
            spec = EnvironmentSpec(name=part, coordinates=list(coordinates))
            builder.resolve_lockfile(spec).save(FOLDER / f"{part}.lock.toml")


if __name__ == "__main__":
    main()
