"""Records as the feed has them."""

import json


def a_record(number=1, **changes):
    record = {
        "id": 3_490_000_000 + number,
        "sampling_rate": None,
        "timestamp": "2026-01-01 00:00:00",
        "location": {"id": 3939, "latitude": "57.130", "longitude": "-2.086", "country": "GB", "indoor": 0},
        "sensor": {"id": 7000 + number, "pin": "1", "sensor_type": {"id": 14, "name": "SDS011"}},
        "sensordatavalues": [
            {"id": 1, "value": "1.03", "value_type": "P1"},
            {"id": 2, "value": 0.47, "value_type": "P2"},
        ],
    }
    return {**record, **changes}


def payload_of(*records):
    return json.dumps(list(records)).encode()


class FixedSource:
    """Gives one payload each time it is asked."""

    origin = None

    def __init__(self, payload):
        self.payload = payload

    def fetch(self):
        return self.payload

    def accept(self):
        pass
