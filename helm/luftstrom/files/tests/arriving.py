"""Air arrives: somebody sent within ARRIVING_AGE_S seconds, as the live page at ARRIVING_URL tells."""

import json
import os
import sys
import time
import urllib.request

LIMIT_S = float(os.environ.get("ARRIVING_LIMIT_S", "300"))
PAUSE_S = 2


def main():
    """Exit code 1 where nobody sent in time."""
    age_s = max(60, int(os.environ["ARRIVING_AGE_S"]))
    url = f"{os.environ['ARRIVING_URL']}/api/stations?within_s={age_s}"
    ends_at = time.monotonic() + LIMIT_S
    said = "nobody"
    while time.monotonic() < ends_at:
        try:
            with urllib.request.urlopen(url, timeout=20) as response:
                stations = len(json.load(response))
        except (OSError, ValueError) as error:
            said = str(error)
        else:
            if stations:
                print(f"{stations} stations sent within {age_s} s", flush=True)
                return
            said = "no station"
        time.sleep(PAUSE_S)
    print(f"{url}: {said} within {LIMIT_S:.0f} s", flush=True)
    sys.exit(1)


if __name__ == "__main__":
    main()
