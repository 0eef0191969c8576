"""Parts of the pages for people."""
