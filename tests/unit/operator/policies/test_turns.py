"""Whose turn it is: priority, then the namespace with the fewest running, then age."""

from __future__ import annotations

import random
from collections import Counter
from datetime import timedelta

import pytest

from imagebatch_operator.policies.turns import Entry, Key, Limits, Turns
from unit.operator.builders import NOW


def waiting(namespace: str, name: str, *, priority: int = 0, age: int = 0) -> Entry:
    """``age`` counts backwards: the larger, the older."""
    return Entry((namespace, name), False, priority, f"2026-01-02T03:{59 - age:02}:00Z")


def running(namespace: str, name: str, *, priority: int = 0, since: int = 0) -> Entry:
    return Entry((namespace, name), True, priority, since=f"2026-01-02T03:{since:02}:00Z")


def turns(limits: Limits, *entries: Entry) -> Turns:
    made = Turns(limits)
    for entry in entries:
        made.put(entry.key, entry)
    return made


def begin_all(made: Turns, count: int) -> list[Key]:
    """Let one batch begin after another, and end none; in their order."""
    order: list[Key] = []
    for _ in range(count):
        [key] = made.due()
        order.append(key)
        made.put(key, Entry(key, True))
        # One slot more, so that the next can begin.
        made.limits = Limits((made.limits.release or 0) + 1)
    return order


def test_the_highest_priority_is_first_whatever_its_namespace_and_age() -> None:
    made = turns(
        Limits(1),
        waiting("red", "old", age=9),
        waiting("blue", "urgent", priority=5),
        waiting("red", "later", priority=-5, age=20),
    )
    assert begin_all(made, 3) == [("blue", "urgent"), ("red", "old"), ("red", "later")]


def test_of_equal_priority_the_namespace_with_the_fewest_running_is_next_then_age_counts() -> None:
    entries = [waiting("red", f"r{n}", age=50 - n) for n in range(6)]
    entries += [waiting("blue", f"b{n}", age=20 - n) for n in range(2)]
    entries += [waiting("green", "g0", age=1)]
    made = turns(Limits(1), *entries)
    assert begin_all(made, 9) == [
        ("red", "r0"), ("blue", "b0"), ("green", "g0"),
        ("red", "r1"), ("blue", "b1"),
        ("red", "r2"), ("red", "r3"), ("red", "r4"), ("red", "r5"),
    ]  # fmt: skip


def test_a_namespace_that_has_as_many_as_it_may_lets_the_others_pass() -> None:
    made = turns(
        Limits(release=4, namespace=1),
        running("red", "runs"),
        waiting("red", "urgent", priority=9),
        waiting("blue", "b0"),
        waiting("blue", "b1"),
    )
    assert made.due() == [("blue", "b0")]
    assert not made.has_turn(("red", "urgent"))


def test_nothing_is_due_twice_and_nothing_without_a_free_slot() -> None:
    made = turns(Limits(1), running("red", "runs"), waiting("red", "waits"))
    assert made.due() == []
    assert not made.has_turn(("red", "waits"))
    made.put(("red", "runs"), None)
    assert made.due() == [("red", "waits")]
    assert made.due() == []


def test_those_that_began_last_give_their_turn_back_when_more_run_than_may() -> None:
    made = turns(
        Limits(2),
        running("red", "first", since=1),
        running("red", "second", since=2),
        running("blue", "third", since=3),
        running("blue", "urgent", since=4, priority=1),
    )
    assert set(made.due()) == {("red", "second"), ("blue", "third")}
    assert made.has_turn(("blue", "urgent"))
    assert made.has_turn(("red", "first"))


def test_positions_count_from_1_in_the_order_of_the_turns() -> None:
    made = turns(
        Limits(1),
        running("red", "runs"),
        waiting("red", "r", age=9),
        waiting("blue", "b0", age=5),
        waiting("blue", "b1", age=4),
    )
    places = {name: made.position(("blue", name), NOW) for name in ("b0", "b1")}
    assert places == {"b0": 1, "b1": 3}
    assert made.position(("red", "r"), NOW) == 2


def test_a_position_is_counted_anew_after_some_seconds_and_rounded_up_far_behind() -> None:
    entries = [waiting("red", f"{n:04}", age=50) for n in range(1234)]
    made = turns(Limits(1), running("red", "runs"), *entries)
    places = [made.position(("red", f"{n:04}"), NOW) for n in (0, 99, 100, 1199, 1233)]
    assert places == [1, 100, 110, 1200, 1300]
    for n in range(100):
        made.put(("red", f"{n:04}"), None)
    newest = waiting("red", "new")
    made.put(newest.key, newest)
    assert made.position(newest.key, NOW) == 1200, "it came after the count"
    assert made.position(("red", "0100"), NOW + timedelta(seconds=5)) == 1


@pytest.mark.parametrize("seed", range(20))
def test_whatever_happens_the_turns_are_those_of_a_count_of_everything(seed: int) -> None:
    """Against the rule in its plainest form, over a random history."""
    rng = random.Random(seed)
    limits = Limits(rng.choice([None, 1, 3, 5]), rng.choice([None, 1, 2]))
    if not limits:
        limits = Limits(2)
    made, there = Turns(limits), dict[Key, Entry]()
    for step in range(150):
        key = (rng.choice("abc"), str(rng.randrange(12)))
        entry = rng.choice([
            None,
            Entry(key, False, rng.choice([0, 0, 1]), f"{rng.randrange(20):02}"),
            Entry(key, True, rng.choice([0, 0, 1]), "", f"{step:03}"),
        ])  # fmt: skip
        made.put(key, entry)
        there.pop(key, None)
        if entry is not None:
            there[key] = entry
        begin, stop = plainly(limits, there)
        due = made.due()
        assert due[: len(begin)] == [*dict.fromkeys(due[: len(begin)])]
        assert set(due) in (begin | stop, set())
        for known in there.values():
            wanted = known.key not in stop if known.running else known.key in begin
            assert made.has_turn(known.key) == wanted


def plainly(limits: Limits, there: dict[Key, Entry]) -> tuple[set[Key], set[Key]]:
    """Those that may begin and those that must stop."""
    count = Counter(entry.key[0] for entry in there.values() if entry.running)
    rest = [entry for entry in there.values() if not entry.running]
    begin: set[Key] = set()
    while True:
        fit = [e for e in rest if limits.allow(count.total() + 1, count[e.key[0]] + 1)]
        if not fit:
            break
        best = min(fit, key=lambda e: (-e.priority, count[e.key[0]], e.created, e.key))
        rest.remove(best)
        count[best.key[0]] += 1
        begin.add(best.key)
    kept, stop = Counter[str](), set[Key]()
    runs = [entry for entry in there.values() if entry.running]
    for entry in sorted(runs, key=lambda e: (-e.priority, e.since, e.created, e.key)):
        if limits.allow(kept.total() + 1, kept[entry.key[0]] + 1):
            kept[entry.key[0]] += 1
        else:
            stop.add(entry.key)
    return begin, stop
