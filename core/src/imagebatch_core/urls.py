"""Check URLs that users name, and bring them into the form in which they are requested.

The host is normalised, because the address guard and the credentials compare it. Path and query are
sent as they were written, so that a signature over their text stays valid. Only characters that
HTTP cannot carry are percent-encoded: spaces, control characters and letters outside ASCII.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import quote

from yarl import URL

#: The most characters of a URL that is requested.
_MAX_URL: Final = 8192
_MAX_NAME: Final = 253
#: The number of origins whose check is cached: a catalogue names few hosts many times.
_ORIGINS: Final = 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

#: Ports of other protocols, which might take a request for a command: the list of the Fetch
#: standard ("port blocking"), and Redis.
_CLOSED_PORTS: Final = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
})  # fmt: skip

#: The characters that browsers remove around a URL (WHATWG URL, "basic URL parser").
_BLANKS: Final = "".join(map(chr, range(0x21)))
#: Scheme and authority as written. Ports are ASCII digits only; int() accepts other scripts' too.
_FORM: Final = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<authority>[^/?#]*?(?::(?P<port>[0-9]{0,5}))?)(?=[/?#]|$)"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
#: Characters that a request line cannot carry (RFC 9112, 3).
_UNSENDABLE: Final = re.compile(r"[^\x21-\x7e]+")


class UrlRefused(ValueError):
    """A URL is refused by its form, before any look-up. The text never repeats the URL."""


def check_url(url: str) -> URL:
    """Check a URL and return it in the form in which it is requested, without a fragment.

    The ``path`` of the result holds both path and query: yarl would drop an empty query, and quote
    the parts again.

    The host is checked as it will be dialled, after percent-decoding and IDNA, which turns
    full-width digits and dots into plain ones.

    Raises:
        UrlRefused: the URL is not http(s), has credentials, no host, a backslash or a port of
            another protocol; or its host is neither a name of letters, digits, hyphens and
            underscores, nor an address in the usual notation (``127.1``, ``0x7f000001``,
            ``0177.0.0.1`` and ``[fe80::1%25eth0]`` are refused).
    """
    text = url.strip(_BLANKS)
    if len(text) > _MAX_URL:
        raise UrlRefused(f"the URL is longer than {_MAX_URL} characters")
    form = _FORM.match(text)
    if form is None:
        raise UrlRefused("only http and https URLs are fetched")
    scheme = form["scheme"].lower()
    authority = _checked_authority(scheme, form["authority"], form["port"])
    target = _request_target(text[form.end() :])
    return URL.build(scheme=scheme, authority=authority, path=target, encoded=True)


def check_redirect(base: URL, location: str) -> URL:
    """Return the URL that a ``Location`` header names, checked by :func:`check_url`.

    ``base`` is the URL that was requested, as :func:`check_url` returned it. A relative reference
    is resolved by RFC 3986, 5.2. One that is absolute or starts with a slash is not changed.

    Raises:
        UrlRefused: as in :func:`check_url`.
    """
    reference = location.strip(_BLANKS).partition("#")[0]
    if _SCHEME.match(reference):
        return check_url(reference)
    if reference.startswith("//"):
        return check_url(f"{base.scheme}:{reference}")
    origin = f"{base.scheme}://{base.raw_authority}"
    path, mark, _ = base.raw_path.partition("?")
    if not reference:
        return base
    if reference.startswith("/"):
        return check_url(origin + reference)
    if reference.startswith("?"):
        return check_url(origin + path + reference)
    relative, mark, query = reference.partition("?")
    merged = path[: path.rindex("/") + 1] + relative
    return check_url(origin + _without_dot_segments(merged) + mark + query)


def _request_target(rest: str) -> str:
    """Return path and query as they are sent; ``rest`` is the URL after its authority."""
    target = rest.partition("#")[0]
    if not target.startswith("/"):
        target = f"/{target}"
    if "\\" in target:
        raise UrlRefused("the URL holds a backslash: write / between folders, or %5C")
    if _UNSENDABLE.search(target) is None:
        return target
    try:
        return _UNSENDABLE.sub(_percent_encoded, target)
    except UnicodeEncodeError as error:
        raise UrlRefused("the URL holds characters that are no text") from error


def _percent_encoded(found: re.Match[str]) -> str:
    # Bytes of a header that are not valid UTF-8 arrive as lone surrogates.
    return quote(found[0].encode("utf-8", "surrogateescape"), safe="")


def _without_dot_segments(path: str) -> str:
    """Remove ``.`` and ``..`` from a path that starts with a slash (RFC 3986, 5.2.4)."""
    *folders, last = path.split("/")[1:]
    kept: list[str] = []
    for folder in [*folders, last]:
        if folder == "..":
            del kept[-1:]
        elif folder != ".":
            kept.append(folder)
    if last in (".", ".."):
        kept.append("")
    return "/" + "/".join(kept)


@lru_cache(_ORIGINS)
def _checked_authority(scheme: str, authority: str, port_text: str | None) -> str:
    """Check an authority and return it normalised, as ``host[:port]``."""
    if "@" in authority:
        raise UrlRefused("credentials in a URL are refused")
    if re.search(r"[\x00-\x20\x7f]", authority):  # yarl would remove some of them
        raise UrlRefused("the host holds blanks or control characters")
    if not re.fullmatch(r"[^:]*|\[[^\]]*\]", authority) and port_text is None:
        raise UrlRefused("the port is no number")
    try:
        parsed = URL(f"{scheme}://{authority}")
        host, readable, port = parsed.raw_host, parsed.host, parsed.port
    except ValueError as error:
        raise UrlRefused("the host is no valid name") from error
    if not host or not readable:
        raise UrlRefused("the URL names no host")
    if port == 0:
        raise UrlRefused("port 0 cannot be dialled")
    if port in _CLOSED_PORTS:
        raise UrlRefused(f"port {port} belongs to another protocol; browsers refuse it as well")
    _check_host(host, readable, authority)
    name = f"[{host}]" if ":" in host else host
    return name if port == _DEFAULT_PORTS[scheme] else f"{name}:{port}"


def _check_host(host: str, readable: str, authority: str) -> None:
    """Raise UrlRefused if a host is not valid.

    ``host`` is the host as it is dialled, ``readable`` before IDNA, ``authority`` as written.
    """
    if authority.startswith("["):
        try:
            scoped = IPv6Address(host).scope_id is not None
        except ValueError as error:
            raise UrlRefused("the host is no IPv6 address") from error
        if scoped:
            raise UrlRefused("the host is an address of one interface")
        return
    if _plain_ipv4(host):
        if not authority.startswith(host):
            raise UrlRefused("the host is an IPv4 address in an odd spelling")
        return
    if len(host.rstrip(".")) > _MAX_NAME or not _NAME.fullmatch(host):
        raise UrlRefused("the host is no valid name")
    # The WHATWG URL standard takes a name whose last label is a number for an IPv4 address.
    last = (name.rstrip(".").rpartition(".")[2] for name in (host, readable))
    if any(label.isdecimal() or re.fullmatch(r"0x[0-9a-f]*", label) for label in last):
        raise UrlRefused("the host is an IPv4 address in an odd spelling")


def _plain_ipv4(host: str) -> bool:
    octets = host.split(".")
    return len(octets) == 4 and all(
        re.fullmatch(r"0|[1-9][0-9]{0,2}", octet) and int(octet) <= 255 for octet in octets
    )
