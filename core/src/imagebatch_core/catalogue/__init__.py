"""Read the product catalogue that people upload: a table of products with their image URLs.

``rows`` reads it row by row; each other module holds one rule for that.
"""
