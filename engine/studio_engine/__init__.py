"""The engine of AI Studio: pulls jobs, runs their graphs with PyTorch, hands back pictures."""

__version__ = "0.1.0"
