"""Autoencoders between pictures and latents: whole, in tiles, and small ones for previews."""
