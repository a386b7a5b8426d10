"""Pictures and masks as tensors: pure functions that nodes call. They know no files, no jobs and no models."""
