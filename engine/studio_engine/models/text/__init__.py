"""Prompts to conditioning: ComfyUI's syntax, tokenizers, CLIP and T5, and which of them a family reads."""
