"""Read one sheet of an Excel workbook (.xlsx, ECMA-376) as a stream of rows of text.

Memory use does not depend on the size of the workbook, nor on the sizes that it claims.
``docs/adr/0015-own-xlsx-reader.md`` says why no library is used.
"""
