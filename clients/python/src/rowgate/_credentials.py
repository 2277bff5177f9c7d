"""The credential that goes with every call, and the refusal to send one where others may listen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

from rowgate._options import Metadata

Token: TypeAlias = str | Callable[[], str]

_HEADER: Final = "authorization"


@dataclass(frozen=True, slots=True, repr=False)
class Credentials:
    """What proves who calls.

    Attributes:
        token: an API key or a token; or what gives one, asked before every call.
        in_plaintext: whether it may be sent unencrypted.
    """

    token: Token | None = None
    in_plaintext: bool = False

    def metadata(self, metadata: Metadata, *, encrypted: bool) -> tuple[tuple[str, str | bytes], ...]:
        """A call's metadata, the credential among them.

        Raises:
            ValueError: it would be sent unencrypted, twice, or is none.
        """
        sent = tuple(metadata.items())
        if self.token is not None:
            token = self.token if isinstance(self.token, str) else self.token()
            if not token or not token.isascii() or not token.isprintable() or " " in token:
                raise ValueError("the token is empty, or has characters that none has")
            sent += ((_HEADER, f"Bearer {token}"),)
        headers = [key for key, _ in sent if key.lower() == _HEADER]
        if len(headers) > 1:
            raise ValueError("credentials are given as token and as metadata")
        if headers and not (encrypted or self.in_plaintext):
            raise ValueError("credentials are not sent unencrypted; give tls, or say credentials_in_plaintext=True")
        return sent
