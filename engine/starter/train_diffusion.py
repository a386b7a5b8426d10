"""Trains text encoder and UNet jointly: noise prediction on SD1's schedule, truncated SNR weighting, averaged weights.

On a CPU two single-threaded workers train on their own batches and average their weights every few steps: one process
with two threads is slower (measured: 38 against 48 examples a second) and stalls whenever another program takes a core.
"""

import json
import multiprocessing
import time
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.distributed as dist
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - the field's name for it

from .device import autocast, choose_device, place
from .latents import LatentSet, load_latents
from .models import TRAIN_STEPS, Widths, alphas_cumprod, build_text_encoder, build_unet
from .tokenizer import CONTEXT_TOKENS, Tokenizer

# Captions fit in 24 tokens. Most of the run encodes those and repeats the last, padded state up to 77 (the text encoder
# costs as much as the UNet at 77); the rest of the run sees all 77, as the finished model will.
SHORT_CONTEXT = 24
FULL_CONTEXT_FROM = 0.8
EMPTY_CAPTION_SHARE = 0.1
# Bounds of the weight that an error in the predicted picture has. Without the lower one (plain min-SNR) the high noise
# levels, where the text decides what is painted, hardly count: after 50,000 examples the prompt was ignored there.
SNR_WEIGHT_BOUNDS = (0.5, 5.0)
AVERAGE_EVERY_STEPS = 8
SAVE_EVERY_SECONDS = 180.0


@dataclass(frozen=True)
class Plan:
    """One diffusion run. minutes counts all resumed runs together."""

    folder: Path
    minutes: float
    widths: Widths
    batch: int = 16
    learning_rate: float = 5e-4
    workers: int = 2


@dataclass
class Progress:
    """Where the run stands; kept beside the weights so that a run resumes."""

    step: int = 0
    examples: int = 0
    seconds: float = 0.0


class Captions:
    """Token numbers of every caption, renumbered to those that occur: the full embedding's gradient would cost most."""

    def __init__(self, captions: list[str]) -> None:
        tokenizer = Tokenizer()
        numbers = torch.tensor([tokenizer.encode(caption) for caption in [*captions, ""]])
        if bool((numbers[:, SHORT_CONTEXT - 1] != numbers[:, -1]).any()):
            raise ValueError(f"a caption is longer than {SHORT_CONTEXT} tokens")
        self.vocabulary, flat = torch.unique(numbers, return_inverse=True)
        self.tokens = flat[:-1]
        self.empty = flat[-1]


class Pair(nn.Module):
    """The two networks that train together."""

    def __init__(self, widths: Widths, vocabulary: int) -> None:
        super().__init__()
        self.text = build_text_encoder(widths, vocabulary)
        self.unet = build_unet(widths)

    def forward(self, noisy: Tensor, timesteps: Tensor, tokens: Tensor) -> Tensor:
        """noisy: [n, 4, h, w]; timesteps: [n]; tokens: [n, 24 or 77] -> predicted noise like noisy."""
        states = self.text(tokens).last_hidden_state
        padding = states[:, -1:].expand(-1, CONTEXT_TOKENS - states.shape[1], -1)
        predicted: Tensor = self.unet(noisy, timesteps, torch.cat([states, padding], 1)).sample
        return predicted

    def tie_late_positions(self) -> None:
        """Positions that short training never saw start as the last one that it saw."""
        positions = self.text.get_submodule("embeddings.position_embedding").get_parameter("weight")
        with torch.no_grad():
            positions[SHORT_CONTEXT:] = positions[SHORT_CONTEXT - 1]


