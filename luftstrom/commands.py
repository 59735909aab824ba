"""What the commands do; how it looks is in `screen`."""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime

from contracts.errors import BadInputError, UnavailableError
from contracts.places import DetailedPlace
from flink_jobs.generation import Generation, begin_generation, current_generation
from flink_jobs.job import Job, continuous_connectors
from flink_jobs.replay import DISORDER_MIN, Replay
from flink_jobs.settings import JobSettings
from flink_jobs.sql.timing import Period
from local_stack import grafana, stack
from local_stack.programs import recording_starts_at_s
from local_stack.recordings import recording_path
from local_stack.settings import LOOPBACK, Settings
from luftstrom import screen
from luftstrom.air import PlaceAir, latest_air
from luftstrom.connections import connections
from luftstrom.demo import play_history, settled
from luftstrom.letters import Choice, Letter, Listed, letter_of_id, listed, read_letters
from luftstrom.outlook import first_outlooks
from luftstrom.overview import Overview, Row, collector_lag, freshness_s
from luftstrom.reconciliation import Reconciliation
from luftstrom.reinjecting import Report, reinjected
from luftstrom.replaying import replayed
from luftstrom.transactions import Transaction, abort, open_transactions
from luftstrom.windows import Span, Window
from runtime.clock import SystemClock
from runtime.group_offsets import groups_lag
from runtime.influx_reader import InfluxReader
from runtime.kafka_publisher import KafkaPublisher
from runtime.kafka_reader import KafkaLogReader
from runtime.log_interfaces import Progress
from runtime.settings import environment_name, read_settings
from scraper.backfill import lines_of
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from scraper.reinjection import Surroundings, only_one
from scraper.sensor_community_source import SensorCommunitySource
from scraper.settings import Settings as ScraperSettings
from scraper.warming import positions_in, warm

HANGING_AFTER_S = 60.0
HANGING_AFTER_CHECKPOINTS = 4
DEMO_RECORDING = "aberdeen-2019-05-12"
PLACES_OF_DEMO = 3
# Fewer are read at once: a bar would only flash by.
MANY_LETTERS = 50_000


def start(recording: str | None) -> None:
    """Start the stack and say where it is to be seen."""
    settings = _settings_of(recording)
    stack.up(settings, screen.show_line)
    _say_where(settings)


def stop(*, wipe: bool) -> None:
    """Stop the stack."""
    settings = read_settings(Settings)
    was_running = stack.down(settings, wipe=wipe)
    screen.show_line("stopped" if was_running else "nothing was running")
    if wipe:
        screen.show_line(f"deleted {settings.data_dir}")


def stack_overview() -> Overview:
    """How the stack fares."""
    settings = read_settings(Settings)
    processes = stack.status(settings)
    if not processes:
        return Overview(rows=(), freshness_s=None, logs_dir=settings.logs_dir)
    lags = {
        "flink": groups_lag(
            settings.kafka_address, _flink_groups(settings), security=settings.kafka_security
        ),
        "collector": collector_lag(f"http://{LOOPBACK}:{settings.collector_metrics_port}/metrics"),
    }
    rows = tuple(Row.of(process, lags.get(process.name)) for process in processes)
    return Overview(rows=rows, freshness_s=_freshness_s(settings), logs_dir=settings.logs_dir)


def reconciliation_now(*, is_quiet: bool) -> Reconciliation:
    """Both ends of the pipeline as they are now; the log is read too where the sum is open without it."""
    with connections(_settings_of_running_stack()) as connected:
        connected.ledger.require_whole_store(now_s=time.time())
        whole = connected.ledger.reconciliation()
        if whole.on_the_way <= 0:
            return whole
        with _log_progress(is_quiet=is_quiet) as on_progress:
            return replace(whole, replaced=connected.ledger.replaced(on_progress=on_progress))


def windows_now(span: Span, *, is_quiet: bool) -> list[Window]:
    """What each stage has of each window of the span, as it is now."""
    with connections(settings_of_influx()) as connected, _log_progress(is_quiet=is_quiet) as on_progress:
        return connected.ledger.windows(span, now_s=time.time(), on_progress=on_progress)


@contextmanager
def _log_progress(*, is_quiet: bool) -> Iterator[Progress | None]:
    if is_quiet:
        yield None
        return
    with screen.progress_bar("log", unit="records", least=MANY_LETTERS) as bar:
        yield bar.update


def letters_listed(choice: Choice, *, limit: int, is_quiet: bool) -> Listed:
    """The chosen dead letters: counted, and the newest of them."""
    reader = _log_reader(_settings_of_running_stack())
    if is_quiet:
        return listed(read_letters(reader), choice, limit=limit)
    with screen.progress_bar("read", unit="letters", least=MANY_LETTERS) as bar:
        return listed(read_letters(reader, bar.update), choice, limit=limit)


def letter_now(letter_id: str) -> Letter:
    """One dead letter, as it lies in the log."""
    return letter_of_id(_log_reader(_settings_of_running_stack()), letter_id)


