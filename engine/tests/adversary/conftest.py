from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.adversary.bad_files import fill_folder
from tests.adversary.studio import Studio


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_folder(tmp_path_factory.mktemp("adversary"))


@pytest.fixture(scope="session")
def studio(models: Path) -> Studio:
    """Shared on purpose: what one bad job leaves behind meets all that follow."""
    torch.set_num_threads(1)
    return Studio(models)


@pytest.fixture(autouse=True)
def sound(studio: Studio) -> Iterator[None]:
    """After every test of bad input the engine draws what a fresh one draws."""
    yield
    studio.is_sound()


@pytest.fixture(scope="module", autouse=True)
def sound_anew(studio: Studio) -> Iterator[None]:
    """After every file of tests also with nothing kept."""
    yield
    studio.is_sound_anew()
