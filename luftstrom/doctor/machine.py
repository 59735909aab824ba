"""The machine that we are on: what the stack needs there before anything runs."""

from collections.abc import Iterator

import psutil

from contracts.errors import UnavailableError
from local_stack.checks import require_data_folder
from local_stack.install.java import OLDEST, java_here
from local_stack.ports import is_free
from local_stack.settings import Settings
from luftstrom.doctor.findings import Finding, doubtful, ill, well
from runtime.settings import environment_name

MIB = 1024**2
# The whole stack takes 1,606 MiB (README.md); less than this and it would swap.
MEMORY_MIB = 2048


def tools() -> Finding:
    """Whether Java is here; the rest is fetched at the first start."""
    java = java_here()
    if java is None:
        return doubtful(
            "tools",
            f"no Java {OLDEST} or newer here; one is fetched at the first start",
            "Install Java 17 (Debian: apt install openjdk-17-jre-headless), or leave it to `make setup`.",
        )
    return well("tools", f"Java at {java}")


def memory(*, is_running: bool, available_bytes: int | None = None) -> Finding:
    """Whether there is room for the stack; once it runs, whether there is some left."""
    available = psutil.virtual_memory().available if available_bytes is None else available_bytes
    needed_mib = MEMORY_MIB // 8 if is_running else MEMORY_MIB
    detail = f"{available // MIB:,} MiB available"
    if available < needed_mib * MIB:
        return ill("memory", f"{detail}, {needed_mib:,} MiB needed", "End other programs, or add memory.")
    return well("memory", detail)


def disk(settings: Settings) -> Finding:
    """Whether the data folder can be written and has room."""
    try:
        require_data_folder(settings)
    except UnavailableError as error:
        detail, _, remedy = str(error).partition(". ")
        return ill("disk", detail, remedy)
    return well("disk", f"{settings.data_dir} can be written")


def ports(settings: Settings, *, is_running: bool) -> Iterator[Finding]:
    """Those that somebody else holds; while the stack runs, those that nobody listens on."""
    port_by_setting = ports_of(settings)
    if is_running:
        bad = {name: port for name, port in port_by_setting.items() if is_free(port)}
        detail, remedy = "nobody listens on it", "See `luftstrom status` and the logs of that part."
    else:
        bad = {name: port for name, port in port_by_setting.items() if not is_free(port)}
        detail, remedy = "it is in use", "Free it, or set another one in {name}."
    for setting, port in bad.items():
        name = environment_name(Settings, setting)
        yield ill(f"port {port}", f"{detail} ({name})", remedy.format(name=name))
    if not bad:
        yield well("ports", f"{len(port_by_setting)} {'answer' if is_running else 'are free'}")


def ports_of(settings: Settings) -> dict[str, int]:
    """The ports that a stack of these settings listens on, by setting."""
    unused = {
        "influxd_port": settings.influx_url is not None,
        "kafka_port": settings.kafka_bootstrap_servers is not None,
        "kafka_controller_port": settings.kafka_bootstrap_servers is not None,
        "valkey_port": settings.redis_url is not None,
        "recording_port": settings.source == "live",
    }
    names = [name for name in Settings.model_fields if name.endswith("_port") and not unused.get(name)]
    return {name: getattr(settings, name) for name in names}
