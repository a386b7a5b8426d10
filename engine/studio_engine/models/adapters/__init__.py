"""What changes a model by a second file: LoRA and its kin, hypernetworks, pictures as prompts."""
