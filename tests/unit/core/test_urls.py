"""Claims about which URLs are refused and what of the others is requested; nothing is dialled."""

from __future__ import annotations

import pytest

from imagebatch_core.urls import UrlRefused, check_redirect, check_url
from support.written_urls import ENCODED, VERBATIM

NO_URLS = [
    "", "/", "a.jpg", "?", "#", "//example.com/", "example.com/a.jpg", "http", "http:", "http:/",
    "http://", "http://#", "http://?x", "http:///x", "http:////127.0.0.1/", "http:127.0.0.1/",
    "http:/127.0.0.1/", "http://./", "http://../", "http://.a/", "http://a..b/x", "http://a../",
    "http://[]/", "http://[:]/", "http://[", "http://[[::1]]/", "http://::1/", "http://1::1:80/",
]  # fmt: skip
OTHER_SCHEMES = [
    "ftp://example.com/", "file:///etc/passwd", "file://localhost/etc/passwd", "gopher://x/",
    "dict://x/", "ldap://x", "data:image/png;base64,AA", "javascript:alert(1)", "unix:///x",
    "http+unix://x/", "jar:http://x!/", "view-source:http://x/", "blob:http://x/", "s4://x/y",
]  # fmt: skip
ODD_IPV4 = [
    "http://127.1/", "http://127.0.1/", "http://127.1./", "http://127.0.0.1./", "http://0/",
    "http://00/", "http://2130706433/", "http://017700000001/", "http://0177.0.0.1/",
    "http://127.0.0.01/", "http://0x7f000001/", "http://0X7F000001/", "http://0x7f.1/",
    "http://0x7f.0x0.0x0.0x1/", "http://127.0.0.0x1/", "http://0x7F.0.0.1/", "http://0x/",
    "http://0x7f.0.0.1./", "http://0x7f.0.1/", "http://0177.0x0.1/", "http://999999999999/",
    "http://256.1.1.1/", "http://1.2.3.4.5/", "http://example.1/", "http://example.0x1/",
    "http://%31%32%37.0.0.1/", "http://127%2e0.0.1/", "http://%6c%30.0x7f.1/",
    "http://１２７.０.０.１/", "http://１２７.1/", "http://127。0。0。1/", "http://127．0．0．1/",
    "http://127｡0｡0｡1/", "http://①②⑦.⓪.⓪.①/", "http://𝟏𝟐𝟕.𝟎.𝟎.𝟏/", "http://127․0․0․1/",
    "http://١٢٧.٠.٠.١/", "http://१२७.0.0.1/", "http://0ｘ7f000001/", "http://８.８.８.８/",
    "http://0ⅹ7f.1/",
]  # fmt: skip
ODD_IPV6 = [
    "http://[::1%25lo]/", "http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/",
    "http://[1::2::3]/", "http://[v1.::1]/", "http://[127.0.0.1]/", "http://[::1].example.com/",
    "http://[::1]example.com/", "http://[::%31]/", "http://[::1]:80:80/", "http://[0x0::1]/",
    "http://[v1.fe]/", "http://[v1.fe80::a+en1]/", "http://[vF.a]/", "http://[example.com]/",
]  # fmt: skip
USERINFO = [
    "http://u:p@example.com/", "http://u@example.com/", "http://@example.com/",
    "http://:@example.com/", "http://:p@example.com/", "http://a@b@127.0.0.1/",
    "http://example.com@127.0.0.1/", "http://example.com:80@127.0.0.1/",
    "http://127.0.0.1:80@example.com/", "http://127.0.0.1%2f@example.com/",
    "http://example.com%40127.0.0.1/", "http://example.com∕@127.0.0.1/",
    "http://example.com＠127.0.0.1/",
]  # fmt: skip
ODD_CHARACTERS = [
    "http://exa mple.com/", "http://example.com :80/", "http://example.com:80 /", "http: //a/",
    "http://exa\tmple.com/", "http://exa\nmple.com/", "http://example.com\r\nX-A: b/",
    "http://exam\0ple.com/", "http://example.com\x7f/", "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1/", "http://example.com/\\..\\", "http://example.com/a\ud800",
    "http://exa%20mple.com/", "http://a%00b/",
    "http://127.0.0.1%00.example.com/", "http://a%b/", "http://%/", "http://%zz/", "http://*/",
    "http://a,b/", "http://a;b/", "http://a|b/", "http://a<b/", 'http://a"b/', "http://a{b}/",
    "http://a'b/", "http://a=b/", "http://a&b/", "http://a+b/", "http://a~b/", "http://a!b/",
]  # fmt: skip
IDNA_TRICKS = [
    "http://exa\u00a0mple.com/", "http://exa\u3000mple.com/", "http://exa\u200bmple.com/",
    "http://exa\u00admple.com/", "http://example.com／127.0.0.1/", "http://example.com：80/",
    "http://example.com＃/", "http://example.com？/", "http://xn--/", "http://xn--a/",
    "http://xn--127-/", "http://\ud800.com/", "http://\udc80.com/", f"http://{'a' * 64}.com/",
    f"http://{'a.' * 127}com/", f"http://{'ü' * 60}.com/",
]  # fmt: skip
ODD_PORTS = [
    "http://example.com:0/",
    "http://example.com:00/",
    "http://example.com:65536/",
    "http://example.com:-1/",
    "http://example.com:+80/",
    "http://example.com:8o/",
    "http://example.com:８０/",
    "http://example.com:80:80/",
    "http://example.com:1e1/",
    "http://example.com:8_0/",
    "http://example.com:000080/",
]
#: https://fetch.spec.whatwg.org/#port-blocking, as of 2026, and Redis.
OTHER_PROTOCOLS = {
    1: "tcpmux", 7: "echo", 9: "discard", 11: "systat", 13: "daytime", 15: "netstat", 17: "qotd",
    19: "chargen", 20: "ftp-data", 21: "ftp", 22: "ssh", 23: "telnet", 25: "smtp", 37: "time",
    42: "name", 43: "nicname", 53: "domain", 69: "tftp", 77: "rje", 79: "finger", 87: "link",
    95: "supdup", 101: "hostname", 102: "iso-tsap", 103: "gppitnp", 104: "acr-nema", 109: "pop2",
    110: "pop3", 111: "sunrpc", 113: "auth", 115: "sftp", 117: "uucp-path", 119: "nntp", 123: "ntp",
    135: "epmap", 137: "netbios-ns", 139: "netbios-ssn", 143: "imap", 161: "snmp", 179: "bgp",
    389: "ldap", 427: "svrloc", 465: "submissions", 512: "exec", 513: "login", 514: "shell",
    515: "printer", 526: "tempo", 530: "courier", 531: "chat", 532: "netnews", 540: "uucp",
    548: "afp", 554: "rtsp", 556: "remotefs", 563: "nntps", 587: "submission", 601: "syslog-conn",
    636: "ldaps", 989: "ftps-data", 990: "ftps", 993: "imaps", 995: "pop3s", 1719: "h323gatestat",
    1720: "h323hostcall", 1723: "pptp", 2049: "nfs", 3659: "apple-sasl", 4045: "npp", 4190: "sieve",
    5060: "sip", 5061: "sips", 6000: "x11", 6379: "redis", 6566: "sane-port", 6665: "ircu",
    6666: "ircu", 6667: "ircu", 6668: "ircu", 6669: "ircu", 6679: "osaut", 6697: "ircs-u",
    10080: "amanda",
}  # fmt: skip


