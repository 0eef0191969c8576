"""The product catalogue that people upload: a table of products and the addresses of their images.

``rows`` reads it row by row; the other modules each hold one rule that it uses.
"""
