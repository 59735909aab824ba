"""What the recording server answers, without HTTP: content by the minute, conditions, faults, state."""

import gzip
import hashlib
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from email.utils import formatdate
from pathlib import Path

from local_stack.recording_server.faults import SPOILED, WHOLE_MODES, Fault, Faults, with_elements
from local_stack.recording_server.playback import (
    Bookmark,
    Playback,
    SteppedPlayback,
    write_bookmark,
)
from local_stack.recording_server.timeline import Timeline
from local_stack.recordings import Recording

GZIP_LEVEL = 6


@dataclass(frozen=True, slots=True)
class Content:
    """data.json of one minute."""

    minute_s: int
    records: int
    plain: bytes
    gzipped: bytes
    etag: str
    last_modified: str


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a poll, sent after `delay_s`.

    `clock_s` is None where the clock does not go on after it.
    """

    status: int
    body: bytes
    headers: dict[str, str]
    clock_s: float | None
    delay_s: float = 0.0


class Service:
    """One playing of a recording; safe for many threads.

    `window` gives the records of the five minutes up to a Unix second.
    """

    def __init__(
        self,
        recording: Recording,
        timeline: Timeline,
        playback: Playback,
        *,
        window: Callable[[int], list[bytes]],
        speed: float = 1,
        clock_file: Path | None = None,
        answered_minute_s: int | None = None,
    ) -> None:
        self.faults = Faults()
        self.served: Counter[str] = Counter()
        self._recording = recording
        self._timeline = timeline
        self._window = window
        self._playback = playback
        self._speed = speed
        self._clock_file = clock_file
        self._answered_minute_s = answered_minute_s
        self._content: Content | None = None
        self._lock = threading.Lock()

    def poll(self, *, etag: str | None, since: str | None, gzip_accepted: bool) -> Answer:
        """The answer to one GET of data.json with these If-None-Match and If-Modified-Since."""
        clock_s = self._playback.now_s()
        fault = self.faults.next_one()
        if fault is not None and fault.mode != "slow":
            return self._faulty(fault, clock_s, gzip_accepted=gzip_accepted)
        delay_s = fault.seconds if fault else 0.0
        content = self._content_at(clock_s)
        elements = self.faults.next_elements()
        if elements:
            body = with_elements(content.plain, elements)
            answer = _spoiled(body, gzip_accepted=gzip_accepted, clock_s=clock_s)
        elif _unchanged(content, etag=etag, since=since):
            answer = Answer(304, b"", _validators(content), clock_s)
        else:
            answer = _whole(content, gzip_accepted=gzip_accepted, clock_s=clock_s)
        return replace(answer, delay_s=delay_s)

    def look(self, *, gzip_accepted: bool) -> Answer:
        """The answer to one HEAD: as a GET's, and nothing goes on."""
        clock_s = self._playback.now_s()
        return _whole(self._content_at(clock_s), gzip_accepted=gzip_accepted, clock_s=None)

    def answered(self, answer: Answer) -> None:
        """Go on after an answer that went out whole."""
        with self._lock:
            self.served[f"answers_{answer.status}"] += 1
            self.served["bytes"] += len(answer.body)
            if answer.clock_s is None:
                return
            minute_s = self._timeline.minute_s(answer.clock_s)
            self._answered_minute_s = max(minute_s, self._answered_minute_s or minute_s)
            if answer.status == 200 and self._content is not None:
                self.served["records"] += self._content.records
            self._playback.answered(answer.clock_s)
            if self._clock_file is not None:
                write_bookmark(self._clock_file, self._bookmark())

    def state(self) -> dict[str, object]:
        """Where the playing stands; times in Unix seconds."""
        clock_s = self._playback.now_s()
        timeline = self._timeline
        return {
            "recording": self._recording.name,
            "starts_at": timeline.starts_at_s,
            "shift_s": timeline.starts_at_s - timeline.origin_s,
            "clock": clock_s,
            "speed": self._speed,
            "loop": timeline.loop(clock_s),
            "position_s": timeline.position_s(clock_s),
            "duration_s": timeline.duration_s,
            "finished": self._answered_minute_s is not None and self._answered_minute_s >= timeline.ends_at_s,
            "records_total": len(self._recording),
            "served": dict(self.served),
        }

    def _faulty(self, fault: Fault, clock_s: float, *, gzip_accepted: bool) -> Answer:
        """The spoiled answer; after one that keeps records back the clock waits."""
        if fault.status is not None:
            asked = {"Retry-After": f"{fault.seconds:.0f}"} if fault.seconds else {}
            return Answer(fault.status, b"", asked, None)
        if fault.mode == "replace":
            return _spoiled(fault.body, gzip_accepted=gzip_accepted, clock_s=None)
        if fault.mode == "clock-jump":
            content = self._content_at(clock_s + fault.seconds)
            return _whole(content, gzip_accepted=gzip_accepted, clock_s=None)
        body = SPOILED[fault.mode](self._content_at(clock_s).plain)
        goes_on_from_s = clock_s if fault.mode in WHOLE_MODES else None
        return _spoiled(body, gzip_accepted=gzip_accepted, clock_s=goes_on_from_s)

    def _content_at(self, clock_s: float) -> Content:
        minute_s = self._timeline.minute_s(clock_s)
        with self._lock:
            if self._content is None or self._content.minute_s != minute_s:
                self._content = _content(self._window(minute_s), minute_s)
            return self._content

    def _bookmark(self) -> Bookmark:
        stepped = self._playback if isinstance(self._playback, SteppedPlayback) else None
        return Bookmark(
            recording=self._recording.name,
            starts_at_s=self._timeline.starts_at_s,
            clock_s=stepped.limit_s if stepped else self._playback.now_s(),
            answered_minute_s=self._answered_minute_s,
        )


def _content(records: list[bytes], minute_s: int) -> Content:
    plain = b"[" + b",".join(records) + b"]"
    return Content(
        minute_s=minute_s,
        records=len(records),
        plain=plain,
        gzipped=gzip.compress(plain, GZIP_LEVEL, mtime=0),
        # Weak: the same for the plain and the gzipped body.
        etag=f'W/"{hashlib.blake2b(plain, digest_size=8).hexdigest()}"',
        last_modified=formatdate(max(minute_s, 0), usegmt=True),
    )


def _unchanged(content: Content, *, etag: str | None, since: str | None) -> bool:
    if etag is not None:
        known = {tag.strip().removeprefix("W/") for tag in etag.split(",")}
        return "*" in known or content.etag.removeprefix("W/") in known
    # Equal, not "or later": as nginx does by default, and a clock set back does not starve a client.
    return since == content.last_modified


def _validators(content: Content) -> dict[str, str]:
    return {"ETag": content.etag, "Last-Modified": content.last_modified, "Vary": "Accept-Encoding"}


def _whole(content: Content, *, gzip_accepted: bool, clock_s: float | None) -> Answer:
    headers = {"Content-Type": "application/json", **_validators(content)}
    if gzip_accepted:
        return Answer(200, content.gzipped, headers | {"Content-Encoding": "gzip"}, clock_s)
    return Answer(200, content.plain, headers, clock_s)


def _spoiled(body: bytes, *, gzip_accepted: bool, clock_s: float | None) -> Answer:
    # No validators: a spoiled answer must never be the one that a client says it knows.
    headers = {"Content-Type": "application/json", "Vary": "Accept-Encoding"}
    if gzip_accepted:
        body, headers["Content-Encoding"] = gzip.compress(body, GZIP_LEVEL, mtime=0), "gzip"
    return Answer(200, body, headers, clock_s)
