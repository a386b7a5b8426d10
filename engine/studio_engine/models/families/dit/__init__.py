"""Transformers that denoise tokens of a picture: Stable Diffusion 3 and Flux, walked block by block."""