class Trainer:
    """One worker: weights, averaged weights, optimizer and the state file they resume from."""

    def __init__(self, plan: Plan, data: LatentSet, rank: int) -> None:
        self.plan, self.rank = plan, rank
        self.device = choose_device()
        self.captions = Captions(data.captions)
        self.latents = data.latents
        self.pair = Pair(plan.widths, len(self.captions.vocabulary))
        place(self.pair, self.device)
        self.average = {key: value.detach().clone() for key, value in self.pair.named_parameters()}
        self.optimizer = torch.optim.AdamW(
            self.pair.parameters(), plan.learning_rate, betas=(0.9, 0.99), weight_decay=1e-2, fused=True
        )
        self.progress = Progress()
        self.alphas = alphas_cumprod().to(self.device)
        self.is_full_context = False
        if (plan.folder / "state.json").exists():
            self._resume()

    def share_done(self, running_s: float) -> float:
        return min(1.0, (self.progress.seconds + running_s) / 60 / self.plan.minutes)

    def learn(self, share: float) -> float:
        """One optimizer step; `share` of the run is done. Returns the loss."""
        if share >= FULL_CONTEXT_FROM and not self.is_full_context:
            self.pair.tie_late_positions()
            self.is_full_context = True
        self._set_learning_rate(share)
        clean, tokens = self._draw()
        count = clean.shape[0]
        # Stratified: every batch covers the whole schedule.
        strata = torch.arange(count, device=self.device) + torch.rand(count, device=self.device)
        timesteps = (strata / count * TRAIN_STEPS).long()
        noise = torch.randn_like(clean)
        alpha = self.alphas[timesteps].view(-1, 1, 1, 1)
        noisy = alpha.sqrt() * clean + (1 - alpha).sqrt() * noise
        with autocast(self.device):
            predicted = self.pair(noisy.contiguous(memory_format=torch.channels_last), timesteps, tokens)
        snr = (alpha / (1 - alpha)).flatten()
        weight = snr.clamp(*SNR_WEIGHT_BOUNDS) / snr
        loss = (weight * F.mse_loss(predicted.float(), noise, reduction="none").mean((1, 2, 3))).mean()
        self.optimizer.zero_grad()
        torch.autograd.backward(loss)
        nn.utils.clip_grad_norm_(self.pair.parameters(), 1.0)
        self.optimizer.step()
        self.progress.step += 1
        self.progress.examples += count * self.plan.workers
        self._average()
        return float(loss.detach())

    def _draw(self) -> tuple[Tensor, Tensor]:
        """clean: [batch, 4, h, w], tokens: [batch, context]; some captions are emptied for classifier-free guidance."""
        context = CONTEXT_TOKENS if self.is_full_context else SHORT_CONTEXT
        rows = torch.randint(0, len(self.latents), (self.plan.batch,))
        tokens = self.captions.tokens[rows].clone()
        tokens[torch.rand(self.plan.batch) < EMPTY_CAPTION_SHARE] = self.captions.empty
        return self.latents[rows].to(self.device), tokens[:, :context].to(self.device)

    def _set_learning_rate(self, share: float) -> None:
        warm = min(1.0, (self.progress.step + 1) / 200)
        cool = min(1.0, max(0.03, (1 - share) / 0.3))
        for group in self.optimizer.param_groups:
            group["lr"] = self.plan.learning_rate * warm * cool

    def _average(self) -> None:
        parameters = dict(self.pair.named_parameters())
        if self.plan.workers > 1 and self.progress.step % AVERAGE_EVERY_STEPS == 0:
            flat = torch.cat([value.detach().flatten() for value in parameters.values()])
            dist.all_reduce(flat)
            pieces = torch.split(flat / self.plan.workers, [value.numel() for value in parameters.values()])
            with torch.no_grad():
                for value, piece in zip(parameters.values(), pieces, strict=True):
                    value.copy_(piece.view_as(value))
        decay = min(0.998, (1 + self.progress.step) / (10 + self.progress.step))
        torch._foreach_lerp_(list(self.average.values()), [value.detach() for value in parameters.values()], 1 - decay)

    def save(self, running_s: float) -> None:
        """Weights and optimizer as safetensors, progress as json; renamed into place: a kill leaves a whole state."""
        if self.rank != 0:
            return
        names = [name for name, _ in self.pair.named_parameters()]
        tensors = {f"live.{name}": value.detach() for name, value in self.pair.named_parameters()}
        tensors |= {f"average.{name}": value for name, value in self.average.items()}
        for number, moments in self.optimizer.state_dict()["state"].items():
            tensors |= {f"{moment}.{names[number]}": moments[moment] for moment in ("exp_avg", "exp_avg_sq")}
        tensors["vocabulary"] = self.captions.vocabulary
        partial = self.plan.folder / "state.partial"
        save_file({key: value.contiguous() for key, value in tensors.items()}, partial)
        partial.rename(self.plan.folder / "state.safetensors")
        record = {
            "step": self.progress.step,
            "examples": self.progress.examples,
            "seconds": self.progress.seconds + running_s,
            "is_full_context": self.is_full_context,
        }
        (self.plan.folder / "state.json").write_text(json.dumps(record))

    def _resume(self) -> None:
        tensors = load_file(self.plan.folder / "state.safetensors")
        if not torch.equal(tensors["vocabulary"], self.captions.vocabulary):
            raise ValueError("the captions changed since this run began: start in an empty folder")
        record = json.loads((self.plan.folder / "state.json").read_text())
        self.progress = Progress(record["step"], record["examples"], record["seconds"])
        self.is_full_context = record["is_full_context"]
        for name, value in self.pair.named_parameters():
            value.data.copy_(tensors[f"live.{name}"])
            self.average[name].copy_(tensors[f"average.{name}"])
            self.optimizer.state[value] = {
                "step": torch.tensor(float(self.progress.step)),
                "exp_avg": tensors[f"exp_avg.{name}"].to(self.device),
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(self.device),
            }


