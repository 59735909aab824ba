"""From Kafka to a real InfluxDB: what a value costs, ours and others in the same run.

`python -m benchmarks.storing [values] [ways…]`: 300,000 and all of them by default. Each has an InfluxDB of
its own, and all read the same topics. Start-up is not in the figures; what is slow is not waited for.
"""

import sys

from benchmarks.storing.contenders import contenders
from benchmarks.storing.load import FIELD_BY_TOPIC, fill
from benchmarks.storing.measuring import cost_of
from benchmarks.stream.load import broker_with_topics
from contracts.errors import UnavailableError

VALUES = 300_000


def main(values: int, wanted: list[str]) -> None:
    """Fill a broker once, let each store it, print a table."""
    with broker_with_topics() as (folder, brokers):
        fill(brokers, values)
        print(f"{values:,} values of {len(FIELD_BY_TOPIC)} measures; CPU in µs a value")
        print(f"{'':<36}{'values/s':>10}{'CPU':>7}{'InfluxDB':>10}{'MiB':>6}  stored")
        for number, contender in enumerate(contenders(brokers, values, folder)):
            if wanted and contender.name not in wanted:
                continue
            try:
                cost = cost_of(contender, values, folder / f"influxd-{number}")
            except (UnavailableError, RuntimeError) as error:
                print(f"{contender.name:<36}{error}", flush=True)
                continue
            stored = f"{cost.stored:,}" if cost.is_whole else "(not waited for)"
            print(
                f"{contender.name:<36}{cost.values_s:>10,.0f}{cost.cpu_us:>7.1f}{cost.influx_cpu_us:>10.1f}"
                f"{cost.peak_mib:>6.0f}  {stored}",
                flush=True,
            )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else VALUES, sys.argv[2:])
