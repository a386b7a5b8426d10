"""Memory: what is free, who can give some back, and what a failed allocation means."""

from __future__ import annotations

import gc
import logging
import re
from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import torch

from studio_engine.errors import EngineError
from studio_engine.runtime.free_memory import available_bytes, return_freed

log = logging.getLogger(__name__)
T = TypeVar("T")

_ADVICE = "use a smaller size or fewer pictures at once."
# Asking the kernel costs 50 µs; not worth it for what every machine has.
_ALWAYS_FITS_BYTES = 64 * 1024 * 1024
# Of an accelerator's memory. The rest is for activations: 512² of Stable Diffusion 1.5 takes 0.3 GB for a pair of rows.
_WEIGHTS_SHARE: Final = 0.75
_FAILED_ALLOCATION = re.compile(r"can't allocate memory|out of memory|DefaultCPUAllocator|bad_alloc", re.IGNORECASE)
HOST: Final = torch.device("cpu")


class Keeper(Protocol):
    """Holds what can be made again: results, models."""

    @property
    def size_bytes(self) -> int: ...

    def evict(self, wanted_bytes: int) -> int:
        """Lets go of at least this much where it holds as much, least recently used first; gives the bytes let go."""
        ...


class MemoryPool:
    """One kind of memory, the host's or an accelerator's, and those who keep things in it. For any thread."""

    def __init__(
        self,
        device: torch.device,
        budget_bytes: int | None = None,
        free_now: Callable[[torch.device], int] = available_bytes,
    ) -> None:
        self.device = device
        self.budget_bytes = budget_bytes
        """Of what is kept and what is computed with; None = whatever is free."""
        self._free_now = free_now
        self._keepers: list[Keeper] = []

    def add_keeper(self, keeper: Keeper) -> None:
        """Those that are cheapest to fill again come first: they are asked first."""
        self._keepers.append(keeper)

    @property
    def kept_bytes(self) -> int:
        return sum(keeper.size_bytes for keeper in self._keepers)

    def make_room(self, needed_bytes: int) -> None:
        """Evicts until so much can be allocated. Raises `engine.out_of_memory` where it cannot.

        Without this the kernel would end the whole engine, not one job.
        """
        if needed_bytes < _ALWAYS_FITS_BYTES:
            return
        if needed_bytes <= self._free():
            return
        self._return_freed()
        missing = needed_bytes - self._free()
        if missing <= 0:
            return
        for keeper in self._keepers:
            if missing > 0:
                missing -= keeper.evict(missing)
        self._settle()
        free = self._free()
        if needed_bytes > free:
            raise EngineError(
                "engine.out_of_memory",
                f"This needs about {needed_bytes / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free; {_ADVICE}",
            )

    def room_for_weights(self, needed_bytes: int) -> int:
        """Makes room for a model's weights and gives how many of their bytes may lie here.

        All of them in main memory, where `engine.out_of_memory` is raised instead; an accelerator keeps a share free
        to compute with, and what does not fit stays on the host.
        """
        if self.device.type == HOST.type:
            granted = needed_bytes
        else:
            granted = min(needed_bytes, int(_WEIGHTS_SHARE * (self._free() + self.kept_bytes)))
        self.make_room(granted)
        return granted

    def relieve(self) -> None:
        """After an allocation failed: lets go of all that can be made again."""
        freed = sum(keeper.evict(keeper.size_bytes) for keeper in self._keepers)
        self._settle()
        log.warning("memory ran out on %s: %.1f GB of kept results and models were dropped", self.device, freed / 1e9)

    def first_that_fits(self, whole: Callable[[], T], in_parts: Callable[[], T]) -> T:
        """`whole`, or with everything evicted `in_parts` where its allocation fails; that failure is the caller's."""
        try:
            return whole()
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        # Only here is the failed computation's traceback gone, and with it what it had allocated.
        self.relieve()
        return in_parts()

    def _free(self) -> int:
        free = self._free_now(self.device)
        return free if self.budget_bytes is None else min(free, self.budget_bytes - self.kept_bytes)

    def _settle(self) -> None:
        """Also finds what only refers to itself; takes half a second."""
        gc.collect()
        self._return_freed()

    def _return_freed(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        else:
            return_freed()


_pools: Final[dict[str, MemoryPool]] = {}


def pool_of(device: torch.device) -> MemoryPool:
    """The process's own: memory is one, however many engines are built in it."""
    return _pools.setdefault(device.type, MemoryPool(device))


def check_fits(needed_bytes: int, device: torch.device) -> None:
    """Makes room on the device. Raises `engine.out_of_memory` where it cannot."""
    pool_of(device).make_room(needed_bytes)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an allocation failed, or was refused because it would."""
    if isinstance(error, EngineError):
        return error.code == "engine.out_of_memory"
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _FAILED_ALLOCATION.search(str(error)) is not None


def as_out_of_memory(error: BaseException) -> EngineError | None:
    """The coded error for a failed allocation; None for any other failure."""
    if isinstance(error, EngineError) or not is_out_of_memory(error):
        return None
    return EngineError("engine.out_of_memory")
