"""Networks that look at pictures, and style models that turn what they see into tokens of a prompt."""
