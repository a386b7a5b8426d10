"""Which calls are spared, and what they are answered with."""

from dataclasses import dataclass, field

import pytest
import torch
from gaussian_model import prompt

from studio_engine.sampling.conditioning import NetInput
from studio_engine.sampling.discrete import discrete_sampling
from studio_engine.sampling.hooks import GuidanceHooks, NetworkHooks
from studio_engine.sampling.model import Latent, Model
from studio_engine.sampling.sample import SampleSettings, sample
from studio_engine.sampling.step_reuse import EasyCache, LazyCache, Reuse

STEPS = 20
CACHES = [EasyCache, LazyCache]


@dataclass
class Smooth:
    """Its noise hardly depends on the step: much can be reused."""

    calls: list[float] = field(default_factory=list)
    family: str = "smooth"
    batch_key: str = "smooth"
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    factor: float = 1.0

    def prepare(self, cond, prompt, run):
        return NetInput(cond.context)

    def predict(self, x, timestep, inputs, hooks, sigma):
        self.calls.append(float(sigma[0]))
        return self.factor * x * 0.9 + inputs.context.mean(dim=(1, 2)).view(-1, 1, 1, 1) * 0.01


def draw(*caches, network=None, sampler="euler", cfg=3.0):
    network = network or Smooth()
    model = Model(network, discrete_sampling(), guidance=GuidanceHooks(runs=caches))
    settings = SampleSettings(seed=1, steps=STEPS, cfg=cfg, sampler=sampler, scheduler="normal")
    latent = Latent(torch.zeros(1, 4, 16, 16))
    drawn = sample(model, latent, settings, positive=prompt(1.0), negative=prompt(-1.0), on_step=lambda *_: None)
    return drawn, network.calls


@pytest.mark.parametrize("cache", CACHES)
def test_a_threshold_of_nothing_spares_nothing(cache):
    plain, calls = draw()
    drawn, cached_calls = draw(cache(Reuse(0.0, 0.0, 1.0)))
    assert torch.equal(drawn, plain)
    assert cached_calls == calls


@pytest.mark.parametrize("cache", CACHES)
def test_the_higher_the_threshold_the_fewer_calls(cache):
    plain, calls = draw()
    counts, errors = [len(calls)], []
    for threshold in (0.05, 0.2, 1.0):
        drawn, made = draw(cache(Reuse(threshold, 0.0, 1.0)))
        counts.append(len(made))
        errors.append((drawn - plain).abs().mean())
        assert torch.isfinite(drawn).all()
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] < counts[0] / 2
    assert errors[0] < errors[-1]


@pytest.mark.parametrize("cache", CACHES)
def test_calls_are_spared_between_start_and_end_alone(cache):
    sampling = discrete_sampling()
    _, calls = draw()
    start, end = (sampling.percent_to_sigma(percent) for percent in (0.3, 0.7))
    spared = set(calls) - set(draw(cache(Reuse(3.0, 0.3, 0.7)))[1])
    assert spared
    assert all(start >= sigma > end for sigma in spared)


@pytest.mark.parametrize("cache", CACHES)
def test_nothing_is_remembered_from_run_to_run(cache):
    reuse = cache(Reuse(0.2, 0.0, 1.0))
    (first, calls), (second, again) = draw(reuse), draw(reuse)
    assert torch.equal(first, second)
    assert calls == again


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("sampler", ["euler_cfg_pp", "heun", "sa_solver_pece"])
def test_samplers_of_any_kind_can_reuse(cache, sampler):
    drawn, calls = draw(cache(Reuse(0.5, 0.0, 1.0)), sampler=sampler, cfg=1.5)
    assert torch.isfinite(drawn).all()
    assert len(calls) < len(draw(sampler=sampler, cfg=1.5)[1])


def test_spared_calls_are_told_where_wanted(caplog):
    caplog.set_level("INFO")
    _, calls = draw(LazyCache(Reuse(0.2, 0.0, 1.0, is_told=True)))
    assert len(caplog.records) == STEPS - len(calls)


def test_change_is_judged_by_the_size_of_the_answer():
    def calls_of(factor):
        network = Smooth(factor=factor)
        reusing = EasyCache(Reuse(0.1, 0.0, 1.0)).for_run(Model(network, discrete_sampling())).network
        x, inputs = torch.ones(1, 4, 16, 16), NetInput(torch.zeros(1, 77, 8), prompt_of_row=(0,))
        for step in range(1, 20):
            sigma = torch.tensor([10.0 / step])
            reusing.predict(x * (1 + 0.02 * step), sigma, inputs, NetworkHooks(), sigma)
        return network.calls

    assert calls_of(1.0) == calls_of(100.0)
    assert 2 < len(calls_of(1.0)) < 12
