"""A batch takes over what an earlier one made of images that did not change since."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import obstore
import pytest

from support.imagehost import ImageHost
from support.nights import NO_DECODER, Nights, codes, delete, outputs, statuses
from support.pictures import jpeg
from support.runnerbatch import RunnerBatch
from support.s3proxy import S3Proxy
from support.seaweedfs import SeaweedFS

LONG_AGO = "Tue, 03 Mar 2026 04:05:06 GMT"


@pytest.fixture
def nights(s3: SeaweedFS, tmp_path: Path) -> Nights:
    return Nights(s3, tmp_path)


def picture(number: int) -> bytes:
    return jpeg(size=(120 + number, 90))


def by_etag(host: ImageHost, count: int) -> list[str]:
    return [host.validated(f"{n}.jpg", picture(n), etag=f'"{n}"') for n in range(count)]


def test_unchanged_catalogue_is_taken_over_by_etag_without_a_body_or_a_decode(
    nights: Nights, host: ImageHost
) -> None:
    urls = by_etag(host, 12)
    first = nights.done(urls)
    host.forget()
    second = nights.night(urls, first)
    second.settings |= NO_DECODER
    message = second.run_all()
    assert message.totals is not None
    assert (message.totals.reused, message.totals.images) == (12, 12)
    assert message.reuse == "12 of 12 images have an earlier output"
    assert (host.statuses[304], host.statuses[200], host.body_bytes) == (12, 0, 0)
    before, now = first.report(), second.report()
    for old, new in zip(before, now, strict=True):
        assert new["output_key"].startswith(second.keys.images)
        assert new["output_key"].rpartition("/")[2] == old["output_key"].rpartition("/")[2]
        equal = (
            "bytes_in",
            "bytes_out",
            "width",
            "height",
            "source_sha256",
            "etag",
            "final_url_sha256",
        )
        assert [new[name] for name in equal] == [old[name] for name in equal]
    expected = outputs(first)
    delete(first)
    assert outputs(second) == expected


def test_last_modified_answers_as_well(nights: Nights, host: ImageHost) -> None:
    urls = [host.validated(f"{n}.jpg", picture(n), last_modified=LONG_AGO) for n in range(4)]
    first = nights.done(urls)
    host.forget()
    assert statuses(nights.done(urls, first)) == ["reused"] * 4
    assert (host.statuses[304], host.body_bytes) == (4, 0)


def test_without_validators_equal_bytes_are_taken_over_undecoded(
    nights: Nights, host: ImageHost
) -> None:
    urls = [host.add(f"{n}.jpg", picture(n)) for n in range(4)]
    first = nights.done(urls)
    host.forget()
    second = nights.night(urls, first)
    second.settings |= NO_DECODER
    second.run_all()
    assert statuses(second) == ["reused"] * 4
    assert host.statuses[200] == 4
    assert outputs(second) == outputs(first)


def test_only_what_changed_or_is_new_is_compressed(nights: Nights, host: ImageHost) -> None:
    urls = by_etag(host, 6)
    first = nights.done([*urls[:5], host.url("missing.jpg")])
    host.validated("2.jpg", picture(50), etag='"another"')
    host.add("missing.jpg", picture(60))
    host.forget()
    second = nights.done([*urls, host.url("missing.jpg")], first)
    again = "reused"
    assert statuses(second) == [again, again, "succeeded", again, again, "succeeded", "succeeded"]
    assert (host.statuses[304], host.statuses[200]) == (4, 3)
    assert second.report()[2]["width"] == 170
    assert second.report()[2]["etag"] == '"another"'


def test_one_percent_of_a_catalogue_changed_is_one_percent_of_the_work(
    nights: Nights, host: ImageHost
) -> None:
    urls = by_etag(host, 100)
    first = nights.done(urls, imagesPerShard=60)
    changed = picture(207)
    host.validated("7.jpg", changed, etag='"7-b"')
    host.forget()
    second = nights.night(urls, first, imagesPerShard=60)
    second.settings |= NO_DECODER
    second.run_all()
    assert (host.statuses[304], host.statuses[200], host.body_bytes) == (99, 1, len(changed))
    assert codes(second) == {None: 99, "decoder_timeout": 1}  # one decode


@pytest.mark.parametrize(
    ("output", "named"),
    [({"quality": 60}, "quality"), ({"format": "webp", "maxWidth": 50}, "format and maxWidth")],
)
def test_other_options_take_nothing_over_and_say_so(
    nights: Nights, host: ImageHost, output: dict[str, object], named: str
) -> None:
    urls = by_etag(host, 2)
    first = nights.done(urls)
    second = nights.night(urls, first, output=output)
    message = second.run_all()
    assert message.reuse == f"nothing is reused: the earlier batch has another {named}"
    assert statuses(second) == ["succeeded"] * 2


def test_another_codec_takes_nothing_over(nights: Nights, host: ImageHost) -> None:
    urls = by_etag(host, 2)
    first = nights.done(urls)
    plan = json.loads(first.get(first.keys.plan))
    obstore.put(first.store, first.keys.plan, json.dumps(plan | {"codec": "0"}).encode())
    message = nights.night(urls, first).run_all()
    assert message.reuse == "nothing is reused: the earlier batch was compressed by another codec"
    assert message.totals is not None
    assert message.totals.succeeded == 2


def test_earlier_output_that_is_gone_is_made_anew(nights: Nights, host: ImageHost) -> None:
    urls = by_etag(host, 3)
    first = nights.done(urls)
    expected = outputs(first)
    obstore.delete(first.store, first.report()[1]["output_key"])
    host.forget()
    second = nights.done(urls, first)
    assert statuses(second) == ["reused", "succeeded", "reused"]
    assert host.requests["/1.jpg"] == 2
    assert outputs(second) == expected


def test_store_that_refuses_copies_costs_work_and_loses_nothing(
    nights: Nights, host: ImageHost, s3: SeaweedFS
) -> None:
    urls = by_etag(host, 2)
    first = nights.done(urls)
    second = nights.night(urls, first)
    with S3Proxy(s3) as proxy:
        proxy.refuse_copies()
        second.settings |= proxy.env()
        second.run_all()
    assert statuses(second) == ["succeeded"] * 2
    assert outputs(second) == outputs(first)


def test_earlier_batch_of_which_nothing_is_left_costs_nothing(
    nights: Nights, host: ImageHost
) -> None:
    urls = by_etag(host, 2)
    first = nights.done(urls)
    delete(first)
    message = nights.night(urls, first).run_all()
    assert message.reuse == "nothing is reused: the earlier batch recorded nothing"
    assert message.totals is not None
    assert message.totals.succeeded == 2


def test_nights_follow_one_another_and_need_only_the_last(nights: Nights, host: ImageHost) -> None:
    urls = by_etag(host, 3)
    first = nights.done(urls)
    expected = outputs(first)
    second = nights.done(urls, first)
    delete(first)
    third = nights.done(urls, second)
    delete(second)
    assert statuses(third) == ["reused"] * 3
    assert outputs(third) == expected
    assert [line["etag"] for line in third.report()] == ['"0"', '"1"', '"2"']


def test_kept_images_are_taken_over_as_they_are(nights: Nights, host: ImageHost) -> None:
    small = jpeg(size=(64, 48), quality=5, subsampling=2, optimize=True)
    urls = [host.validated("small.jpg", small, etag='"s"')]
    first = nights.done(urls)
    assert statuses(first) == ["kept"]
    second = nights.done(urls, first)
    assert statuses(second) == ["reused"]
    assert outputs(second) == [small]


def test_a_url_in_several_places_is_asked_for_once_and_copied_to_each(
    nights: Nights, host: ImageHost
) -> None:
    urls = by_etag(host, 1) * 5
    first = nights.done(urls[:1])
    host.forget()
    second = nights.done(urls, first)
    assert statuses(second) == ["reused"] * 5
    assert host.statuses == {304: 1}
    assert len({line["output_key"] for line in second.report()}) == 5
    assert len(set(outputs(second))) == 1


def test_batch_that_was_never_collected_gives_what_its_parts_record(
    nights: Nights, host: ImageHost
) -> None:
    urls = by_etag(host, 6)
    cancelled = nights.night(urls, imagesPerShard=3)
    assert cancelled.run("plan").code == 0
    assert cancelled.run("compress", 1).code == 0
    second = nights.night(urls, cancelled, imagesPerShard=3)
    second.run_all()
    assert statuses(second) == ["succeeded"] * 3 + ["reused"] * 3


def test_report_of_a_release_without_validators_is_compared_by_bytes(
    nights: Nights, host: ImageHost
) -> None:
    urls = by_etag(host, 2)
    first = nights.done(urls)
    new = ("etag", "last_modified", "final_url_sha256")
    lines = [{k: v for k, v in line.items() if k not in new} for line in first.report()]
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    obstore.put(first.store, first.keys.report_jsonl, body)
    host.forget()
    assert statuses(nights.done(urls, first)) == ["reused"] * 2
    assert host.statuses == {200: 2}


def test_killed_while_reusing_it_goes_on_from_its_parts(nights: Nights, host: ImageHost) -> None:
    urls = by_etag(host, 120)
    first = nights.done(urls, imagesPerShard=200)
    delay = [host.slowed(f"{n}.jpg", 0.03) for n in range(120)]
    assert delay == urls
    host.forget()
    second = nights.night(urls, first, imagesPerShard=100)
    second.settings |= {
        "IMAGEBATCH_PART_IMAGES": "10",
        "IMAGEBATCH_FETCH_CONCURRENCY": "4",
        "IMAGEBATCH_FETCH_WINDOW": "8",
    }
    assert second.run("plan").code == 0
    process = second.start("compress", 0)
    second.wait_for_parts(2)
    second.kill(process, signal.SIGKILL)
    second.wait(process)
    recorded = _recorded(second)
    assert 0 < recorded < 100
    assert second.run("compress", 0).code == 0
    assert second.run("compress", 1).code == 0
    assert second.run("collect").code == 0
    assert statuses(second) == ["reused"] * 120
    assert outputs(second) == outputs(first)
    assert host.statuses[200] == 0
    assert host.statuses[304] <= 120 + 10  # at most the one part that was not recorded


def _recorded(batch: RunnerBatch) -> int:
    return sum(len(batch.get(key).splitlines()) for key in batch.list(batch.keys.results))
