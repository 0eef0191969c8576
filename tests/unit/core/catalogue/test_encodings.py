"""Claims about bytes that are no UTF-8: they are read as Windows-1252, with a notice."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagebatch_core.catalogue.rows import RowReader, open_rows
from imagebatch_core.errors import InputRefused

HEADER = b"S. No.,Product Name,Input Image Urls"
ADVICE = "not UTF-8, and read as Windows-1252; if letters look wrong, save the file as CSV UTF-8"


class Pieces(io.RawIOBase):
    """A stream that gives ``size`` bytes at a time."""

    def __init__(self, content: bytes, size: int) -> None:
        self._inner = io.BytesIO(content)
        self._size = size

    def read(self, size: int = -1) -> bytes:
        return self._inner.read(self._size if size < 0 else min(size, self._size))


def read(content: bytes) -> tuple[list[str], RowReader]:
    """The products, and the reader at its end."""
    reader = open_rows(io.BytesIO(content))
    return [row.product for row in reader], reader


def test_what_excel_writes_in_the_west_is_read_with_a_notice() -> None:
    text = "1,Gr\u00f6\u00dfe 5 \u20ac \u2013 \u201cneu\u201d,http://a\n2,Plain,http://a\n3,Caf\u00e9,http://a\n"
    products, reader = read(HEADER + b"\n" + text.encode("cp1252"))
    assert products == ["Größe 5 € – “neu”", "Plain", "Café"]
    assert reader.notices == (f"line 2 and 1 other: {ADVICE}",)


def test_utf8_gives_no_notice() -> None:
    products, reader = read(HEADER + "\n1,Größe €,http://a\n2,日本,http://a\n".encode())
    assert products == ["Größe €", "日本"]
    assert reader.notices == ()


def test_rows_of_both_encodings_in_one_file_are_both_read_right() -> None:
    rows = "1,Größe,http://a\n".encode() + "2,Größe,http://a\n".encode("cp1252")
    products, reader = read(HEADER + b"\n" + rows)
    assert products == ["Größe", "Größe"]
    assert reader.notices == (f"line 3: {ADVICE}",)


def test_bytes_that_windows_1252_leaves_out_are_control_characters() -> None:
    products, _ = read(HEADER + b"\n1,a\x81\x8d\x8f\x90\x9db,http://a\n")
    assert products == ["a\x81\x8d\x8f\x90\x9db"]


@pytest.mark.parametrize("good", [0, 3, 5000])
def test_notice_names_the_line_and_the_row_that_it_stands_in_carries_it(good: int) -> None:
    lines = [HEADER, *([b"1,A,http://a"] * good), b"2,T\xfcr,http://a", b"3,B,http://a", b""]
    found = list(open_rows(io.BytesIO(b"\n".join(lines))))
    assert [row.notice for row in found] == [*[None] * good, f"line {good + 2}: {ADVICE}", None]


def test_header_that_is_no_utf8_is_told_with_the_first_row() -> None:
    reader = open_rows(io.BytesIO(HEADER + b",Gr\xf6\xdfe\n1,A,http://a,5\n"))
    assert reader.columns.extra == ("Größe",)
    assert next(reader).notice == f"line 1: {ADVICE}"


def test_mark_of_utf8_is_no_part_of_the_header_whatever_follows() -> None:
    products, reader = read(b"\xef\xbb\xbf" + HEADER + b"\n1,T\xfcr,http://a\n")
    assert products == ["Tür"]
    assert len(reader.notices) == 1


@pytest.mark.parametrize("good", [0, 3, 5000])
def test_broken_utf16_is_refused_with_advice_and_its_line(good: int) -> None:
    lines = [HEADER.decode(), *(["1,A,http://a"] * good), "2,B"]
    content = "\n".join(lines).encode("utf-16") + b"\x00\xd8,\x00\n\x00"
    with pytest.raises(InputRefused, match="CSV UTF-8") as caught:
        read(content)
    assert caught.value.line == good + 2


ODD = [b"\xfc", b"\x80", b"\xe2\x82", b"\xf0\x9f", b"\xed\xa0\x80"]


@given(
    st.lists(st.sampled_from(["ü", "€", "日", "a", "\r", "\n", '"']).map(str.encode), max_size=30),
    st.lists(st.sampled_from(ODD), max_size=6),
    st.integers(1, 9),
)
def test_pieces_of_the_stream_make_no_difference(
    words: list[bytes], odd: list[bytes], size: int
) -> None:
    odd = odd or [b""]
    body = b"".join(word + odd[at % len(odd)] for at, word in enumerate(words))
    content = HEADER + b"\n1," + body + b',http://a\n2,B"",http://a\n'

    def all_of(stream: io.RawIOBase | io.BytesIO) -> object:
        try:
            reader = open_rows(stream)  # type: ignore[arg-type]
            return list(reader), reader.notices
        except InputRefused as error:
            return str(error)

    found = all_of(io.BytesIO(content))
    assert found == all_of(Pieces(content, size))
    if not isinstance(found, str):
        repr(found).encode()  # no lone surrogates are left


@given(st.text(st.characters(codec="cp1252", exclude_characters='"\r\n,\0'), max_size=30))
def test_text_of_windows_1252_comes_back_unless_it_is_valid_utf8(text: str) -> None:
    encoded = text.encode("cp1252")
    (product,), _ = read(HEADER + b'\n1,"x' + encoded + b'",http://a\n')
    try:
        assert product == "x" + encoded.decode()
    except UnicodeDecodeError:
        if not any(_is_utf8(encoded[at : at + n]) for at in range(len(encoded)) for n in (2, 3, 4)):
            assert product == "x" + text


def _is_utf8(several: bytes) -> bool:
    try:
        return len(several.decode()) == 1 < len(several)
    except UnicodeDecodeError:
        return False
