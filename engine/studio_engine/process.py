"""Puts the parts together; the only file that knows them all."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from studio_engine import __version__
from studio_engine.checkpoint.digest import DigestCache
from studio_engine.config import Config
from studio_engine.denoise.batcher import Batcher
from studio_engine.graph.cache import ResultCache
from studio_engine.jobs.run import Engine
from studio_engine.lease import contract
from studio_engine.lease.client import LeaseClient, TokenRefusedError
from studio_engine.lease.loop import EngineLoop, EngineParts
from studio_engine.lease.run import LeaseRunner
from studio_engine.lease.spool import Spool
from studio_engine.lease.wire import engine_models, node_catalogue
from studio_engine.models.inventory import Inventory, make_folders, scan_models
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.free_memory import available_bytes
from studio_engine.runtime.memory import HOST, pool_of
from studio_engine.runtime.plan import ComputePlan
from studio_engine.runtime.probe import choose_plan

log = logging.getLogger(__name__)

QUEUES: Final = ["default"]
EXIT_TOKEN: Final = 77
# The api, which shares the machine, answers first.
_NICENESS: Final = 5
# Of memory: what a job of 512² keeps and computes with besides the models.
_BYTES_PER_SLOT: Final = 2 * 2**30
_MAX_SLOTS: Final = 8


def main(config: Config) -> int:
    """The exit status: 77 for a refused token."""
    logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    os.nice(max(0, _NICENESS - os.nice(0)))
    plan = choose_plan(config.threads, config.spool_dir / "probe.json")
    make_folders(config.models_dir)
    inventory = scan_models(config.starter_dir, config.models_dir, DigestCache(config.spool_dir / "digests.json"))
    # What is here at the start stays: searching it for garbage takes 50 ms, in the middle of a graph of 1,000 nodes.
    gc.collect()
    gc.freeze()
    try:
        asyncio.run(_serve(config, plan, inventory))
    except TokenRefusedError as refusal:
        log.critical("The api refused the engine token (%s); set STUDIO_ENGINE_TOKEN to the installation's.", refusal)
        return EXIT_TOKEN
    finally:
        logging.shutdown()
    # A step that still runs would hold the process; its job was handed back.
    sys.stdout.flush()
    os._exit(0)


async def _serve(config: Config, plan: ComputePlan, inventory: Inventory) -> None:
    memory_bytes = available_bytes(plan.device)
    batcher = Batcher(pool_of(plan.device).relieve)
    store = ModelStore(inventory, plan, config.models_bytes or memory_bytes // 2, batcher)
    engine = Engine(NODES, inventory, store, ResultCache(config.cache_bytes))
    _share_memory(config, plan, engine=engine, store=store)
    slots = config.slots or default_slots(memory_bytes)
    worker = ThreadPoolExecutor(max_workers=slots, thread_name_prefix="compute")
    registration = contract.RegisterEngineRequest(
        name=config.name,
        version=__version__,
        device=plan.device_name,
        dtype=plan.dtype_name,
        memory_bytes=memory_bytes,
        queues=QUEUES,
        slots=slots,
        node_catalogue=node_catalogue(NODES, lambda folder: inventory.list_files(folder) or ()),
        models=engine_models(inventory),
        held_jobs=[],
    )
    client = LeaseClient(config.api_url, config.token)
    loop = EngineLoop(
        EngineParts(
            client=client,
            spool=Spool(config.spool_dir),
            worker=worker,
            registration=registration,
            run_job=LeaseRunner(engine, batcher, pool_of(plan.device)),
            loaded_models=store.loaded_names,
            room=batcher.room,
        )
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, loop.stop)
    worker.submit(store.warm_up)
    try:
        await loop.run()
    finally:
        await client.close()
        worker.shutdown(wait=False, cancel_futures=True)


def default_slots(memory_bytes: int) -> int:
    return max(1, min(_MAX_SLOTS, memory_bytes // _BYTES_PER_SLOT))


def _share_memory(config: Config, plan: ComputePlan, *, engine: Engine, store: ModelStore) -> None:
    """Says who can give memory back: results lie in main memory and are made again sooner than models are loaded."""
    pool_of(HOST).budget_bytes = config.memory_bytes
    pool_of(HOST).add_keeper(engine.cache)
    if plan.device.type != HOST.type:
        pool_of(plan.device).budget_bytes = config.device_bytes
    pool_of(plan.device).add_keeper(store.loaded)
