"""Counting rows by the block gives what reading them one by one gives."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from imagebatch_core.catalogue import plain_rows, text
from imagebatch_core.catalogue.rows import RowProblem, RowReader, open_rows
from imagebatch_core.errors import InputRefused
from imagebatch_core.source_columns import TableChoice

HEADER = "S. No.,Product Name,Input Image Urls"
URL = "https://a.example/{n}.jpg"
_CELLS = (
    "https://a.example/1.jpg",
    "http://a.example/2.jpg,https://b.example/3.png",
    "https://a.example/1.jpg, s3://b/3.png",
    "https://a.example/1.jpg ,https://b.example/3.png ",
    "https://i.example/w_300,h_300/a.jpg",
    "https://i.example/(https://b.example/logo.png,10)/a.jpg,https://b.example/1.jpg",
    "https://a.example/1.jpg,n/a",
    "https://a.example/1.jpg\nhttps://b.example/2.jpg",
    "https://a.example/1.jpg\r\nhttps://b.example/2.jpg",
    "https://a.example/ü.jpg",
    "HTTPS://a.example/1.jpg",
    "ftp://a.example/1.jpg",
    "data:image/png;base64,AAAA",
    "https://,https://",
    "https://a.example/1.jpg,",
    "n/a",
    " ",
    "",
)
_PRODUCTS = ("Mug", 'A "large" mug', "two\nlines", "a\r\nb\nc", "", "Größe", "x" * 300)
#: Ends of a file that make it no CSV.
_ENDS = ("", "", "", '9,Mug,"open', '9,"Mug" x,https://a.example/1.jpg')
_CHOSEN = (
    TableChoice(),
    TableChoice(image_urls=("Input Image Urls",)),
    TableChoice(image_urls=("C", "B")),
    TableChoice(base_url="https://base.example/media"),
)


class Tally(NamedTuple):
    rows: int
    images: int
    problem_count: int
    problems: tuple[RowProblem, ...]
    notices: tuple[str, ...]


class Counted(NamedTuple):
    """What was found, how many of its rows were counted by the block, and the refusal if any."""

    tally: Tally
    plain: int
    refusal: str | None


def counted(content: bytes, chosen: TableChoice, *, blocks: bool, at_most: int = 10**9) -> Counted:
    number = images = problem_count = plain_rows_seen = 0
    problems: list[RowProblem] = []
    reader: RowReader | None = None
    refusal = None
    try:
        reader = open_rows(io.BytesIO(content), quote_header=True, chosen=chosen)
        while number < at_most:
            plain = reader.skip_plain(at_most - number) if blocks else None
            if plain is not None:
                number += plain.rows
                images += plain.images
                plain_rows_seen += plain.rows
                continue
            row = next(reader, None)
            if row is None:
                break
            number += 1
            assert row.number == number
            images += len(row.urls)
            problem_count += row.problem_count
            problems += row.problems
    except InputRefused as error:
        refusal = str(error)
    notices = () if reader is None else reader.notices
    return Counted(
        Tally(number, images, problem_count, tuple(problems), notices), plain_rows_seen, refusal
    )


def _cell(cell: str, delimiter: str, chance: random.Random) -> str:
    """Return a cell as it is written: in quotes where it must be, and often where it need not."""
    bare = not any(mark in cell for mark in ('"', "\n", "\r", delimiter))
    # Unquoted lists run on into further fields.
    if (bare and chance.random() < 0.5) or (delimiter == "," and chance.random() < 0.1):
        return cell
    return '"' + cell.replace('"', '""') + '"'


def _file(chance: random.Random) -> bytes:
    delimiter = chance.choice(",,,;\t")
    header, end = list(HEADER.split(",")), chance.choice(["\n", "\r\n", "\r"])
    at = chance.choice([2, 2, 0, 3])
    extra = chance.choice([0, 0, 1])
    names = [*header[:2], "Colour"] if at == 3 else header[:2]
    names.insert(at, header[2])
    names += ["Size"] * extra
    padding = chance.choice([0, 0, 0, 2])
    lines = [delimiter.join(names) + delimiter * padding]
    odd = chance.choice([0.0, 0.02, 0.3])  # share of rows that are not plain
    for number in range(chance.randrange(1, 200)):
        cells = [str(number), chance.choice(_PRODUCTS) if chance.random() < odd else "Mug", "red"]
        cells = cells[: len(names) - 1 - extra]
        cells.insert(at, chance.choice(_CELLS) if chance.random() < odd else _CELLS[number % 4])
        cells += ["7"] * extra
        if chance.random() < odd / 4:
            cells = chance.choice([[], [""] * len(names), cells[:2], [*cells, "", "x"]])
        written = [_cell(cell, delimiter, chance) for cell in cells]
        lines.append(delimiter.join(written) + delimiter * padding)
    lines.append(chance.choice(_ENDS) if odd else "")
    return end.join(lines).encode(chance.choice(["utf-8", "utf-8", "cp1252", "utf-16"]))


def _files(seed: int, count: int) -> Iterator[tuple[bytes, TableChoice]]:
    chance = random.Random(seed)
    for _ in range(count):
        yield _file(chance), chance.choice(_CHOSEN)


@pytest.mark.parametrize("seed", range(4))
def test_blocks_change_nothing_about_what_is_found(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = random.Random(seed)
    by_the_block = 0
    for content, chosen in _files(seed, 100):
        monkeypatch.setattr(text, "_PIECE", chance.choice([64, 1000, 64 * 1024]))
        largest = chance.choice([50, 400, 64 * 1024])
        monkeypatch.setattr(plain_rows, "LARGEST", largest)
        monkeypatch.setattr(plain_rows, "SMALLEST", min(largest, chance.choice([30, 300])))
        single = counted(content, chosen, blocks=False)
        found = counted(content, chosen, blocks=True)
        assert (found.tally, found.refusal) == (single.tally, single.refusal), content
        most = chance.randrange(1, 60)
        first = counted(content, chosen, blocks=False, at_most=most).tally
        assert counted(content, chosen, blocks=True, at_most=most).tally == first, content
        by_the_block += found.plain
    assert by_the_block > 500


@pytest.mark.parametrize(
    "line",
    [
        '{n},Mug,"https://a.example/{n}.jpg,https://b.example/{n}.png"',
        "{n},Mug,https://a.example/{n}.jpg,http://b.example/{n}.png",
        '{n},Mug,"https://a.example/{n}.jpg, https://b.example/{n}.png"',
        '{n},"Mug, ""large""\nand two lines",https://a.example/{n}.jpg',
    ],
    ids=["quoted", "unquoted", "with spaces", "names of two lines"],
)
def test_a_catalogue_of_plain_rows_is_counted_by_the_block(line: str) -> None:
    content = "\n".join([HEADER, *(line.format(n=n) for n in range(20_000)), ""]).encode()
    found = counted(content, TableChoice(), blocks=True)
    assert found.tally.rows == 20_000
    assert found.plain > 15_000
    assert found.tally == counted(content, TableChoice(), blocks=False).tally


def test_one_odd_row_costs_its_neighbours_the_block_and_not_the_file() -> None:
    lines = [HEADER, *(f"{n},Mug,{URL.format(n=n)}" for n in range(20_000))]
    for at in range(1000, 20_000, 2000):
        lines[at] = f"{at},Mug,n/a"
    found = counted("\n".join(lines).encode(), TableChoice(), blocks=True)
    assert found.tally.problem_count == 10
    assert [problem.line for problem in found.tally.problems][:2] == [1001, 3001]
    assert found.plain > 10_000


def test_a_row_that_takes_its_name_from_the_row_before_is_read_itself() -> None:
    rows = [f"{'Mug' if n % 2 else ''},mug,https://a.example/{n}.jpg" for n in range(1, 2000)]
    content = "\n".join(["Title,Handle,Image Src", *rows]).encode()
    assert counted(content, TableChoice(), blocks=True).plain == 0