@pytest.mark.parametrize(
    "url",
    [
        *NO_URLS, *OTHER_SCHEMES, *ODD_IPV4, *ODD_IPV6, *USERINFO, *ODD_CHARACTERS, *IDNA_TRICKS,
        *ODD_PORTS, "http://example.com/" + "a" * 8192,
    ],
    ids=ascii,
)  # fmt: skip
def test_odd_urls_are_refused_before_any_look_up(url: str) -> None:
    with pytest.raises(UrlRefused):
        check_url(url)


@pytest.mark.parametrize(
    ("url", "host", "port"),
    [
        ("http://example.com", "example.com", 80),
        ("HTTPS://EXAMPLE.com:8443/A?b#c", "example.com", 8443),
        ("http://example.com:/", "example.com", 80),
        ("http://example.com:080/", "example.com", 80),
        ("http://example.com./", "example.com.", 80),
        ("http://my_shop-1.example/", "my_shop-1.example", 80),
        ("http://1.example/", "1.example", 80),
        ("http://0x7f.example/", "0x7f.example", 80),
        ("http://8.8.8.8:81/", "8.8.8.8", 81),
        ("http://[2606:4700:0:0::1111]:81/", "2606:4700::1111", 81),
        ("http://bücher.example/", "xn--bcher-kva.example", 80),
        ("http://faß.example/", "xn--fa-hia.example", 80),
        ("http://ｅｘａｍｐｌｅ.com/", "example.com", 80),
        ("http://例え.テスト/絵.jpg", "xn--r8jz45g.xn--zckzah", 80),
        ("http://example.com/a%20b?u=http://x@127.0.0.1/#@127.0.0.1", "example.com", 80),
        ("http://example.com?@127.0.0.1/", "example.com", 80),
        ("http://example.com#@127.0.0.1/", "example.com", 80),
    ],
)
def test_ordinary_urls_are_taken_and_name_the_host_that_is_meant(
    url: str, host: str, port: int
) -> None:
    checked = check_url(url)
    assert (checked.raw_host, checked.port) == (host, port)


