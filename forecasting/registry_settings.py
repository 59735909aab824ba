"""Where the registry of models is: a folder, or a bucket of an S3-compatible store."""

from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from forecasting.folder_store import FolderStore
from forecasting.registry import ModelRegistry
from runtime.secret_file import secret_of
from runtime.settings import RoomSettings, environment_name

SCHEME = "s3://"


class RegistrySettings(RoomSettings):
    """The settings of a room that uses the registry."""

    registry: str = Field(description="folder of the model registry, or s3://bucket/prefix")
    s3_endpoint: str | None = Field(
        default=None,
        description="address of an S3-compatible store, http(s)://host:port; Amazon's if not set",
    )
    s3_region: str = Field(default="us-east-1", description="region of the bucket")
    s3_access_key_id: str | None = Field(
        default=None, description="key id at the S3 store; without it the machine's own role at Amazon"
    )
    s3_secret_key_file: Path | None = Field(
        default=None, description="file with the secret key of that id, and nothing else"
    )
    s3_ca_file: Path | None = Field(
        default=None, description="PEM file of the CA of the S3 store's certificate; else the system's CAs"
    )

    @model_validator(mode="after")
    def _has_keys(self) -> Self:
        needs_keys = self.registry.startswith(SCHEME) and self.s3_endpoint is not None
        for field, other in (
            ("s3_access_key_id", "s3_secret_key_file"),
            ("s3_secret_key_file", "s3_access_key_id"),
        ):
            if getattr(self, field) is None and (needs_keys or getattr(self, other) is not None):
                raise ValueError(
                    f"{environment_name(type(self), field)} is not set "
                    f"({type(self).model_fields[field].description}). Set it in the environment"
                )
        return self


def opened_registry(settings: RegistrySettings, place: str | None = None) -> ModelRegistry:
    """The registry of the settings, or one at another place of the same kind of name.

    Nothing is asked of a store yet. Raises SettingsError where the file of the secret key is not there.
    """
    where = place if place is not None else settings.registry
    if not where.startswith(SCHEME):
        return ModelRegistry(FolderStore(Path(where)))
    from runtime.object_store import ObjectStore, ObjectStoreAccess  # noqa: PLC0415 - a folder needs no client

    bucket, _, prefix = where.removeprefix(SCHEME).strip("/").partition("/")
    access = ObjectStoreAccess(
        region=settings.s3_region,
        endpoint=settings.s3_endpoint,
        access_key_id=settings.s3_access_key_id,
        secret_key=_secret(settings) if settings.s3_secret_key_file is not None else None,
        ca_file=settings.s3_ca_file,
    )
    return ModelRegistry(ObjectStore(bucket, prefix, access))


def _secret(settings: RegistrySettings) -> str:
    return secret_of(settings, "s3_secret_key_file", "a file that holds the secret key of the S3 store")
