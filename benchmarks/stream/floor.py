"""The floor: one thread that parses readings and goes through their values, without Kafka."""

import sys
import time

import msgspec

from benchmarks.stream.load import messages


class _Value(msgspec.Struct):
    value: str
    value_type: str


class _Reading(msgspec.Struct):
    id: int
    sensordatavalues: list[_Value]


def main() -> None:
    """Print CPU-microseconds a reading."""
    print(f"{floor_us(int(sys.argv[1])):.2f}")


def floor_us(readings: int) -> float:
    """CPU-microseconds for parsing a reading and taking the number of each of its values."""
    lines = [body for body, _, _ in messages(readings, spoiled_every=0)]
    decode = msgspec.json.Decoder(_Reading).decode
    began_s = time.process_time()
    total = 0.0
    for line in lines:
        for entry in decode(line).sensordatavalues:
            total += float(entry.value)
    return (time.process_time() - began_s) / len(lines) * 1e6


if __name__ == "__main__":
    main()
