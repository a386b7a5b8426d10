import torch
from hypothesis import settings

# Two-core machines run the tests beside other work; one thread also keeps sums in one order.
torch.set_num_threads(1)
# A slow machine must not fail a test; the examples are what counts.
settings.register_profile("studio", deadline=None, max_examples=60)
settings.load_profile("studio")
