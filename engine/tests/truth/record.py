"""Records the pictures that `test_pictures` compares with."""

import tempfile
from pathlib import Path

import numpy as np
import torch

from tests.truth.cases import CASES
from tests.truth.studio import Studio, thumbnail
from tests.truth.test_pictures import RECORDED


def main() -> None:
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        studio = Studio(Path(folder))
        drawn = {name: thumbnail(studio.pixels(case(studio))) for name, case in CASES.items()}
        np.savez_compressed(RECORDED, **drawn)


if __name__ == "__main__":
    main()
