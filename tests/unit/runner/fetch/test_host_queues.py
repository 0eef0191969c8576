"""In which order the images of several hosts are begun."""

from __future__ import annotations

import asyncio

import pytest

from imagebatch_runner.fetch.host_queues import HostQueues


class Hosts:
    """What the queues are told of hosts; a URL is ``host/number``."""

    def __init__(self, *urls: str) -> None:
        self.pauses: dict[str, float] = {}
        self.busy: set[str] = set()
        self.queues = HostQueues(
            {url: url.upper() for url in urls},
            host=lambda url: url.partition("/")[0] or None,
            pause=lambda host: self.pauses.get(host, 0.0),
            free=lambda host: host not in self.busy,
        )

    async def order(self, count: int = 99) -> list[str]:
        found: list[str] = []
        while len(found) < count and (one := await self.queues.next()) is not None:
            assert one[1] == one[0].upper()
            found.append(one[0])
        return found


async def test_each_url_is_given_out_once_and_those_of_one_host_in_their_order() -> None:
    assert await Hosts("a/1", "a/2", "a/3").order() == ["a/1", "a/2", "a/3"]
    assert await Hosts("a/1", "a/2", "b/1", "a/3").order() == ["a/1", "b/1", "a/2", "a/3"]
    assert await Hosts().order() == []


async def test_host_that_asked_for_a_pause_is_passed_over() -> None:
    hosts = Hosts("a/1", "a/2", "b/1", "b/2", "/file")
    hosts.pauses["a"] = 60
    assert await hosts.order(3) == ["b/1", "/file", "b/2"]
    hosts.pauses.clear()
    assert await hosts.order() == ["a/1", "a/2"]


async def test_busy_host_comes_after_the_others_and_is_asked_when_they_are_done() -> None:
    hosts = Hosts("a/1", "a/2", "b/1", "b/2")
    hosts.busy.add("a")
    assert await hosts.order() == ["b/1", "b/2", "a/1", "a/2"]


async def test_while_all_have_asked_for_a_pause_it_is_waited_for() -> None:
    hosts = Hosts("a/1", "b/1")
    hosts.pauses = {"a": 0.05, "b": 60}
    asyncio.get_running_loop().call_later(0.02, hosts.pauses.pop, "a")
    async with asyncio.timeout(30):
        assert await hosts.order(1) == ["a/1"]
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await hosts.queues.next()