def _work(rank: int, plan: Plan) -> None:
    torch.manual_seed(1000 * int(time.time()) + rank)
    if plan.workers > 1:
        torch.set_num_threads(1)
        meeting = f"file://{(plan.folder / 'rendezvous').resolve()}"
        dist.init_process_group("gloo", init_method=meeting, rank=rank, world_size=plan.workers)
    trainer = Trainer(plan, load_latents(plan.folder), rank)
    started = time.monotonic()
    saved, smooth = 0.0, 0.0
    # Rank 0's clock decides for all, or one worker would wait for another that has stopped.
    while (share := _agree(trainer.share_done(time.monotonic() - started), plan)) < 1:
        for _ in range(AVERAGE_EVERY_STEPS):
            loss = trainer.learn(share)
            smooth = loss if smooth == 0 else 0.99 * smooth + 0.01 * loss
        running_s = time.monotonic() - started
        if running_s - saved > SAVE_EVERY_SECONDS:
            saved = running_s
            trainer.save(running_s)
            _report(trainer, running_s, smooth)
    trainer.save(time.monotonic() - started)


def _agree(share: float, plan: Plan) -> float:
    if plan.workers == 1:
        return share
    agreed = torch.tensor(share)
    dist.broadcast(agreed, 0)
    return float(agreed)


def _report(trainer: Trainer, running_s: float, loss: float) -> None:
    if trainer.rank == 0:
        done = trainer.progress
        minutes = (done.seconds + running_s) / 60
        print(f"{minutes:.1f} min, step {done.step}, {done.examples} examples, loss {loss:.4f}", flush=True)  # noqa: T201


def train_diffusion(plan: Plan) -> None:
    """Trains until `plan.minutes` are used up, from the saved state if there is one."""
    (plan.folder / "rendezvous").unlink(missing_ok=True)
    if plan.workers == 1:
        _work(0, plan)
    else:
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=_work, args=(rank, plan)) for rank in range(plan.workers)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        if any(worker.exitcode for worker in workers):
            raise RuntimeError("a training worker failed; its message is above")
