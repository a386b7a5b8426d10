"""Nodes that make hooks: changes of a model that hold for single prompts."""

from collections.abc import Mapping
from typing import Any, Final

from studio_engine.graph.node import Node, Output, boolean, by_name, file_combo, node, number, socket
from studio_engine.graph.sockets import NodeContext, TextEncoder
from studio_engine.models.prompt_changes import CheckpointChange, HookedText, LoraChange
from studio_engine.sampling.prompt_hooks import PromptHook

MODULE: Final = "comfy_extras.nodes_hooks"
Hooks = tuple[PromptHook, ...]

_HOOKS = (Output("HOOKS", tooltip="The hooks."),)


def hooks_input(tooltip: str = "The hooks to add to.") -> Any:
    return socket("HOOKS", tooltip=tooltip, optional=True)


def _strength(tooltip: str = "How much to change the model; below 0 inverts.") -> Any:
    return number(default=1.0, min=-20.0, max=20.0, step=0.01, tooltip=tooltip)


def _many(count: int) -> Any:
    return by_name([f"hooks_{letter}" for letter in "ABCDEFGH"[:count]], hooks_input("Hooks to put together."))


@node(
    title="Create Hook LoRA",
    category="advanced/hooks/create",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CreateHookLora(Node):
    """A LoRA for the prompts that get this hook, and for none else."""

    lora_name: str = file_combo("loras", tooltip="The LoRA file.")
    strength_model: float = _strength()
    strength_clip: float = _strength("How much to change the text encoder that Set CLIP Hooks gives it to.")
    prev_hooks: Hooks | None = hooks_input()

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        change = LoraChange(ctx.models.find("lora", self.lora_name))
        return ((*(self.prev_hooks or ()), PromptHook(change, self.strength_model, self.strength_clip)),)


@node(
    title="Create Hook LoRA (MO)",
    category="advanced/hooks/create",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CreateHookLoraModelOnly(Node):
    """A LoRA for the prompts that get this hook, and for none else."""

    lora_name: str = file_combo("loras", tooltip="The LoRA file.")
    strength_model: float = _strength()
    prev_hooks: Hooks | None = hooks_input()

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        change = LoraChange(ctx.models.find("lora", self.lora_name))
        return ((*(self.prev_hooks or ()), PromptHook(change, self.strength_model)),)


@node(
    title="Create Hook Model as LoRA",
    category="advanced/hooks/create",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CreateHookModelAsLora(Node):
    """Another checkpoint of the same family for the prompts that get this hook, and for none else."""

    ckpt_name: str = file_combo("checkpoints", tooltip="The checkpoint file.")
    strength_model: float = _strength()
    strength_clip: float = _strength("How much to change the text encoder that Set CLIP Hooks gives it to.")
    prev_hooks: Hooks | None = hooks_input()

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        hook = PromptHook(_checkpoint(ctx, self.ckpt_name), self.strength_model, self.strength_clip)
        return ((*(self.prev_hooks or ()), hook),)


@node(
    title="Create Hook Model as LoRA (MO)",
    category="advanced/hooks/create",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CreateHookModelAsLoraModelOnly(Node):
    """Another checkpoint of the same family for the prompts that get this hook, and for none else."""

    ckpt_name: str = file_combo("checkpoints", tooltip="The checkpoint file.")
    strength_model: float = _strength()
    prev_hooks: Hooks | None = hooks_input()

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        hook = PromptHook(_checkpoint(ctx, self.ckpt_name), self.strength_model)
        return ((*(self.prev_hooks or ()), hook),)


@node(
    title="Combine Hooks [2]",
    category="advanced/hooks/combine",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CombineHooks2(Node):
    """Puts hooks together."""

    hooks: dict[str, Hooks | None] = _many(2)

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        return (_joined(self.hooks),)


@node(
    title="Combine Hooks [4]",
    category="advanced/hooks/combine",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CombineHooks4(Node):
    """Puts hooks together."""

    hooks: dict[str, Hooks | None] = _many(4)

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        return (_joined(self.hooks),)


@node(
    title="Combine Hooks [8]",
    category="advanced/hooks/combine",
    outputs=_HOOKS,
    module=MODULE,
    is_experimental=True,
)
class CombineHooks8(Node):
    """Puts hooks together."""

    hooks: dict[str, Hooks | None] = _many(8)

    def run(self, ctx: NodeContext) -> tuple[Hooks]:
        return (_joined(self.hooks),)


@node(
    title="Set CLIP Hooks",
    category="advanced/hooks/clip",
    outputs=(Output("CLIP", tooltip="The text encoder with its hooks."),),
    module=MODULE,
    is_experimental=True,
)
class SetClipHooks(Node):
    """Lets hooks change a text encoder, and the model for all prompts that it encodes."""

    clip: TextEncoder = socket("CLIP", tooltip="The text encoder.")
    apply_to_conds: bool = boolean(default=True, tooltip="Give the hooks to its prompts, for the model.")
    schedule_clip: bool = boolean(default=False, tooltip="Encode anew for every keyframe of the hooks.")
    hooks: Hooks | None = hooks_input("The hooks.")

    def run(self, ctx: NodeContext) -> tuple[TextEncoder]:
        if not self.hooks:
            return (self.clip,)
        hooked = HookedText(self.clip, self.hooks, is_for_model=self.apply_to_conds, is_scheduled=self.schedule_clip)
        return (hooked,)


def _joined(hooks: Mapping[str, Hooks | None]) -> Hooks:
    return tuple(hook for each in hooks.values() for hook in each or ())


def _checkpoint(ctx: NodeContext, name: str) -> CheckpointChange:
    model, clip, _ = ctx.models.checkpoint(name)
    return CheckpointChange(model, clip)
