from pathlib import Path

import pytest

from studio_engine.config import ConfigError, read_config


def test_a_token_is_required() -> None:
    with pytest.raises(ConfigError, match="STUDIO_ENGINE_TOKEN"):
        read_config({})


def test_settings_come_from_the_environment() -> None:
    config = read_config({"STUDIO_ENGINE_TOKEN": "t", "STUDIO_HOME": "/data", "STUDIO_ENGINE_CACHE_MB": "2"})
    assert (config.models_dir, config.spool_dir) == (Path("/data/models"), Path("/data/engine"))
    assert (config.api_url, config.name, config.cache_bytes) == ("http://127.0.0.1:8188", "local-0", 2 * 1024 * 1024)


@pytest.mark.parametrize("value", ["0", "-1", "many", "1.5", "²"])
def test_a_wrong_number_is_named(value: str) -> None:
    with pytest.raises(ConfigError, match="STUDIO_ENGINE_THREADS"):
        read_config({"STUDIO_ENGINE_TOKEN": "t", "STUDIO_ENGINE_THREADS": value})
