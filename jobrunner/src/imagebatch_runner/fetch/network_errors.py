"""Convert network errors to failures of an image."""

from __future__ import annotations

import ssl

import aiohttp

from imagebatch_core.egress import describe_connection_error, find_address_refused
from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed


def as_failure(error: Exception) -> ImageFailed:
    """Return the failure for an error of aiohttp or the operating system."""
    refused = find_address_refused(error)
    if refused is not None:
        return ImageFailed(ErrorCode.ADDRESS_REFUSED, str(refused))
    if isinstance(error, TimeoutError):
        return ImageFailed(ErrorCode.TIMEOUT, "the host did not answer in time")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return ImageFailed(ErrorCode.DNS_FAILED, f"{error.host} does not resolve")
    if isinstance(error, (aiohttp.ClientSSLError, ssl.SSLError)):
        return ImageFailed(ErrorCode.TLS_FAILED, describe_connection_error(error))
    if isinstance(error, aiohttp.ClientPayloadError):
        return ImageFailed(ErrorCode.INCOMPLETE_BODY, "the answer ended before it was complete")
    if isinstance(error, (aiohttp.ClientResponseError, aiohttp.http.HttpProcessingError)):
        return ImageFailed(ErrorCode.INCOMPLETE_BODY, "the answer breaks the rules of HTTP")
    if isinstance(error, aiohttp.InvalidURL):
        return ImageFailed(ErrorCode.INVALID_URL, "the address cannot be requested")
    return ImageFailed(ErrorCode.CONNECT_FAILED, describe_connection_error(error))
