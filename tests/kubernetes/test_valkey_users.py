"""The chart's users of Valkey, on a real one: the nameless may only ping, the scraper finds what it needs."""

import itertools
import socket
import uuid

import psutil
import pytest
import redis
from prometheus_client import CollectorRegistry

from local_stack.install import install
from local_stack.ports import free_ports
from local_stack.single import Server
from local_stack.valkey import require_valkey
from runtime.clock import SystemClock
from runtime.redis_client import connect_redis
from scraper.lease import HeldElsewhereError, Lease
from scraper.memory import Memory, PublishedIds
from scraper.metrics import Metrics
from scraper.place_cache import RedisPlaceCache
from scraper.places import Places
from tests.kubernetes.rendering import of_kind, rendered

pytestmark = [pytest.mark.kubernetes, pytest.mark.integration]


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A Valkey with the chart's own configuration and users: its port, and the scraper's password."""
    folder = tmp_path_factory.mktemp("valkey")
    documents = rendered("small")
    secret = of_kind(documents, "Secret")["luftstrom-valkey"]["stringData"]
    configuration = of_kind(documents, "ConfigMap")["luftstrom-valkey"]["data"]["valkey.conf"]
    (folder / "users.acl").write_text(secret["users.acl"])
    for there, here in (("/etc/valkey-users", folder), ("/data", folder)):
        configuration = configuration.replace(there, str(here))
    (folder / "valkey.conf").write_text(configuration)
    (port,) = free_ports(1)
    command = [
        str(install(lambda _line: None).valkey_server),
        str(folder / "valkey.conf"),
        "--port",
        str(port),
    ]
    url = f"redis://127.0.0.1:{port}/0"
    server = Server(command, log=folder / "server.log", require=lambda: require_valkey(url))
    server.start()
    yield port, secret["password"]
    server.kill()


@pytest.fixture
def scraper(guarded):
    port, password = guarded
    client = connect_redis(f"redis://scraper:{password}@127.0.0.1:{port}/0")
    yield client
    client.close()


def test_whoever_gives_no_name_may_ask_whether_it_lives_and_no_more(guarded):
    with connect_redis(f"redis://127.0.0.1:{guarded[0]}/0") as nobody:
        assert nobody.ping()
        for refused in (lambda: nobody.get("x"), lambda: nobody.set("x", 1), nobody.info, nobody.acl_whoami):
            with pytest.raises(redis.exceptions.NoPermissionError):
                refused()


def test_a_wrong_password_is_refused(guarded):
    url = f"redis://scraper:{uuid.uuid4().hex}@127.0.0.1:{guarded[0]}/0"
    with connect_redis(url) as stranger, pytest.raises(redis.exceptions.AuthenticationError):
        stranger.ping()


def test_the_scraper_finds_what_it_needs(scraper):
    metrics, clock = Metrics(CollectorRegistry()), SystemClock()
    holder = {"seconds": 30.0, "kept_s": 0.0, "clock": clock, "metrics": metrics}
    lease = Lease(scraper, holder="one", **holder)
    lease.keep()
    lease.keep()
    with pytest.raises(HeldElsewhereError):
        Lease(scraper, holder="two", **holder).keep()
    lease.give_up()
    memory, now_s = Memory(scraper), clock.now_s()
    ids = PublishedIds().with_seen([1, 2], now_s=now_s)
    memory.remember(ids, {"published": 2}, mark="a", after=memory.mark())
    memory.advance("file", 7, {"published": 1})
    cache = RedisPlaceCache(scraper)
    (place,) = Places(cache).of([(57.15, -2.1)])

    assert 1 in memory.published()
    assert memory.position("file") == 7
    assert place.city == "Aberdeen"
    assert (cache.count(), cache.purge(), cache.count()) == (1, 1, 0)


def test_the_scraper_may_not_change_the_server_or_wipe_it(scraper):
    for refused in (
        scraper.flushall, scraper.acl_list, scraper.keys, lambda: scraper.config_set("maxmemory", 1)
    ):  # fmt: skip
        with pytest.raises(redis.exceptions.NoPermissionError):
            refused()


def test_users_come_in_from_another_address_too(guarded, other_address):
    port, password = guarded
    with connect_redis(f"redis://scraper:{password}@{other_address}:{port}/0") as client:
        assert client.set("from-another", 1)


@pytest.fixture
def other_address():
    """An address of this machine that is not of its loopback range, as that of another pod."""
    interfaces = itertools.chain(*psutil.net_if_addrs().values())
    addresses = {each.address for each in interfaces if each.family == socket.AF_INET}
    others = sorted(address for address in addresses if not address.startswith("127."))
    if not others:
        pytest.skip("this machine has no address beside its loopback")
    return others[0]
