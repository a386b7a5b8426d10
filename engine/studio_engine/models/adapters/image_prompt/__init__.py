"""IP-Adapter (Ye et al. 2023): pictures as prompts, read by attention of their own beside the text's."""
