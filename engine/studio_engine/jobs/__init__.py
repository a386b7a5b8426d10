"""One job: its graph run with what it was given, what it tells meanwhile, and what it hands out."""
