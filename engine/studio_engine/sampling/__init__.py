"""Pure tensor functions of diffusion sampling: sigmas, noise, samplers, guidance."""
