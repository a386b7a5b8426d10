"""Puts the parts together; the only file that knows them all."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from studio_engine import __version__
from studio_engine.checkpoint.digest import DigestCache
from studio_engine.config import Config
from studio_engine.graph.cache import ResultCache
from studio_engine.graph.object_info import object_info
from studio_engine.lease import contract
from studio_engine.lease.client import LeaseClient, TokenRefusedError
from studio_engine.lease.loop import EngineLoop, EngineParts
from studio_engine.lease.run import LeaseRunner
from studio_engine.lease.spool import Spool
from studio_engine.lease.wire import engine_models
from studio_engine.models.inventory import Inventory, scan_models
from studio_engine.models.store import ModelStore
from studio_engine.nodes import NODES
from studio_engine.runtime.job import Engine
from studio_engine.runtime.memory import available_bytes
from studio_engine.runtime.plan import ComputePlan
from studio_engine.runtime.probe import choose_plan

log = logging.getLogger(__name__)

QUEUES: Final = ["default"]
EXIT_TOKEN: Final = 77
# The api, which shares the machine, answers first.
_NICENESS: Final = 5


def main(config: Config) -> int:
    """The exit status: 77 for a refused token."""
    logging.basicConfig(level=config.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("httpx2").setLevel(logging.WARNING)
    os.nice(max(0, _NICENESS - os.nice(0)))
    plan = choose_plan(config.threads, config.spool_dir / "probe.json")
    inventory = scan_models(config.starter_dir, config.models_dir, DigestCache(config.spool_dir / "digests.json"))
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
    store = ModelStore(inventory, plan, config.models_bytes or memory_bytes // 2)
    engine = Engine(NODES, inventory, store, ResultCache(config.cache_bytes))
    worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="compute")
    registration = contract.RegisterEngineRequest(
        name=config.name,
        version=__version__,
        device=plan.device_name,
        dtype=plan.dtype_name,
        memory_bytes=memory_bytes,
        queues=QUEUES,
        slots=1,
        node_catalogue=object_info(NODES, lambda folder: inventory.list_files(folder) or ()),
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
            run_job=LeaseRunner(engine, store),
            loaded_models=store.loaded_names,
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
