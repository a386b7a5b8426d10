"""Stable Diffusion's UNets, from 1 to XL: sizes read from shapes, walked block by block in ComfyUI's numbering."""