def reinject_letters(wanted: Choice | Sequence[str], *, is_dry_run: bool) -> Report:
    """Put refused records through the scraper's door again: the chosen letters, or those of the ids."""
    settings = _settings_of_running_stack()
    reader = _log_reader(settings)
    with ExitStack() as opened:
        client = opened.enter_context(connections(settings)).redis_client
        publisher = opened.enter_context(closing(_publisher(settings, client_id="reinject")))
        if not is_dry_run:
            opened.enter_context(only_one(client))
        bar = opened.enter_context(screen.progress_bar("read", unit="letters", least=MANY_LETTERS))
        letters = (
            filter(wanted.takes, read_letters(reader, bar.update))
            if isinstance(wanted, Choice)
            else [letter_of_id(reader, each) for each in dict.fromkeys(wanted)]
        )
        around = Surroundings(
            client=client,
            reader=reader,
            publisher=publisher,
            places=Places(RedisPlaceCache(client)),
            clock=SystemClock(),
        )
        return reinjected(letters, around, is_dry_run=is_dry_run)


def place_of(latitude: float, longitude: float) -> DetailedPlace:
    """The place of a position in degrees, from the gazetteer."""
    return Places().detailed([(latitude, longitude)])[0]


def kept_places() -> int:
    """How many places the stack's Redis keeps."""
    with connections(_settings_of_running_stack()) as connected:
        return RedisPlaceCache(connected.redis_client).count()


def warm_places(feed: str | None) -> tuple[int, int]:
    """Keep the places that a feed shows in the stack's Redis: how many there are, how many of them are new.

    `feed` is a file of it, or a recording's name or file; None for what the running stack reads.
    """
    settings = _settings_of_running_stack()
    lines = [_feed_now(settings)] if feed is None else lines_of(recording_path(feed))
    positions = positions_in(lines)
    with connections(settings) as connected, screen.progress_bar("places", unit="positions") as bar:
        cache = RedisPlaceCache(connected.redis_client)
        return len(positions), warm(cache, positions, on_progress=bar.update)


def forget_places() -> int:
    """Forget the places of the stack's Redis; how many there were."""
    with connections(_settings_of_running_stack()) as connected:
        return RedisPlaceCache(connected.redis_client).purge()


def settings_of_log() -> Settings:
    """The settings of a Kafka and a Redis that are named as somebody else's, else of the running stack."""
    settings = read_settings(Settings)
    if settings.kafka_bootstrap_servers and settings.redis_url:
        return settings
    return _settings_of_running_stack()


def settings_of_influx() -> Settings:
    """The settings of an InfluxDB that is named as somebody else's, else of the running stack."""
    settings = read_settings(Settings)
    return settings if settings.influx_url else _settings_of_running_stack()


def demonstrate() -> bool:
    """Start on the recording, play the history, wait until it is stored, show it; whether it closes."""
    settings = _settings_of(DEMO_RECORDING)
    if not stack.is_running(settings):
        stack.up(settings, screen.show_line)
    screen.show_line("ten recorded days of the Aberdeen sensors, through the back-fill door")
    with screen.progress_bar("published", unit="readings") as bar:
        period = play_history(settings, anchor_s=recording_starts_at_s(settings), on_progress=bar.update)
    with connections(settings) as connected:
        with screen.progress_bar("stored", unit="values") as bar:
            reconciliation = settled(connected.ledger, on_progress=bar.update)
        air = latest_air(connected.influx)
        screen.show_air(air)
        screen.show_reconciliation(reconciliation)
        is_whole = _windows_of_history(period, settings)
        if is_whole:
            _show_first_forecasts(connected.influx, air[:PLACES_OF_DEMO])
    screen.show_status(stack_overview())
    _say_where(settings)
    return is_whole and reconciliation.closes


def _windows_of_history(period: Period, settings: Settings) -> bool:
    # They come from a run of their own: in the live job its times would hold the others back.
    history = Replay(Job.AGGREGATE, "archive", period, DISORDER_MIN["live"])
    with screen.progress_bar("made windows of", unit="readings") as bar:
        is_whole = replayed(history, settings, on_progress=bar.update, tell=screen.show_line)
    if not is_whole:
        screen.show_line("not finished; `luftstrom demo` goes on from here")
    return is_whole


def _show_first_forecasts(influx: InfluxReader, places: list[PlaceAir]) -> None:
    screen.show_line("waiting for the first forecasts")
    outlooks = first_outlooks(influx, places)
    if outlooks:
        screen.show_outlooks(outlooks)
    else:
        screen.show_line("none yet: the predictor waits for the windows of the last hour; see its log")


def _settings_of(recording: str | None) -> Settings:
    if recording is None:
        return read_settings(Settings)
    return read_settings(Settings, source="recording", recording=recording)


def upgrade_job(*, force: bool) -> Generation:
    """Begin the Flink job of the stopped stack anew, with empty state, some hours back."""
    settings = read_settings(Settings)
    if stack.is_running(settings):
        raise UnavailableError("the stack runs. Stop it with `luftstrom down`, then upgrade, then start it.")
    return begin_generation(settings.flink_dir, force=force)


