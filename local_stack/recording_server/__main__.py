"""python -m local_stack.recording_server: the options, and a server from them."""

import argparse
import sys
import threading
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import structlog

from contracts.errors import BadInputError
from local_stack.recording_server.network import WHOLE_NETWORK_RECORDS, Network
from local_stack.recording_server.playback import Bookmark, playback_for, read_bookmark
from local_stack.recording_server.server import DATA_PATH, RecordingServer
from local_stack.recording_server.service import Service
from local_stack.recording_server.timeline import WINDOW_S, Timeline, duration_s, window
from local_stack.recordings import Recording, recording_names
from runtime.clock import SystemClock
from runtime.logs import configure_logs
from runtime.stopping import stop_on_signals

USAGE_EXIT_CODE = 2
STOP_POLL_S = 0.1
NETWORK_RECORDS_MAX = 1_000_000

log = structlog.get_logger()


def main() -> None:
    """Serve until SIGTERM or SIGINT; exit code 2 with one line if the options cannot be met."""
    options = _parser().parse_args()
    configure_logs("recording_server")
    try:
        server = RecordingServer(options.host, options.port)
    except OSError as error:
        _leave(
            f"cannot listen on {options.host}:{options.port} ({error.strerror}): "
            "stop what uses the port, or choose another with --port"
        )
    try:
        server.service = _service(options)
    except BadInputError as error:
        _leave(str(error))
    _serve(server)


def _serve(server: RecordingServer) -> None:
    stopping = stop_on_signals()
    thread = threading.Thread(target=server.serve_forever, args=(STOP_POLL_S,), daemon=True)
    thread.start()
    host, port = server.server_address[:2]
    log.info("recording_served", url=f"http://{host!s}:{port}{DATA_PATH}", **server.service.state())
    stopping.wait()
    server.shutdown()
    server.server_close()


def _service(options: argparse.Namespace) -> Service:
    """The service that the options describe; raises BadInputError."""
    clock = SystemClock()
    recording = Recording.load(options.recording)
    bookmark = read_bookmark(options.clock_file) if options.clock_file else None
    starts_at_s = _starts_at(options, recording, bookmark, now_s=int(clock.now_s()))
    playback = playback_for(
        bookmark, clock=clock, starts_at_s=starts_at_s, speed=options.speed, step_s=options.advance_per_fetch
    )
    timeline = Timeline.of(recording, starts_at_s=starts_at_s, once=options.once)
    shown = partial(window, recording, timeline)
    return Service(
        recording,
        timeline,
        playback,
        window=Network(recording, timeline, records=options.network).window if options.network else shown,
        speed=options.speed,
        clock_file=options.clock_file,
        answered_minute_s=bookmark.answered_minute_s if bookmark else None,
    )


def _starts_at(
    options: argparse.Namespace, recording: Recording, bookmark: Bookmark | None, *, now_s: int
) -> int:
    if bookmark is not None:
        given = bookmark.starts_at_s if options.starts_at is None else options.starts_at
        if (bookmark.recording, bookmark.starts_at_s) != (recording.name, given):
            raise BadInputError(
                "clock_file",
                f"{options.clock_file} belongs to {bookmark.recording} from {bookmark.starts_at_s} on; "
                "give the same --recording and --starts-at, or remove the file",
            )
        return bookmark.starts_at_s
    if options.starts_at is not None:
        return int(options.starts_at)
    if options.speed > 1 or options.advance_per_fetch is not None:
        return now_s - duration_s(recording)
    return now_s - WINDOW_S


def _leave(message: str) -> NoReturn:
    sys.stderr.write(f"recording_server: {message}\n")
    raise SystemExit(USAGE_EXIT_CODE)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_stack.recording_server",
        description=f"Serve a recording over HTTP as sensor.community does, at {DATA_PATH}.",
    )
    add = parser.add_argument
    add(
        "--recording", required=True, metavar="NAME|PATH",
        help=f"one of {', '.join(recording_names())}, or the path of a .jsonl.xz file",
    )  # fmt: skip
    add("--port", type=int, required=True, help="TCP port; 0 takes a free one and logs it")
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add(
        "--starts-at", type=_moment, metavar="ISO|EPOCH",
        help="when the recording begins, UTC; default: five minutes ago, or, played faster or by "
        "--advance-per-fetch, so long ago that its end is now",
    )  # fmt: skip
    pace = parser.add_mutually_exclusive_group()
    pace.add_argument(
        "--speed", type=_speed, default=1.0, help="times real time, until now is reached (default: 1)"
    )
    pace.add_argument(
        "--advance-per-fetch", type=_step, metavar="SECONDS",
        help=f"the clock stands and goes on by 1 to {WINDOW_S} s after each answer, until now is reached; "
        "with up to 150 s each record is in two answers",
    )  # fmt: skip
    add("--once", action="store_true", help="the list runs empty after the end, instead of a new loop")
    add(
        "--network", type=_records, nargs="?", const=WHOLE_NETWORK_RECORDS, metavar="RECORDS",
        help="scale the recording to a network that shows so many records at a time, in the mix of the "
        "live one (without a number: %(const)s, the whole network)",
    )  # fmt: skip
    add("--clock-file", type=Path, metavar="PATH", help="keep the position here, to go on after a restart")
    return parser


def _moment(text: str) -> int:
    if text.isdecimal():
        return int(text)
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _speed(text: str) -> float:
    if not 1 <= float(text) <= 1e6:
        raise argparse.ArgumentTypeError(f"{text} is not 1 or more")
    return float(text)


def _records(text: str) -> int:
    if not 1 <= int(text) <= NETWORK_RECORDS_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to {NETWORK_RECORDS_MAX}")
    return int(text)


def _step(text: str) -> int:
    if not 1 <= int(text) <= WINDOW_S:
        raise argparse.ArgumentTypeError(f"{text} is not 1 to {WINDOW_S}: a longer step would skip records")
    return int(text)


if __name__ == "__main__":
    main()
