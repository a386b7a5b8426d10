"""Runs single nodes on a model whose answers are known."""

from studio_engine.nodes import NODES


class Quiet:
    """A NodeContext that keeps what it is told."""

    def __init__(self, models=None):
        self.models = models
        self.steps = []
        self.previews = []

    def check_cancelled(self):
        pass

    def progress(self, step, steps):
        self.steps.append((step, steps))

    def preview(self, latents, model):
        self.previews.append(latents)


def run(name, ctx=None, /, **inputs):
    """The outputs; unnamed inputs have their defaults, or the first choice."""
    cls = NODES[name]
    defaults = {
        field: spec.settings.get("default", spec.options[0] if spec.options else None)
        for field, spec in cls.spec.inputs.items()
        if spec.is_required and field not in inputs
    }
    return cls(**defaults, **inputs).run(ctx or Quiet())


def one(name, ctx=None, /, **inputs):
    (output,) = run(name, ctx, **inputs)
    return output