def _flink_groups(settings: Settings) -> tuple[str, ...]:
    # The stack's own process has the defaults, whatever the caller's environment says.
    job_settings = JobSettings.model_construct(kafka_bootstrap_servers=settings.kafka_address)
    generation = current_generation(settings.flink_dir)
    return continuous_connectors(Job.ALL, job_settings, generation).reading_groups


def replay_log(
    door: str,
    job: str,
    since_until: tuple[datetime, datetime],
    *,
    disorder_min: int | None,
    version: int | None,
) -> bool:
    """Put readings of the log through a job again; whether it came to its end."""
    from_s, to_s = (int(moment.replace(tzinfo=UTC).timestamp()) for moment in since_until)
    settings = _settings_of_running_stack()
    wanted = Replay(Job(job), door, Period(from_s, to_s), disorder_min or DISORDER_MIN[door], version)
    with screen.progress_bar(f"replaying {door}", unit="messages") as bar:
        return replayed(wanted, settings, on_progress=bar.update, tell=screen.show_line)


def transactions_now(hanging_after_s: float | None) -> list[Transaction]:
    """Every open transaction; one hangs after so many seconds, or a fitting default."""
    settings = _settings_of_kafka()
    return open_transactions(
        settings.kafka_address,
        hanging_after_s=_hanging_after_s(hanging_after_s),
        security=settings.kafka_security,
    )


def transactions_to_abort(name: str | None, hanging_after_s: float | None) -> list[Transaction]:
    """The open transaction of that name, or all that hang; raises BadInputError where none has the name."""
    found = transactions_now(hanging_after_s)
    if name is None:
        return [each for each in found if each.is_hanging]
    named = [each for each in found if each.name == name]
    if not named:
        known = ", ".join(each.name for each in found) or "none is open"
        raise BadInputError("no such transaction", f"{name}. Open are: {known}")
    return named


def abort_transactions(chosen: list[Transaction]) -> None:
    """End them one by one, and say what was done."""
    settings = _settings_of_kafka()
    for each in chosen:
        abort(settings.kafka_address, each, security=settings.kafka_security)
        held = sum(part.records for part in each.held)
        screen.show_line(f"aborted {each.name}: {held:,} records in {len(each.held)} partitions go on")


def _settings_of_kafka() -> Settings:
    """The settings of a broker that is named as somebody else's, else of the running stack."""
    settings = read_settings(Settings)
    return settings if settings.kafka_bootstrap_servers else _settings_of_running_stack()


def _hanging_after_s(given_s: float | None) -> float:
    """A running job ends its transaction at each checkpoint; a starting one takes its time."""
    checkpoints_s = HANGING_AFTER_CHECKPOINTS * read_settings(Settings).checkpoint_interval_s
    return max(HANGING_AFTER_S, checkpoints_s) if given_s is None else given_s


def _settings_of_running_stack() -> Settings:
    settings = read_settings(Settings)
    if not settings.is_elsewhere and not stack.is_running(settings):
        raise UnavailableError(
            f"no stack of {settings.data_dir} runs. Start it with `luftstrom up`, "
            f"or name the folder of one that runs in {environment_name(Settings, 'data_dir')}."
        )
    return settings


def _log_reader(settings: Settings) -> KafkaLogReader:
    return KafkaLogReader(settings.kafka_address, security=settings.kafka_security)


def _publisher(settings: Settings, *, client_id: str) -> KafkaPublisher:
    return KafkaPublisher(settings.kafka_address, client_id=client_id, security=settings.kafka_security)


def _feed_now(settings: Settings) -> bytes:
    source = SensorCommunitySource(
        read_settings(
            ScraperSettings,
            kafka_bootstrap_servers=settings.kafka_address,
            redis_url=settings.redis_address,
            source_url=stack.feed_url(settings),
        )
    )
    with closing(source):
        return source.fetch() or b"[]"


def _freshness_s(settings: Settings) -> float | None:
    try:
        with connections(settings) as connected:
            return freshness_s(connected.influx)
    except UnavailableError:
        # It is just being set up.
        return None


def _say_where(settings: Settings) -> None:
    screen.show_line(f"live page  http://127.0.0.1:{settings.page_port}")
    if stack.has_process(settings, grafana.GRAFANA):
        screen.show_line(
            f"Grafana    http://127.0.0.1:{settings.grafana_port}  "
            f"(user {grafana.USER}, password in {grafana.password_file(settings)})"
        )
    screen.show_line(f"Flink      http://127.0.0.1:{settings.flink_rest_port}")
    screen.show_line(
        f"InfluxDB   {settings.influx_address}  (token in {settings.secrets_dir / 'reader.token'})"
    )
    screen.show_line(f"data, logs {settings.data_dir}")
    screen.show_line(
        "look again: luftstrom status · luftstrom reconcile · stop: make down (or luftstrom down)"
    )
