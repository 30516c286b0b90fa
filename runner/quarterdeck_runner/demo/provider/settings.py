"""Settings of the provider stand-in."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class StandInSettings(BaseSettings):
    """Where the stand-in listens and how fast it answers; flag over environment over default."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_STAND_IN_", cli_kebab_case=True, cli_prog_name="provider stand-in"
    )

    host: str = Field(default="127.0.0.1", description="address to listen on")
    port: int = Field(default=8790, ge=0, le=65535, description="port to listen on; 0 takes a free one")
    tokens_per_second: float = Field(default=45.0, gt=0, description="speed of a computed answer")
    ttft: float = Field(default=0.35, ge=0, description="seconds before the first piece of a computed answer")
