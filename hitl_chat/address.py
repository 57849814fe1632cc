"""Which address a request came from, as far as the app can know. Knows no request and no limit."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

NETWORK = 64
"""Bits of an IPv6 address that tell one customer from another; the rest is theirs to choose."""


def address_of(peer: str, forwarded: str, proxies: int) -> str | None:
    """Return an address, or the network of an IPv6 one; None for this machine itself.

    `forwarded` is X-Forwarded-For. Each of the `proxies` before the app has added there whom it
    talked to, so that many hops from the right are true; what stands left of them anybody can
    write. Without proxies the header says nothing.
    """
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()][-proxies:]
    found = (_parsed(hops[0]) if proxies and hops else None) or _parsed(peer)
    if found is None or found.is_loopback:
        return None
    if isinstance(found, IPv6Address):
        return str(IPv6Network((found.packed, NETWORK), strict=False))
    return str(found)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    for written in (text, _without_port(text)):
        try:
            found = ip_address(written)
        except ValueError:
            continue
        return getattr(found, "ipv4_mapped", None) or found
    return None


def _without_port(text: str) -> str:
    try:
        return urlsplit(f"//{text}").hostname or ""
    except ValueError:
        return ""
