"""Claims about what the settings open and close; nothing here opens a connection."""

from __future__ import annotations

import pytest

from imagebatch_core.egress_rules import DENIED, EgressRules, EgressSettings
from imagebatch_core.errors import ConfigurationRefused
from support.special_addresses import CLOUD, embedded

#: One of every kind that matters most, to be hidden in IPv6.
HIDDEN = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "168.63.129.16", "192.168.1.1", "0.0.0.0")
MAPPED = {"mapped", "mapped, dotted", "mapped, in full"}


@pytest.mark.parametrize("hidden", HIDDEN)
def test_an_ipv4_address_is_refused_however_ipv6_embeds_it(hidden: str) -> None:
    for address, way in embedded(hidden):
        assert EgressRules().refusal("a.example", address), way


def test_a_tunnel_to_a_public_address_is_refused_but_for_nat64() -> None:
    rules = EgressRules()
    found = [way for address, way in embedded("8.8.8.8") if rules.refusal("a", address) is None]
    assert set(found) == {*MAPPED, "NAT64"}


@pytest.mark.parametrize(
    "address", ["fe80::1%eth0", "fe80::1%1", "::1%lo", "2606:4700::1111%eth0", "8.8.8.8%eth0"]
)
def test_an_address_of_one_interface_is_refused(address: str) -> None:
    assert EgressRules().refusal("a.example", address)
    assert EgressRules.parse("a.example").refusal("a.example", address)


def test_an_allow_list_lets_hosts_and_networks_through() -> None:
    rules = EgressRules.parse(
        " Images.Local , 10.0.0.0/8,fd00::/8, 192.168.7.7,::ffff:172.16.0.0/108"
    )
    assert rules.refusal("images.local.", "192.168.0.1") is None
    assert rules.refusal("IMAGES.LOCAL", "fec0::1") is None
    assert rules.refusal("other", "10.9.9.9") is None
    assert rules.refusal("other", "::ffff:10.9.9.9") is None
    assert rules.refusal("other", "fd12::1") is None
    assert rules.refusal("other", "192.168.7.7") is None
    assert rules.refusal("other", "172.31.0.1") is None
    assert rules.refusal("other", "192.168.7.8")
    assert rules.refusal("other", "172.32.0.1") is None  # public anyway
    assert rules.refusal("other", "11.0.0.1") is None


@pytest.mark.parametrize(
    "host", ["other", "local", "images.local.evil.example", "ximages.local", "a.images.local", ""]
)
def test_an_allowed_host_opens_its_address_to_no_other_host(host: str) -> None:
    assert EgressRules.parse("images.local").refusal(host, "10.0.0.1")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "169.254.1.1", "fe80::1", "224.0.0.1",
        "255.255.255.255", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::1", "2606:4700::5efe:7f00:1", *CLOUD,
    ],
)  # fmt: skip
def test_an_allowed_name_opens_no_address_that_the_machine_or_its_cloud_answers(
    address: str,
) -> None:
    why = EgressRules.parse("images.local").refusal("images.local", address)
    assert why is not None
    assert why.endswith("which no host name opens: allow the address itself")


@pytest.mark.parametrize("address", CLOUD)
def test_a_network_around_a_clouds_metadata_does_not_open_it_and_its_own_address_does(
    address: str,
) -> None:
    around = "0.0.0.0/0,::/0,100.64.0.0/10,169.254.0.0/16,fd00::/8,fe80::/10"
    assert EgressRules.parse(around).refusal("a.example", address)
    assert EgressRules.parse(address).refusal("a.example", address) is None


@pytest.mark.parametrize("hidden", ["127.0.0.1", "10.0.0.1", "192.168.1.1", "0.0.0.0"])
def test_an_allowed_network_is_not_reached_through_tunnels_but_for_nat64(hidden: str) -> None:
    rules = EgressRules.parse("0.0.0.0/0")
    assert rules.refusal("other", hidden) is None
    opened = {way for address, way in embedded(hidden) if rules.refusal("other", address) is None}
    assert opened == {*MAPPED, "NAT64"}


def test_what_is_denied_is_closed_though_it_is_public_or_allowed() -> None:
    rules = EgressRules.parse(
        allow="images.local,10.0.0.0/8,fd00::/8",
        deny="25.0.0.0/8,10.1.0.0/16,2600::/24,fd01::1",
    )
    for host in ("other", "images.local"):
        for address in (
            "25.1.2.3", "::ffff:25.1.2.3", "64:ff9b::1901:203", "10.1.2.3", "2600:8::1", "fd01::1",
        ):  # fmt: skip
            assert rules.refusal(host, address) == DENIED
        for address in ("26.0.0.1", "10.2.0.1", "2600:100::1", "fd01::2"):
            assert rules.refusal(host, address) is None


