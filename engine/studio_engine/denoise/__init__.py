"""Denoise calls of several jobs, computed as one."""
