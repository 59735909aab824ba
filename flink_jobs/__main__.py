"""`python -m flink_jobs split|aggregate|all`: one job, until told to stop.

On its own it starts the Java process and watches it. Started by Flink itself (`-pym flink_jobs`, as the
Kubernetes operator does), it hands the job over and ends.
"""

import argparse
import os

from flink_jobs import process
from flink_jobs.environment import planner_configuration, table_environment
from flink_jobs.java_process import GATEWAY_PORT
from flink_jobs.job import Job, statements
from flink_jobs.settings import JobSettings, Settings
from runtime.logs import configure_logs
from runtime.settings import SettingsError, exit_on_bad_settings, read_settings
from runtime.stopping import stop_on_signals


def main() -> None:
    """Run until SIGTERM (exit code 0) or until Java or the job ends (1, for the supervisor to start anew)."""
    parser = argparse.ArgumentParser(prog="python -m flink_jobs", description=__doc__)
    parser.add_argument("job", type=Job, choices=list(Job), help="what to run in this process")
    job = parser.parse_args().job
    configure_logs("flink_jobs")
    try:
        if GATEWAY_PORT in os.environ:
            _hand_over(job, read_settings(JobSettings))
            return
        settings = read_settings(Settings)
    except SettingsError as error:
        exit_on_bad_settings(error)
    raise SystemExit(process.run(job, settings, stop_on_signals()))


def _hand_over(job: Job, settings: JobSettings) -> None:
    """Give the job to the cluster that started us; how it runs there is the cluster's configuration."""
    statements(job, settings, table_environment(planner_configuration())).execute()


if __name__ == "__main__":
    main()
