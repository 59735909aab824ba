"""What each profile leaves the tasks of a TaskManager, as Flink itself reckons it."""

import json
import re
import subprocess
from pathlib import Path

import pyflink
import pytest

from local_stack.install.cache import cache_dir
from local_stack.install.java import install_java
from tests.kubernetes.native_flink import options
from tests.kubernetes.rendering import NAMESPACE, PROFILES, of_kind, rendered

pytestmark = pytest.mark.kubernetes

PYFLINK = Path(pyflink.__file__).parent
RECKONER = "org.apache.flink.runtime.util.bash.BashJavaUtils"
MB = 1024**2
# In one process with 512 MB of heap both jobs do the whole network (benchmarks/stream).
TASK_HEAP_MB_MIN = 256


def task_heap_mb(options_of_job, folder):
    (folder / "config.yaml").write_text(json.dumps(options_of_job))
    jars = [PYFLINK / "bin" / "bash-java-utils.jar", *PYFLINK.glob("lib/flink-dist*.jar")]
    ended = subprocess.run(
        [install_java(cache_dir(), print), "-cp", ":".join(map(str, jars)), RECKONER,
         "GET_TM_RESOURCE_PARAMS", "--configDir", folder],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    (found,) = re.findall(r"taskmanager\.memory\.task\.heap\.size=(\d+)b", ended.stdout)
    return int(found) / MB


@pytest.mark.parametrize("profile", PROFILES)
def test_the_tasks_have_a_heap_to_work_with(profile, tmp_path):
    for name, each in of_kind(rendered(profile), "FlinkDeployment").items():
        given = options(name, NAMESPACE, each["spec"])

        assert task_heap_mb(given, tmp_path) >= TASK_HEAP_MB_MIN, name
