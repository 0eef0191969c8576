"""Claims about which addresses and URLs are refused; nothing here opens a connection."""

from __future__ import annotations

import pytest

from imagebatch_core.addresses import AllowList, refusal
from imagebatch_core.egress import UrlRefused, check_url
from imagebatch_core.errors import ConfigurationRefused
from support.special_addresses import CLOUD, PUBLIC, RANGES, embedded, samples

#: One of every kind that matters most, to be hidden in IPv6.
HIDDEN = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "192.168.1.1", "0.0.0.0")


@pytest.mark.parametrize(("address", "name"), list(samples()))
def test_every_special_purpose_range_is_refused_from_its_first_to_its_last_address(
    address: str, name: str
) -> None:
    assert refusal(address), name


@pytest.mark.parametrize("address", CLOUD)
def test_every_address_of_a_clouds_own_services_is_refused(address: str) -> None:
    assert refusal(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_dialled_up_to_the_border_of_the_ranges(address: str) -> None:
    assert refusal(address) is None


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_ipv4_address_is_refused_however_ipv6_embeds_it(hidden: str) -> None:
    for address, way in embedded(hidden):
        assert refusal(address), way


def test_a_tunnel_to_a_public_address_is_refused_and_its_plain_form_in_ipv6_is_not() -> None:
    refused = {way for address, way in embedded("8.8.8.8") if refusal(address)}
    dialled = {way for _, way in embedded("8.8.8.8")} - refused
    assert dialled == {"mapped", "mapped, dotted", "mapped, in full"}


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "fe80::1%1", "::1%lo", "2606:4700::1111%eth0", "8.8.8.8%eth0"]
)
def test_an_address_of_one_interface_is_refused(address: str) -> None:
    assert refusal(address)


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
    " http://example.com/", "http://example.com/ ", "http://exa mple.com/",
    "http://example.com/a b", "http://exa\tmple.com/", "http://exa\nmple.com/",
    "http://example.com/\r\nX-A: b",
    "http://exam\0ple.com/", "http://example.com/\x7f", "http://example.com\\@127.0.0.1/",
    "http:\\\\127.0.0.1/", "http://example.com/\\..\\", "http://exa%20mple.com/", "http://a%00b/",
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
    "http://example.com:0/", "http://example.com:00/", "http://example.com:65536/",
    "http://example.com:-1/", "http://example.com:+80/", "http://example.com:8o/",
    "http://example.com:８０/", "http://example.com:80:80/", "http://example.com:1e1/",
    "http://example.com:8_0/", "http://example.com:000080/",
]  # fmt: skip


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


def test_an_allow_list_lets_hosts_and_networks_through() -> None:
    allow = AllowList.parse(
        " Images.Local , 10.0.0.0/8,fd00::/8, 192.168.7.7,::ffff:172.16.0.0/108"
    )
    assert allow.refusal("images.local.", "192.168.0.1") is None
    assert allow.refusal("IMAGES.LOCAL", "::1") is None
    assert allow.refusal("other", "10.9.9.9") is None
    assert allow.refusal("other", "::ffff:10.9.9.9") is None
    assert allow.refusal("other", "fd12::1") is None
    assert allow.refusal("other", "192.168.7.7") is None
    assert allow.refusal("other", "172.31.0.1") is None
    assert allow.refusal("other", "192.168.7.8")
    assert allow.refusal("other", "172.32.0.1") is None  # public anyway
    assert allow.refusal("other", "11.0.0.1") is None


@pytest.mark.parametrize(
    "host", ["other", "local", "images.local.evil.example", "ximages.local", "a.images.local", ""]
)
def test_an_allowed_host_opens_its_address_to_no_other_host(host: str) -> None:
    assert AllowList.parse("images.local").refusal(host, "10.0.0.1")


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_allowed_network_is_not_reached_through_tunnels(hidden: str) -> None:
    allow = AllowList.parse("0.0.0.0/0")
    assert allow.refusal("other", hidden) is None
    opened = {way for address, way in embedded(hidden) if allow.refusal("other", address) is None}
    assert opened == {"mapped", "mapped, dotted", "mapped, in full"}


def test_an_empty_allow_list_opens_nothing() -> None:
    for text in (None, "", " ", ",, ,"):
        assert all(AllowList.parse(text).refusal("a", address) for address in CLOUD)


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/99", "10.0.0.1/8", "10.0.0", "10.0.0.256", "10", "fd00::/129", "[::1]", "::1]",
        "images.local:8080", "10.0.0.1:80", "http://images.local", "images.local/", "*.local",
        "*", "bücher.example", "a b", "a..b", ".local", "user@host", "fe80::1%eth0/64",
    ],
)  # fmt: skip
def test_an_entry_that_would_never_match_or_mean_something_else_is_refused(entry: str) -> None:
    with pytest.raises(ConfigurationRefused, match="IMAGEBATCH_FETCH_ALLOW"):
        AllowList.parse(f"good.example,{entry}")


def test_the_table_of_vectors_has_all_ranges_that_the_guard_knows() -> None:
    from imagebatch_core.addresses import _V4, _V6_HOLES

    known = {str(network) for network, _ in (*_V4, *_V6_HOLES)}
    assert known - set(RANGES) == {"168.63.129.16/32"}
