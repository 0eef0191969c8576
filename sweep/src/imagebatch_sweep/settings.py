"""The sweeper's settings, each from one environment variable ``IMAGEBATCH_<FIELD>``."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from imagebatch_core.environment import EnvironmentSettings, LogFormat, LogLevel, Namespace

from .rules import Limits

#: Up to ten years.
_Minutes = Annotated[float, Field(ge=0, le=5_256_000)]
_Hours = Annotated[float, Field(ge=0, le=87_600)]
_Days = Annotated[float, Field(ge=0, le=3650)]


class Settings(EnvironmentSettings):
    """The settings of one run, which sweeps one namespace."""

    store: str = Field(min_length=1, description="s3://bucket[/prefix].")
    namespace: Namespace = Field(description="Only what lies below its name is read and removed.")
    sweep_deleted_minutes: _Minutes = Field(
        60,
        description="For so long a batch with deletionPolicy Delete must have been gone before its "
        "objects are removed. Protects what pods still write, and a cluster that is being "
        "restored.",
    )
    sweep_uploads_hours: _Hours = Field(
        24, description="For so long no ImageBatch must have named an upload before it is removed."
    )
    sweep_sources_days: _Days = Field(
        7, description="Age at which the kept sources of a batch's sample are removed."
    )
    sweep_history_days: _Days = Field(
        365,
        description="Age at which the record of a request goes whose ImageBatch is gone. It is not "
        "found after that; the objects of its batch stay.",
    )
    sweep_unfinished_hours: _Hours = Field(
        24, description="Age at which a multipart upload that nobody completed is aborted."
    )
    log_level: LogLevel = Field("info", description="Least severe level that is logged.")
    log_format: LogFormat = Field(
        "json", description="One line an event: JSON, or text for people."
    )

    @property
    def limits(self) -> Limits:
        return Limits(
            deleted=timedelta(minutes=self.sweep_deleted_minutes),
            uploads=timedelta(hours=self.sweep_uploads_hours),
            sources=timedelta(days=self.sweep_sources_days),
            history=timedelta(days=self.sweep_history_days),
            unfinished=timedelta(hours=self.sweep_unfinished_hours),
        )
