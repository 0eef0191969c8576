"""The credentials of image hosts and source buckets: a file of request headers and key pairs.

The file is JSON with one entry for each host or bucket, as :data:`SHAPE` shows. It comes from a
Secret mounted into the pod, or from ``local --credentials``. Values leave this module only in a
request to the host they are for; errors name the entry, never its value.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError
from pydantic.alias_generators import to_camel

from imagebatch_core.errors import ConfigurationRefused
from imagebatch_core.names import ENV_FETCH_CREDENTIALS_FILE

from .host_patterns import HostPattern
from .request_headers import checked_headers
from .s3_urls import BUCKET, S3_SCHEME

SHAPE: Final = '{"images.example.com": {"headers": {"X-Api-Key": "…"}}, "s3://bucket": {…}}'
_REGION: Final = re.compile(r"[a-z0-9-]{1,32}")
#: Least length of a value that is redacted: a shorter one would blank out parts of other words.
_REDACTED_LENGTH: Final = 4


class _Closed(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, alias_generator=to_camel, hide_input_in_errors=True
    )


class _Basic(_Closed):
    user: str
    password: SecretStr


class _HostEntry(_Closed):
    headers: dict[str, SecretStr] = {}
    bearer: SecretStr | None = None
    basic: _Basic | None = None
    plain_http: bool = False


class BucketEntry(_Closed):
    """The access to one source bucket. Fields that are not set are taken from the runner's own
    store.

    An ``endpoint`` of its own never gets the store's keys, so it needs a key pair of its own, or
    ``anonymous``.
    """

    access_key_id: SecretStr | None = None
    secret_access_key: SecretStr | None = None
    session_token: SecretStr | None = None
    endpoint: str | None = None
    region: str | None = None
    anonymous: bool = False


_Entry = TypeVar("_Entry", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class _Host:
    pattern: HostPattern
    headers: Mapping[str, str] = field(repr=False)
    plain_http: bool
    secrets: frozenset[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Credentials:
    """The credentials of hosts and buckets; empty unless :meth:`load` or :meth:`parse` made it."""

    _hosts: tuple[_Host, ...] = ()
    _buckets: Mapping[str, BucketEntry] = field(default_factory=dict)
    _values: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def load(cls, path: str) -> Credentials:
        """Read the credentials from a file; there are none if ``path`` is empty.

        Raises:
            ConfigurationRefused: the file cannot be read, or an entry of it is wrong; the message
                contains no value.
        """
        if not path:
            return cls()
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "not UTF-8"
            raise ConfigurationRefused(f"{ENV_FETCH_CREDENTIALS_FILE}: {path}: {why}") from None
        return cls.parse(text)

    @classmethod
    def parse(cls, text: str) -> Credentials:
        """Parse the file's text; raises the same errors as :meth:`load`."""
        hosts: dict[HostPattern, _Host] = {}
        buckets: dict[str, BucketEntry] = {}
        for number, (name, entry) in enumerate(_entries(text), start=1):
            # Do not quote a wrong name: it may hold a password, like https://user:password@host.
            if name.startswith(S3_SCHEME):
                bucket = name.removeprefix(S3_SCHEME)
                if not BUCKET.fullmatch(bucket):
                    raise _refused(f"entry {number}", "a bucket is named as s3://bucket")
                buckets[bucket] = _bucket(name, entry)
                continue
            pattern = HostPattern.parse(name)
            if pattern is None:
                raise _refused(
                    f"entry {number}", "its name is neither host[:port], *.domain nor s3://bucket"
                )
            if pattern in hosts:
                raise _refused(f"entry {name!r}", "this host has an entry already")
            hosts[pattern] = _host(name, pattern, entry)
        return cls(
            tuple(sorted(hosts.values(), key=lambda host: host.pattern.rank)),
            buckets,
            tuple(_secrets(hosts.values(), buckets.values())),
        )

    def headers(self, scheme: str, host: str, port: int) -> Mapping[str, str]:
        """Return the headers to add to a request to ``host``; only the most specific entry applies.

        Over plain http there are none, unless the entry sets ``plainHttp``.
        """
        for entry in self._hosts:
            if entry.pattern.matches(scheme, host, port):
                return entry.headers if scheme == "https" or entry.plain_http else {}
        return {}

    def bucket(self, name: str) -> BucketEntry | None:
        """Return the entry of a source bucket; ``None`` if there is none."""
        return self._buckets.get(name)

    def redacted(self, text: str) -> str:
        """Return ``text`` without credentials: a host may repeat them in its response."""
        for value in self._values:
            text = text.replace(value, "…")
        return text