def test_a_denied_network_may_be_named_as_it_is_dialled() -> None:
    assert EgressRules.parse(deny="64:ff9b::/96").refusal("a", "64:ff9b::808:808") == DENIED
    assert EgressRules.parse(deny="::ffff:8.8.0.0/112").refusal("a", "8.8.8.8") == DENIED


def test_only_the_prefixes_of_the_setting_are_nat64() -> None:
    """In a company's own prefix 10.0.0.1 looks public, until the guard knows the prefix."""
    inside, public = "2001:67c:64::a00:1", "2001:67c:64::808:808"
    assert EgressRules().refusal("a", inside) is None
    own = EgressRules.parse(nat64="2001:67c:64::/96")
    assert own.refusal("a", inside) == "private"
    assert own.refusal("a", public) is None
    assert own.refusal("a", "64:ff9b::808:808") == "not global unicast"
    assert EgressRules.parse(nat64="").refusal("a", "64:ff9b::808:808") == "not global unicast"
    assert EgressRules.parse("10.0.0.0/8", nat64="2001:67c:64::/96").refusal("a", inside) is None
    local = EgressRules.parse(nat64="64:ff9b:1::/48")
    assert local.refusal("a", "64:ff9b:1:808:8:800::") is None
    assert local.refusal("a", "64:ff9b:1:a00:0:100::") == "private"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "a.b.localhost."])
def test_localhost_is_refused_by_name_unless_loopback_is_allowed(host: str) -> None:
    assert EgressRules().refused_name(host) == "loopback"
    assert EgressRules.parse("10.0.0.0/8,images.local").refused_name(host) == "loopback"
    for allow in ("127.0.0.1", "127.0.0.0/8", "::1"):
        assert EgressRules.parse(allow).refused_name(host) is None
    assert EgressRules().refused_name("localhost.example") is None
    assert EgressRules().refused_name("xlocalhost") is None


def test_an_empty_allow_list_opens_nothing() -> None:
    for text in ("", " ", ",, ,"):
        assert all(EgressRules.parse(text).refusal("a", address) for address in CLOUD)


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/99", "10.0.0.1/8", "10.0.0", "10.0.0.256", "10", "fd00::/129", "[::1]", "::1]",
        "images.local:8080", "10.0.0.1:80", "http://images.local", "images.local/", "*.local",
        "*", "bücher.example", "a b", "a..b", ".local", "user@host", "fe80::1%eth0/64", "localhost",
        "Localhost.", "a.localhost",
    ],
)  # fmt: skip
def test_an_entry_that_would_never_match_or_mean_something_else_is_refused(entry: str) -> None:
    with pytest.raises(ConfigurationRefused, match="IMAGEBATCH_FETCH_ALLOW=") as refused:
        EgressSettings.from_env({"IMAGEBATCH_FETCH_ALLOW": f"good.example,{entry}"})
    assert repr(entry.lower()) in str(refused.value)


def test_who_allows_localhost_is_told_what_to_allow() -> None:
    with pytest.raises(ConfigurationRefused, match=r"allow 127\.0\.0\.0/8 and ::1 instead"):
        EgressSettings.from_env({"IMAGEBATCH_FETCH_ALLOW": "localhost"})


@pytest.mark.parametrize("entry", ["images.local", "10.0.0.1/8", "*", "10.0.0.0/33"])
def test_only_networks_can_be_denied(entry: str) -> None:
    with pytest.raises(ConfigurationRefused, match=r"FETCH_DENY=.* no address or CIDR"):
        EgressSettings.from_env({"IMAGEBATCH_FETCH_DENY": f"25.0.0.0/8,{entry}"})


@pytest.mark.parametrize("entry", ["64:ff9b::", "64:ff9b::/95", "10.0.0.0/32", "x", "2001::1/96"])
def test_a_prefix_of_nat64_has_a_length_of_the_standard(entry: str) -> None:
    with pytest.raises(ConfigurationRefused, match=r"FETCH_NAT64=.* no prefix of NAT64"):
        EgressSettings.from_env({"IMAGEBATCH_FETCH_NAT64": entry})


def test_the_settings_make_the_rules() -> None:
    settings = EgressSettings.from_env(
        {"IMAGEBATCH_FETCH_ALLOW": "10.0.0.0/8", "IMAGEBATCH_FETCH_DENY": "10.1.0.0/16"}
    )
    assert settings.egress_rules == EgressRules.parse("10.0.0.0/8", "10.1.0.0/16")
    assert EgressSettings().egress_rules == EgressRules()
