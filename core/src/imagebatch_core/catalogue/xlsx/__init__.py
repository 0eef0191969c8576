"""Excel workbooks (.xlsx, ECMA-376), read as a stream: rows of text from one sheet.

What is held at once does not depend on the workbook, nor on what it claims of itself:
``docs/adr/0015-own-xlsx-reader.md`` says why this is not left to a library.
"""
