"""The sample CSV: both spellings of the list, an own column, two images that fail."""

from __future__ import annotations

_CSV = """\
S. No.,Product Name,Input Image Urls,Colour
1,Astronaut poster,{host}/photos/astronaut.jpg,blue
2,"Cat, sleeping","{host}/photos/chelsea.jpg,{host}/photos/chelsea.webp",ginger
3,Coffee set,{host}/photos/coffee.jpg,{host}/photos/coffee.png,red
4,Rocket model,{host}/photos/rocket.jpg,white
5,Telescope print,"{host}/photos/hubble.jpg, {host}/photos/retina.jpg",black
6,Sold out,http://no-such-host.invalid/gone.jpg,none
7,Wrong link,"{host}/photos/n/1.jpg,{host}/not-an-image.jpg",grey
"""

PRODUCTS = 7
IMAGES = 11
#: Those that must fail, alone: a host that does not resolve, a page that is no image.
FAILURES = 2


def sample_csv(host: str) -> str:
    """``host`` is the sample host's address, as whoever fetches reaches it."""
    return _CSV.format(host=host)
