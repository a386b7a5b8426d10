"""Nodes that put batches of latents together and take them apart."""

from dataclasses import replace
from typing import Any

from studio_engine.graph.node import Node, Output, combo, integer, node, socket
from studio_engine.graph.sockets import Latent, NodeContext
from studio_engine.sampling.latent_batches import joined_batch, rebatched, repeated_batch, rows_from

_OUTPUTS = (Output("LATENT", tooltip="The latents of the new batch."),)


def _latents(tooltip: str) -> Any:
    return socket("LATENT", tooltip=tooltip)


@node(title="Latent From Batch", category="latent/batch", outputs=_OUTPUTS)
class LatentFromBatch(Node):
    """Takes some rows out of a batch; they are drawn as they would be in the whole batch."""

    samples: Latent = _latents("The batch.")
    batch_index: int = integer(default=0, min=0, max=63, tooltip="The first row to take, counted from 0.")
    length: int = integer(default=1, min=1, max=64, tooltip="How many rows to take.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (rows_from(self.samples, self.batch_index, self.length),)


@node(title="Repeat Latent Batch", category="latent/batch", outputs=_OUTPUTS)
class RepeatLatentBatch(Node):
    """Repeats a batch, to draw several pictures from the same latents."""

    samples: Latent = _latents("The batch.")
    amount: int = integer(default=1, min=1, max=64, tooltip="How often it is in the new batch.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (repeated_batch(self.samples, self.amount),)


@node(title="LatentBatch", category="latent/batch", outputs=_OUTPUTS, module="comfy_extras.nodes_latent")
class LatentBatch(Node):
    """Puts two batches into one."""

    samples1: Latent = _latents("The first rows, whose size counts.")
    samples2: Latent = _latents("The rows to add.")

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        return (joined_batch(self.samples1, self.samples2),)


@node(
    title="Rebatch Latents",
    category="latent/batch",
    outputs=(Output("LATENT", tooltip="The new batches.", is_list=True),),
    module="comfy_extras.nodes_rebatch",
    takes_lists=True,
)
class RebatchLatents(Node):
    """Puts the rows of several batches into batches of one size."""

    latents: list[Latent] = _latents("The batches.")
    batch_size: list[int] = integer(default=1, min=1, max=4096, tooltip="Rows of each new batch.")

    def run(self, ctx: NodeContext) -> tuple[list[Latent]]:
        return (rebatched(self.latents, self.batch_size[0]),)


@node(
    title="LatentBatchSeedBehavior",
    category="latent/advanced",
    outputs=(Output("LATENT", tooltip="The same latents."),),
    module="comfy_extras.nodes_latent",
)
class LatentBatchSeedBehavior(Node):
    """Says whether the rows of a batch get noise of their own or all the same."""

    samples: Latent = _latents("The batch.")
    seed_behavior: str = combo(
        ("random", "fixed"), default="fixed", tooltip="Fixed draws every row with the first row's noise."
    )

    def run(self, ctx: NodeContext) -> tuple[Latent]:
        if self.seed_behavior == "random":
            return (replace(self.samples, batch_index=None),)
        first = (self.samples.batch_index or (0,))[0]
        return (replace(self.samples, batch_index=(first,) * self.samples.samples.shape[0]),)