@pytest.mark.parametrize("port", OTHER_PROTOCOLS)
def test_ports_of_other_protocols_are_refused(port: int) -> None:
    for url in (f"http://example.com:{port}/", f"https://8.8.8.8:{port:05}"):
        with pytest.raises(UrlRefused, match=f"port {port} belongs to another protocol"):
            check_url(url)


@pytest.mark.parametrize("port", [80, 81, 443, 591, 3000, 5000, 8000, 8080, 8443, 9000, 65535])
def test_ports_that_people_serve_on_are_open(port: int) -> None:
    assert check_url(f"http://example.com:{port}/").port == port


@pytest.mark.parametrize("written", VERBATIM)
def test_path_and_query_are_requested_byte_for_byte(written: str) -> None:
    checked = check_url(f"https://Shop.example{written}")
    assert checked.raw_path_qs == written
    assert str(checked) == f"https://shop.example{written}"
    assert check_url(str(checked)) == checked


@pytest.mark.parametrize("written", ENCODED, ids=ascii)
def test_what_http_cannot_carry_is_encoded_and_nothing_else(written: str) -> None:
    assert check_url(f"https://shop.example{written}").raw_path_qs == ENCODED[written]


@pytest.mark.parametrize("blank", [" ", "\t", "\r\n", "\n ", "\x00"])
def test_blanks_around_a_url_are_left_out_as_browsers_do(blank: str) -> None:
    assert str(check_url(f"{blank}http://shop.example/a{blank}")) == "http://shop.example/a"


def test_a_refusal_never_repeats_the_url() -> None:
    for url in (*ODD_IPV4, *ODD_IPV6, *USERINFO, *ODD_CHARACTERS, *IDNA_TRICKS, *ODD_PORTS):
        with pytest.raises(UrlRefused) as refused:
            check_url(f"{url}secret")
        assert "secret" not in str(refused.value)


BASE = "https://shop.example:8443/a/b%2Fc/d.jpg?e=/f/g"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/x.jpg", "https://shop.example:8443/x.jpg"),
        ("x.jpg", "https://shop.example:8443/a/b%2Fc/x.jpg"),
        ("./x.jpg", "https://shop.example:8443/a/b%2Fc/x.jpg"),
        ("../x.jpg", "https://shop.example:8443/a/x.jpg"),
        ("../../../x.jpg", "https://shop.example:8443/x.jpg"),
        ("..", "https://shop.example:8443/a/"),
        (".", "https://shop.example:8443/a/b%2Fc/"),
        ("x/./y/../z", "https://shop.example:8443/a/b%2Fc/x/z"),
        ("?x=%2F~", "https://shop.example:8443/a/b%2Fc/d.jpg?x=%2F~"),
        ("x?../y", "https://shop.example:8443/a/b%2Fc/x?../y"),
        ("?", "https://shop.example:8443/a/b%2Fc/d.jpg?"),
        ("#x", BASE),
        ("", BASE),
        ("//other.example/x", "https://other.example/x"),
        ("//other.example:80", "https://other.example:80/"),
        ("http://other.example/x#y", "http://other.example/x"),
        ("HTTP://OTHER.example/X", "http://other.example/X"),
        (" /x y.jpg ", "https://shop.example:8443/x%20y.jpg"),
        ("/\udcff.jpg", "https://shop.example:8443/%FF.jpg"),
    ],
    ids=ascii,
)
def test_a_redirect_is_resolved_as_the_standard_says(location: str, url: str) -> None:
    assert str(check_redirect(check_url(BASE), location)) == url


@pytest.mark.parametrize("written", VERBATIM)
def test_a_redirect_keeps_path_and_query_byte_for_byte(written: str) -> None:
    base = check_url(BASE)
    assert str(check_redirect(base, f"http://x.example{written}")) == f"http://x.example{written}"
    if not written.startswith("//"):
        assert str(check_redirect(base, written)) == f"https://shop.example:8443{written}"


@pytest.mark.parametrize(
    "location",
    [
        "ftp://x/", "javascript:alert(1)", "http:x", "https:/x", "//u:p@x.example/", "//127.1/",
        "///x", "\\x", "/\\x", "http://\udcff.example/",
    ],
    ids=ascii,
)  # fmt: skip
def test_a_redirect_is_checked_as_any_url(location: str) -> None:
    with pytest.raises(UrlRefused):
        check_redirect(check_url(BASE), location)
