"""Model files as bytes: safetensors and PyTorch's archives, read without running anything that they carry."""
