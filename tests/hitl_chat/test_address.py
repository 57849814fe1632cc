import pytest

from hitl_chat.address import address_of


@pytest.mark.parametrize(
    "peer", ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "", "testclient"]
)
def test_this_machine_has_no_address(peer: str) -> None:
    assert address_of(peer, "", 0) is None


def test_without_a_proxy_the_header_changes_nothing() -> None:
    assert address_of("192.0.2.7", "198.51.100.1, 127.0.0.1", 0) == "192.0.2.7"


@pytest.mark.parametrize(
    ("forwarded", "proxies", "found"),
    [
        ("192.0.2.7", 1, "192.0.2.7"),
        ("198.51.100.1, 203.0.113.5,192.0.2.7", 1, "192.0.2.7"),  # what is left of it was sent
        ("127.0.0.1, 192.0.2.7", 1, "192.0.2.7"),
        ("198.51.100.1, 192.0.2.7, 10.0.0.9", 2, "192.0.2.7"),
        ("192.0.2.7", 2, "192.0.2.7"),  # around the outer proxy
        ("192.0.2.7:4711", 1, "192.0.2.7"),
        ("[2001:db8:1:2:3::4]:4711", 1, "2001:db8:1:2::/64"),
        ("", 1, "10.0.0.1"),  # the proxy's own check of our health
        (" , ", 1, "10.0.0.1"),
    ],
)
def test_behind_proxies_the_hop_that_the_outermost_added_counts(
    forwarded: str, proxies: int, found: str
) -> None:
    assert address_of("10.0.0.1", forwarded, proxies) == found


@pytest.mark.parametrize("nonsense", ["unknown", "[", "1.2.3", "_hidden", "🙂", "a" * 10_000])
def test_a_hop_that_is_no_address_counts_as_the_proxy(nonsense: str) -> None:
    assert address_of("10.0.0.1", nonsense, 1) == "10.0.0.1"


def test_an_ipv6_customer_is_a_network() -> None:
    one, other = (address_of(f"2001:db8:1:2:{end}", "", 0) for end in ("3::4", "ffff::1"))
    assert one == other == "2001:db8:1:2::/64"
    assert address_of("2001:db8:1:3::4", "", 0) != one
    assert address_of("fe80::1%eth0", "", 0) == "fe80::/64"


def test_an_ipv4_address_in_ipv6_form_is_the_same_one() -> None:
    assert address_of("::ffff:192.0.2.7", "", 0) == "192.0.2.7"
