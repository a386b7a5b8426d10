"""The machine under the engine: devices, memory, measured plans, and pictures as bytes."""
