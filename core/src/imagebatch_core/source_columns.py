"""The columns of a catalogue, as a user names them in spec.source."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field

from .model import Model

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass(frozen=True, slots=True)
class TableChoice:
    """The columns that a user names, each by its header or its letter, and a base for relative
    addresses.

    Without ``image_urls`` the columns are found by their headers.
    """

    image_urls: tuple[str, ...] = ()
    product_name: str | None = None
    serial_number: str | None = None
    base_url: str | None = None


NOTHING_CHOSEN: Final = TableChoice()


class SourceColumns(Model):
    """The columns to read, each by its name in the header or by its letter."""

    image_urls: Annotated[list[ColumnName], Field(min_length=1, max_length=50)] = Field(
        description="Columns of image URLs. The images of a row follow each other in this order."
    )
    product_name: ColumnName | None = Field(None, description="Column of the product's name.")
    serial_number: ColumnName | None = Field(
        None, description="Column of the serial number. Not set: the number of the row."
    )


def table_choice(columns: SourceColumns | None, base_url: str | None) -> TableChoice:
    """Return the choice with which the table is read; both arguments are those of spec.source."""
    if columns is None:
        return TableChoice(base_url=base_url)
    return TableChoice(
        tuple(columns.image_urls), columns.product_name, columns.serial_number, base_url
    )
