"""The S3 objects that a batch may read as images, and the keys to read them with.

It is apart from :mod:`.s3_images` because every step needs it, and only ``compress`` needs the HTTP
client, which takes a third of a second to import.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagebatch_core.results import ErrorCode
from imagebatch_runner.failures import ImageFailed

from .credentials import BucketEntry, Credentials
from .s3_urls import S3AllowList, S3Object, S3UrlRefused


@dataclass(frozen=True, slots=True)
class S3Sources:
    """The S3 objects that a batch of ``namespace`` may read, and the keys to read them with.

    Only what :attr:`allow` names may be read. ``env`` has the AWS variables.
    """

    namespace: str
    allow: S3AllowList
    credentials: Credentials
    env: Mapping[str, str] = field(repr=False)

    def object(self, url: str) -> S3Object:
        """Return the object that ``url`` names.

        Raises:
            ImageFailed: ``invalid_url``, or ``address_refused`` if it is not in the allow-list.
        """
        try:
            named = S3Object.parse(url)
        except S3UrlRefused as error:
            raise ImageFailed(ErrorCode.INVALID_URL, str(error)) from error
        if not self.allow.allows(named, self.namespace):
            raise ImageFailed(
                ErrorCode.ADDRESS_REFUSED,
                f"s3://{named.bucket} is closed for this key: IMAGEBATCH_FETCH_S3_ALLOW "
                "(egress.s3Allow of the chart) does not name it",
            )
        return named

    def entry(self, bucket: str) -> BucketEntry:
        return self.credentials.bucket(bucket) or BucketEntry()

    def bucket_env(self, entry: BucketEntry) -> dict[str, str]:
        """Return the variables to open a bucket with: its entry's values override the runner's."""
        env = dict(self.env)
        if entry.access_key_id is not None and entry.secret_access_key is not None:
            env["AWS_ACCESS_KEY_ID"] = entry.access_key_id.get_secret_value()
            env["AWS_SECRET_ACCESS_KEY"] = entry.secret_access_key.get_secret_value()
            env["AWS_SESSION_TOKEN"] = (
                entry.session_token.get_secret_value() if entry.session_token else ""
            )
        if entry.endpoint is not None:
            env["AWS_ENDPOINT_URL"] = entry.endpoint
        if entry.region is not None:
            env["AWS_REGION"] = entry.region
        return env
