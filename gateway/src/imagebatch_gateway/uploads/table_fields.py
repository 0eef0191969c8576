"""The form fields that say how the table is read: its sheet, its columns and a base address."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Final

from pydantic import Field, ValidationError

from imagebatch_core.model import Model
from imagebatch_core.source import HttpUrl, SheetName, Source
from imagebatch_core.source_columns import ColumnName, SourceColumns
from imagebatch_gateway.answers.problems import Problem, invalid_options

_COLUMNS: Final = SourceColumns.model_fields


def _described(name: str) -> str:
    return f"{_COLUMNS[name].description} By its name in the header or by its letter."


class TableFields(Model):
    """The fields, which are models in spec.source and texts in a form."""

    sheet: SheetName | None = Field(None, description=Source.model_fields["sheet"].description)
    image_url_columns: Annotated[str, Field(max_length=4000)] | None = Field(
        None,
        description="Columns of image URLs, by their names in the header or their letters, "
        "separated by commas. Not set: those of the expected header, or of a known export.",
    )
    product_name_column: ColumnName | None = Field(None, description=_described("product_name"))
    serial_number_column: ColumnName | None = Field(None, description=_described("serial_number"))
    base_url: HttpUrl | None = Field(None, description=Source.model_fields["base_url"].description)

    @classmethod
    def source_of(cls, fields: Iterable[tuple[str, object]]) -> Source | None:
        """Return the source that some fields of a form describe; ``None`` if they are not valid."""
        known = {field.alias or name for name, field in TableFields.model_fields.items()}
        texts = {name: text.strip() for name, text in fields if isinstance(text, str)}
        given = {name: text for name, text in texts.items() if name in known and text}
        try:
            return TableFields.model_validate(given).source()
        except (ValidationError, Problem):
            return None

    def source(self) -> Source:
        """Return what the fields say, as a source that does not say where the file is.

        Raises:
            Problem: columns are named without those of the image URLs.
        """
        return Source(sheet=self.sheet, columns=self._columns(), base_url=self.base_url)

    def _columns(self) -> SourceColumns | None:
        names = [part.strip() for part in (self.image_url_columns or "").split(",")]
        named = [name for name in names if name]
        if not named:
            if self.product_name_column or self.serial_number_column:
                raise invalid_options(("imageUrlColumns", "name the columns of image URLs as well"))
            return None
        return SourceColumns(
            image_urls=named,
            product_name=self.product_name_column,
            serial_number=self.serial_number_column,
        )
