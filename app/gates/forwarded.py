"""Who the client is when a reverse proxy stands between: the proxy says so, and only a known one is believed."""

import ipaddress
from collections.abc import Iterable

from app.gates.asgi import App, Receive, Scope, Send, header_values, plain_address

__all__ = ["Forwarded"]


class Forwarded:
    """Takes the client's address from ``X-Forwarded-For`` where the connection comes from a known proxy.

    Of the addresses in the header the last one that is not itself a known proxy is taken: whatever stands before it was
    written by somebody who is not known. What is no address is never taken.

    Parameters
    ----------
    app
        What comes next.
    proxies
        Addresses and networks, ``10.0.0.0/8``, of the proxies.
    """

    def __init__(self, app: App, *, proxies: Iterable[str]) -> None:
        self.app = app
        self.proxies = [ipaddress.ip_network(one, strict=False) for one in proxies]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        client = scope.get("client")
        if scope["type"] == "http" and client and self._is_proxy(client[0]):
            hops = b",".join(header_values(scope, b"x-forwarded-for")).decode("latin-1").split(",")
            for hop in reversed([hop.strip() for hop in hops]):
                if not _is_address(hop):
                    break
                scope = {**scope, "client": (hop, 0)}
                if not self._is_proxy(hop):
                    break
        await self.app(scope, receive, send)

    def _is_proxy(self, address: str) -> bool:
        """Tell whether an address is that of a known proxy."""
        if not _is_address(address):
            return False
        plain = ipaddress.ip_address(plain_address(address))
        return any(plain in network for network in self.proxies)


def _is_address(text: str) -> bool:
    """Tell whether a text is an address of IPv4 or IPv6, without a zone, which could hold anything."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return "%" not in text
