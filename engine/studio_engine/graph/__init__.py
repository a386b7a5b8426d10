"""Graphs in ComfyUI's API format: parse, validate, plan (all pure) and execute."""
