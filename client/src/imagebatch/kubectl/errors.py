"""Errors of the plugin, beside those of imagebatch.errors.

ImageBatchError
├── GatewayUnreachable
│   ├── KubectlFailed      kubectl is missing, refused, or ended early
│   └── NoGateway          there is no gateway where it was looked for
├── SeveralGateways        there is more than one, and none was chosen
└── NotAllowed
    └── TokenWithheld      the gateway wants a token, and nobody chose this gateway
"""

from __future__ import annotations

from imagebatch.errors import GatewayUnreachable, ImageBatchError, NotAllowed


class KubectlFailed(GatewayUnreachable):
    """Kubectl is not there, was refused by the cluster, or ended early."""


class NoGateway(GatewayUnreachable):
    """No Service of a gateway was found."""


class SeveralGateways(ImageBatchError):
    """More than one Service of a gateway was found."""


class TokenWithheld(NotAllowed):
    """The gateway wants a token, and it is not one that the user has chosen."""

    def __init__(self, message: str) -> None:
        super().__init__(message, status=401, errors=[], request_id=None)
