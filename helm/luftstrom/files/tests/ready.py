"""Every address answers 200, each within its limit: READY_URLS, with commas between; CA in READY_CA_FILE."""

import os
import ssl
import sys
import time
import urllib.error
import urllib.request

LIMIT_S = float(os.environ.get("READY_LIMIT_S", "120"))
PAUSE_S = 2


def answer(url, context):
    """What the address says, `200` where it is well."""
    try:
        with urllib.request.urlopen(url, timeout=10, context=context) as response:
            return str(response.status)
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read()[:300]!r}"
    except OSError as error:
        return str(error)


def main():
    """Exit code 1 where one does not answer in time; all are told."""
    ca_file = os.environ.get("READY_CA_FILE")
    context = ssl.create_default_context(cafile=ca_file) if ca_file else None
    waiting = os.environ["READY_URLS"].split(",")
    ends_at = time.monotonic() + LIMIT_S
    while waiting:
        said = {url: answer(url, context if url.startswith("https") else None) for url in waiting}
        for url in [url for url, words in said.items() if words == "200"]:
            print(f"{url}: well", flush=True)
            waiting.remove(url)
        if waiting and time.monotonic() > ends_at:
            for url in waiting:
                print(f"{url}: {said[url]}", flush=True)
            sys.exit(1)
        if waiting:
            time.sleep(PAUSE_S)


if __name__ == "__main__":
    main()
