"""Networks that enlarge pictures, by the layouts that their files come in."""
