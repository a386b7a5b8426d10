"""Regular expressions that people write: run where they can harm nobody."""
