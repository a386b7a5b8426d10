"""`python -m studio_engine`: registers with the api and runs jobs until it is told to stop."""

from __future__ import annotations

import sys

from studio_engine.runtime.start_settings import ensure_start_settings

if __name__ == "__main__":
    # Before torch is imported: importing it costs seconds that a second start would waste.
    ensure_start_settings()
    from studio_engine.process import main

    sys.exit(main())
