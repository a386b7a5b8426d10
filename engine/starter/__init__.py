"""Recipe of the starter model: a small text-to-image model in Stable Diffusion 1's shape."""
