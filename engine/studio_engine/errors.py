"""The engine's share of the one table of error codes (`packages/contracts/src/errors.ts`).

A test compares code and sentence with that table, so both sides say the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

ErrorCode: TypeAlias = Literal[
    "job.cancelled",
    "job.deadline_exceeded",
    "job.lease_lost",
    "graph.invalid",
    "graph.cycle",
    "graph.unknown_node",
    "graph.no_output",
    "generate.unknown_sampler",
    "generate.unknown_scheduler",
    "blob.not_found",
    "blob.too_large",
    "blob.hash_mismatch",
    "model.file_missing",
    "model.file_corrupt",
    "model.family_unknown",
    "model.untrained",
    "engine.token_invalid",
    "engine.out_of_memory",
    "engine.node_failed",
    "engine.non_finite",
    "engine.internal",
]

DEFAULT_MESSAGES: Final[Mapping[ErrorCode, str]] = {
    "job.cancelled": "The job was cancelled.",
    "job.deadline_exceeded": "The job took longer than allowed; use fewer steps or a smaller size.",
    "job.lease_lost": "This attempt no longer holds the job; drop its results.",
    "graph.invalid": "The graph cannot run; correct the nodes listed in details.nodeErrors.",
    "graph.cycle": "The graph has a cycle; remove one of the links named in details.",
    "graph.unknown_node": "The graph uses a node that no engine knows; check class_type.",
    "graph.no_output": "The graph has no output node; add SaveImage or PreviewImage.",
    "generate.unknown_sampler": "There is no such sampler; choose one of those listed in details.",
    "generate.unknown_scheduler": "There is no such scheduler; choose one of those listed in details.",
    "blob.not_found": "The file no longer exists.",
    "blob.too_large": "The file is larger than allowed.",
    "blob.hash_mismatch": "The bytes do not match the announced SHA-256; upload them again.",
    "model.file_missing": "The model file is not on the engine; put it into the models folder and restart.",
    "model.file_corrupt": "The model file is damaged or not a safetensors file; download it again.",
    "model.family_unknown": "The file is of a model family that this engine cannot run; "
    "use one of SD 1.x, SD 2.x, SDXL, SD 3 or Flux.",
    "model.untrained": "The model file holds no trained weights; train or download it first.",
    "engine.token_invalid": "The engine token is wrong; give the engine the token of this installation.",
    "engine.out_of_memory": "The engine ran out of memory; use a smaller size or fewer pictures at once.",
    "engine.node_failed": "A node failed; details name it and say why.",
    "engine.non_finite": "The picture became invalid numbers (NaN); lower CFG or choose another sampler.",
    "engine.internal": "The engine failed unexpectedly; the engine log has the details.",
}

ERROR_CODES: Final[tuple[ErrorCode, ...]] = get_args(ErrorCode)


class EngineError(Exception):
    """A coded failure with one sentence that says what happened and what to do.

    `details` holds JSON values only, in the wire's camelCase. `node_id` and `node_class` name the
    graph node that failed; the executor fills them in, a node does not.
    """

    def __init__(
        self,
        code: ErrorCode,
        message: str | None = None,
        *,
        details: Mapping[str, object] | None = None,
        node_id: str | None = None,
        node_class: str | None = None,
    ) -> None:
        self.code: ErrorCode = code
        self.message = message or DEFAULT_MESSAGES[code]
        self.details: dict[str, object] = dict(details or {})
        self.node_id = node_id
        self.node_class = node_class
        super().__init__(f"{code}: {self.message}")

    def at_node(self, node_id: str, node_class: str) -> EngineError:
        """The same error, naming the node at which it happened (the innermost name wins)."""
        return EngineError(
            self.code,
            self.message,
            details=self.details,
            node_id=self.node_id or node_id,
            node_class=self.node_class or node_class,
        )
