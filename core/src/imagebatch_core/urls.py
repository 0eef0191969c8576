"""URLs that strangers name: which ones are refused, and the form in which they are requested.

The host is normalised, since the address guard and the credentials judge it. Path and query go onto
the wire as they were written: an address that was signed over its text stays valid. Only what HTTP
cannot carry is percent-encoded: spaces, control characters and letters outside ASCII.
"""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import IPv6Address
from typing import Final
from urllib.parse import quote

from yarl import URL

#: Characters of the longest URL that is requested.
_MAX_URL: Final = 8192
_MAX_NAME: Final = 253
#: Origins whose check is remembered: a catalogue names few hosts many times.
_ORIGINS: Final = 1024
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

#: Ports of other protocols: the list of the Fetch standard ("port blocking"), and Redis. What is
#: asked there could be taken for a command.
_CLOSED_PORTS: Final = frozenset({
    1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102,
    103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465,
    512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993,
    995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6379, 6566, 6665, 6666, 6667,
    6668, 6669, 6679, 6697, 10080,
})  # fmt: skip

#: The blanks around a URL that browsers remove (WHATWG URL, "basic URL parser").
_BLANKS: Final = "".join(map(chr, range(0x21)))
#: Scheme and authority as written. The port is ASCII: int() takes the digits of other scripts, too.
_FORM: Final = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<authority>[^/?#]*?(?::(?P<port>[0-9]{0,5}))?)(?=[/?#]|$)"
)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
_NAME: Final = re.compile(r"(?:[a-z0-9_-]{1,63}\.)*[a-z0-9_-]{1,63}\.?")
#: What a request line cannot carry (RFC 9112, 3).
_UNSENDABLE: Final = re.compile(r"[^\x21-\x7e]+")


class UrlRefused(ValueError):
    """The URL's form is refused, before any look-up. The text never repeats the URL."""


def check_url(url: str) -> URL:
    """The URL in the form in which it is requested; a fragment is left out.

    All of path and query is the ``path`` of the answer. yarl would drop an empty query, and quote
    the parts anew.

    The host is judged as it will be dialled: after percent-decoding and IDNA, which turns
    full-width digits and dots into plain ones.

    Raises:
        UrlRefused: not http(s), with credentials, without host, with a backslash, on a port of
            another protocol, or the host is neither a name of letters, digits, hyphens and
            underscores, nor an address in its plain spelling (``127.1``, ``0x7f000001``,
            ``0177.0.0.1`` and ``[fe80::1%25eth0]`` are none).
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
    """The URL that a ``Location`` header names, checked as any other.

    ``base`` is the URL that was requested, as :func:`check_url` gave it. A relative reference is
    resolved by RFC 3986, 5.2; one that is absolute, or starts with a slash, stays as it is written.

    Raises:
        UrlRefused: as :func:`check_url`.
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
    """``rest`` is what follows the authority: path and query as they go onto the wire."""
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
    # Bytes of a header that are no UTF-8 arrive as lone surrogates.
    return quote(found[0].encode("utf-8", "surrogateescape"), safe="")


def _without_dot_segments(path: str) -> str:
    """RFC 3986, 5.2.4, for a path that starts with a slash."""
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
    """The normalised ``host[:port]``."""
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
    """``host`` as it is dialled, ``readable`` before IDNA, ``authority`` as it was written."""
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
    # The rule of the WHATWG URL standard: a name whose last label is a number is meant as IPv4.
    last = (name.rstrip(".").rpartition(".")[2] for name in (host, readable))
    if any(label.isdecimal() or re.fullmatch(r"0x[0-9a-f]*", label) for label in last):
        raise UrlRefused("the host is an IPv4 address in an odd spelling")


def _plain_ipv4(host: str) -> bool:
    octets = host.split(".")
    return len(octets) == 4 and all(
        re.fullmatch(r"0|[1-9][0-9]{0,2}", octet) and int(octet) <= 255 for octet in octets
    )
