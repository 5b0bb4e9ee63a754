"""Posting to a host of an agency, and to nothing else: the address is looked up once, judged, and connected to.

So a name that resolves to an inner address, or to another one at the second look, reaches nothing of ours. Redirects
are not followed, proxies are not asked, and the whole exchange has one limit of time.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pipemap.errors import PipemapError, UsageError
from pipemap.settings import Settings

_LONGEST_URL = 2_000
_HTTPS = 443
# Addresses that stand for an IPv4 address behind a translator (RFC 6052, RFC 8215).
_TRANSLATED = tuple(ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48"))
# Nobody's in the world, though Python takes them for global: of protocols, of a site as it once was, for documents.
_NOWHERE = tuple(ipaddress.ip_network(text) for text in ("192.0.0.0/24", "fec0::/10", "3fff::/20"))


class PostError(PipemapError):
    """The host was not reached, or may not be."""

    code = "not-posted"


@dataclass(frozen=True)
class HookPolicy:
    """Which hosts are posted to: `name`, or `name:port` for another port than 443; who vouches for them."""

    hosts: tuple[str, ...]
    allows_private: bool = False
    ca_file: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> "HookPolicy":
        """As the settings say."""
        hosts = tuple(host.strip().lower() for host in settings.hook_hosts.split(",") if host.strip())
        return cls(hosts, settings.hook_private, settings.hook_ca_file)

    def parsed(self, url: str) -> SplitResult:
        """The parts of an address that may be posted to; UsageError when it may not be."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise UsageError("A webhook's address is not a URL.") from error
        if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise UsageError("A webhook's address is one line of letters that a URL may have.")
        if parts.scheme != "https" or not parts.hostname or parts.username is not None or parts.fragment:
            raise UsageError("A webhook's address begins with https:// and names no user. 回调地址须为 https。")
        host = parts.hostname if port in (None, _HTTPS) else f"{parts.hostname}:{port}"
        if host not in self.hosts:
            raise UsageError(f"{host} is not among the hosts that PIPEMAP_HOOK_HOSTS allows. 该主机未列入允许名单。")
        return parts

    def address(self, host: str, port: int) -> str:
        """What a host's name resolves to now; PostError unless all of it may be connected to."""
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise PostError(f"The name {host} cannot be resolved.", message_zh=f"主机名 {host} 无法解析。") from error
        addresses = [str(entry[4][0]) for entry in found]
        if not all(map(self._is_open, addresses)):
            raise PostError(
                f"{host} resolves to an address of an inner network; that is refused.",
                message_zh=f"{host} 指向内网地址，已拒绝。",
            )
        return addresses[0]

    def _is_open(self, text: str) -> bool:
        address = ipaddress.ip_address(text.partition("%")[0])
        if isinstance(address, ipaddress.IPv6Address):
            if address.sixtofour or address.teredo or any(address in network for network in _TRANSLATED):
                return False
            address = address.ipv4_mapped or address
        if any(address in network for network in _NOWHERE):
            return False
        if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
            return self.allows_private and address.is_loopback
        return address.is_global or (self.allows_private and address.is_private)


def post(url: str, headers: Mapping[str, str], body: bytes, policy: HookPolicy, limit_s: float) -> int:
    """Post once and give the status that the host answers; PostError when it does not, or not in time."""
    parts = policy.parsed(url)
    host, port = str(parts.hostname), parts.port or _HTTPS
    connection = _Pinned(host, port, policy.address(host, port), limit_s, _context(policy))
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(headers))
        return connection.getresponse().status
    except (OSError, http.client.HTTPException, ValueError) as error:
        # Words of the system may tell of inner addresses.
        raise PostError(
            f"{host} did not answer as a host does ({type(error).__name__}).",
            message_zh=f"{host} 未正常应答（{type(error).__name__}）。",
        ) from error
    finally:
        connection.leave()


def _context(policy: HookPolicy) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=None if policy.ca_file is None else str(policy.ca_file))


class _Pinned(http.client.HTTPSConnection):
    """A connection to one address, whose certificate must be that of the name."""

    def __init__(self, host: str, port: int, address: str, timeout_s: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout_s, context=context)
        self._address = address
        self._tls = context
        self._timer = threading.Timer(timeout_s, self._hang_up)
        self._timer.daemon = True

    def connect(self) -> None:
        """Connect, to the address and not by the name."""
        plain = socket.create_connection((self._address, self.port), self.timeout)
        self.sock = self._tls.wrap_socket(plain, server_hostname=self.host, do_handshake_on_connect=False)
        # Not before there is something to hang up: until here a limit of its own holds.
        self._timer.start()
        self.sock.do_handshake()

    def leave(self) -> None:
        """Be done with the host."""
        self._timer.cancel()
        self.close()

    def _hang_up(self) -> None:
        """End whatever is going on; the thread that waits sees a broken line."""
        # The host may have hung up already.
        with suppress(OSError):
            if self.sock is not None:
                self.sock.shutdown(socket.SHUT_RDWR)