NO_CREDENTIALS: Final = Credentials()


def _entries(text: str) -> list[tuple[str, Any]]:
    try:
        found = json.loads(text, object_pairs_hook=_without_twins)
    except json.JSONDecodeError as error:
        raise _refused(f"line {error.lineno}", f"no JSON; expected {SHAPE}") from None
    except RecursionError:
        raise _refused("the file", f"no such JSON; expected {SHAPE}") from None
    if not isinstance(found, dict):
        raise _refused("the file", f"it must be an object; expected {SHAPE}")
    return list(found.items())


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise _refused("the file", "a name stands twice in one object")
    return made


def _host(name: str, pattern: HostPattern, document: Any) -> _Host:
    entry = _validated(name, _HostEntry, document)
    where = f"entry {name!r}"
    headers = {key: value.get_secret_value() for key, value in entry.headers.items()}
    secrets = set(headers.values())
    kinds = [key for key in headers if key.lower() == "authorization"]
    secrets |= {headers[key].partition(" ")[2] for key in kinds}
    if entry.bearer is not None:
        kinds.append("bearer")
        token = entry.bearer.get_secret_value()
        secrets.add(token)
        headers |= {"Authorization": f"Bearer {token}"}
    if entry.basic is not None:
        kinds.append("basic")
        if ":" in entry.basic.user:
            raise _refused(where, "a user of basic holds no colon (RFC 7617)")
        password = entry.basic.password.get_secret_value()
        pair = base64.b64encode(f"{entry.basic.user}:{password}".encode()).decode()
        secrets |= {password, pair}
        headers |= {"Authorization": f"Basic {pair}"}
    if len(kinds) > 1:
        raise _refused(where, f"{' and '.join(kinds)} exclude each other")
    if not headers:
        raise _refused(where, "it has none of headers, bearer, basic")
    problem = checked_headers(headers)
    if problem is not None:
        raise _refused(where, problem)
    return _Host(pattern, headers, entry.plain_http, frozenset(secrets))


def _bucket(name: str, document: Any) -> BucketEntry:
    entry = _validated(name, BucketEntry, document)
    where = f"entry {name!r}"
    keys = (entry.access_key_id, entry.secret_access_key)
    if entry.region is not None and not _REGION.fullmatch(entry.region):
        raise _refused(where, "region must be a name as eu-central-1")  # a part of AWS's host name
    if (keys[0] is None) != (keys[1] is None):
        raise _refused(where, "accessKeyId and secretAccessKey belong together")
    if entry.session_token is not None and keys[0] is None:
        raise _refused(where, "a sessionToken belongs to a key pair")
    if entry.anonymous and keys[0] is not None:
        raise _refused(where, "anonymous and a key pair exclude each other")
    if entry.endpoint is not None:
        if not entry.endpoint.startswith(("http://", "https://")) or "@" in entry.endpoint:
            raise _refused(where, "endpoint must be http(s)://host[:port]")
        if keys[0] is None and not entry.anonymous:
            raise _refused(where, "an endpoint needs a key pair, or anonymous: true")
    return entry


def _validated(name: str, model: type[_Entry], document: Any) -> _Entry:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = first["loc"][0] if first["loc"] else ""
        # Quote only our own field names: an unknown name may be a value in the wrong place.
        ours = {field.alias for field in model.model_fields.values()}
        what = f"{place}: " if place in ours else ""
        why = "an unknown key" if first["type"] == "extra_forbidden" else first["msg"].lower()
        raise _refused(f"entry {name!r}", what + why) from None


def _secrets(hosts: Iterable[_Host], buckets: Iterable[BucketEntry]) -> list[str]:
    """Return all values to redact, longest first, so that a short one leaves no part of a longer
    one behind."""
    values = {value for host in hosts for value in host.secrets}
    for entry in buckets:
        keys = (entry.access_key_id, entry.secret_access_key, entry.session_token)
        values |= {key.get_secret_value() for key in keys if key is not None}
    return sorted((value for value in values if len(value) >= _REDACTED_LENGTH), key=len)[::-1]


def _refused(where: str, why: str) -> ConfigurationRefused:
    return ConfigurationRefused(f"{ENV_FETCH_CREDENTIALS_FILE}: {where}: {why}")
