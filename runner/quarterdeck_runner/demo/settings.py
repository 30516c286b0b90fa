"""Settings of the demo."""

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class DemoSettings(BaseSettings):
    """What the demo talks to; flag over environment over default."""

    model_config = SettingsConfigDict(
        env_prefix="QUARTERDECK_", cli_kebab_case=True, cli_implicit_flags=True, cli_prog_name="quarterdeck demo"
    )

    once: bool = Field(default=False, description="run every example once and end")
    runner_url: str = Field(default="http://127.0.0.1:8700", description="base URL of the runner")
    endpoint: str = Field(default="http://127.0.0.1:4318", description="base URL of the collector")
