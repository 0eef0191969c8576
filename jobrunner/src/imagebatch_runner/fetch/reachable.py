"""Find out whether any host of some images accepts connections, before pods are started for them.

Plan asks this for every batch, so it must cost next to nothing where a host answers: one name
look-up and one connection, without loading the HTTP client. Nothing is requested from the host.
"""

from __future__ import annotations

import logging
import queue
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from imagebatch_core.counted import counted
from imagebatch_core.egress_rules import EgressRules
from imagebatch_core.urls import UrlRefused, check_url
from imagebatch_runner.failures import SourcesUnreachable

log = logging.getLogger(__name__)

#: Seconds that the first host has for itself before the others are tried as well.
_ALONE: Final = 0.5
#: Seconds between the first two rounds; each further wait is twice as long.
_FIRST_WAIT: Final = 5.0


class Host(NamedTuple):
    """Where an image is fetched: a host's name or address, and a port."""

    name: str
    port: int


class _Inconclusive(Exception):
    """The rules refuse an address of the host, so it is not asked."""


#: Connects to a host; raises OSError if it does not accept the connection.
Connect = Callable[[Host], None]


def check_reachable(
    urls: Iterable[str], connect: Connect, patience: float, sleep: Callable[[float], None]
) -> None:
    """Return once a host of these images accepts a connection.

    Also return if an image is in S3, or is refused by its URL or address: then there is nothing to
    judge by. Hosts are tried again for ``patience`` seconds.

    Raises:
        SourcesUnreachable: no host of them accepted a connection.
    """
    hosts = _hosts(urls)
    if not hosts or patience <= 0:
        return
    end, wait = time.monotonic() + patience, _FIRST_WAIT
    while True:
        problem = _none_answers(hosts, connect)
        if problem is None:
            return
        left = end - time.monotonic()
        if left <= 0:
            break
        log.warning("no image host answers (%s); trying again", problem)
        sleep(min(wait, left))
        wait *= 2
    told = f"the host {hosts[0].name}" if len(hosts) == 1 else f"any of {counted(host=len(hosts))}"
    raise SourcesUnreachable(
        f"a sample of the images cannot be fetched from {told}: {problem}; nothing was compressed"
    )


def guarded_connect(rules: EgressRules, timeout: float) -> Connect:
    """Return a function that connects to a host as the rules allow, within ``timeout`` seconds."""

    def connect(host: Host) -> None:
        if rules.refused_name(host.name) is not None:
            raise _Inconclusive
        found = socket.getaddrinfo(host.name, host.port, type=socket.SOCK_STREAM)
        error: OSError = OSError("no address")
        for family, kind, proto, _, address in found[:4]:
            if rules.refusal(host.name, str(address[0])) is not None:
                raise _Inconclusive
            with socket.socket(family, kind, proto) as opened:
                opened.settimeout(timeout)
                try:
                    opened.connect(address)
                except OSError as failed:
                    error = failed
                else:
                    return
        raise error

    return connect


def _hosts(urls: Iterable[str]) -> list[Host]:
    """Return the distinct hosts of the images; none if there is an image to judge nothing by."""
    hosts: dict[Host, None] = {}
    for url in urls:
        try:
            checked = check_url(url)
        except UrlRefused:
            return []
        hosts[Host(checked.host or "", checked.port or 0)] = None
    return list(hosts)


def _none_answers(hosts: list[Host], connect: Connect) -> str | None:
    """Return why the first host does not answer; ``None`` if one answers, or cannot be judged."""
    problems: dict[Host, str] = {}
    for host, problem in _tried(hosts, connect):
        if problem is None:
            return None
        problems[host] = problem
    return problems[hosts[0]]


def _tried(hosts: list[Host], connect: Connect) -> Iterator[tuple[Host, str | None]]:
    """Yield each host with its problem as it becomes known; ``None``: it answered.

    The threads are daemons: a look-up that hangs must not delay the end of the process.
    """
    found: queue.SimpleQueue[tuple[Host, str | None]] = queue.SimpleQueue()

    def attempt(host: Host) -> None:
        try:
            connect(host)
        except _Inconclusive:
            found.put((host, None))
        except OSError as error:
            found.put((host, error.strerror or str(error) or type(error).__name__))
        except Exception as error:  # noqa: BLE001 - without a result, plan would wait for ever
            log.warning("%s cannot be tried: %s", host.name, str(error) or type(error).__name__)
            found.put((host, None))
        else:
            found.put((host, None))

    def begin(some: list[Host]) -> None:
        for host in some:
            threading.Thread(target=attempt, args=(host,), daemon=True).start()

    begin(hosts[:1])
    try:
        first = found.get(timeout=_ALONE)
    except queue.Empty:
        begin(hosts[1:])
    else:
        yield first
        begin(hosts[1:])
        hosts = hosts[1:]
    for _ in hosts:
        yield found.get()
