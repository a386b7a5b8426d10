"""`python -m studio_engine`: registers with the api and runs jobs until it is told to stop.

Exit status 78: a setting is wrong; 77: the api refused the token. Neither gets better by starting again.
"""

from __future__ import annotations

import sys

from studio_engine.config import ConfigError, read_config
from studio_engine.runtime.start_settings import ensure_start_settings

EXIT_CONFIG = 78


def start() -> int:
    try:
        config = read_config()
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    ensure_start_settings()
    # Torch takes seconds to import: not before a wrong setting is told, and not twice.
    from studio_engine.process import main

    return main(config)


if __name__ == "__main__":
    sys.exit(start())
