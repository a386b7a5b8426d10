import torch
from hypothesis import given
from hypothesis import strategies as st

from studio_engine.sampling.noise import brownian_noise, initial_noise, step_noise

SAMPLES = torch.zeros(3, 4, 8, 8)
seeds = st.integers(0, 2**64 - 1)


@given(seeds)
def test_same_seed_same_noise(seed):
    assert torch.equal(initial_noise(SAMPLES, seed), initial_noise(SAMPLES, seed))


def test_drawing_leaves_the_global_generator_untouched():
    before = torch.get_rng_state()
    initial_noise(SAMPLES, 7)
    step_noise(SAMPLES, 7)()
    assert torch.equal(torch.get_rng_state(), before)


@given(st.lists(st.integers(0, 12), min_size=1, max_size=6))
def test_a_row_depends_on_its_batch_index_alone(indexes):
    samples = torch.zeros(len(indexes), 4, 4, 4)
    noise = initial_noise(samples, 5, indexes)
    for row, index in zip(noise, indexes, strict=True):
        assert torch.equal(row, initial_noise(samples[:1], 5, [index])[0])


def test_first_step_noise_repeats_the_initial_noise_on_the_cpu():
    assert torch.equal(step_noise(SAMPLES, 42)(), initial_noise(SAMPLES, 42))


def test_each_step_draws_anew():
    draw = step_noise(SAMPLES, 42)
    assert not torch.equal(draw(), draw())


SIGMAS = torch.tensor([14.6, 5.0, 1.0, 0.3, 0.0])


@given(seeds)
def test_same_seed_same_path(seed):
    first, second = brownian_noise(SAMPLES, SIGMAS, seed), brownian_noise(SAMPLES, SIGMAS, seed)
    assert torch.equal(first(SIGMAS[0], SIGMAS[1]), second(SIGMAS[0], SIGMAS[1]))


def test_increments_add_up_along_the_path():
    draw = brownian_noise(SAMPLES, SIGMAS, 1)

    def increment(high, low):
        return draw(SIGMAS[high], SIGMAS[low]) * (SIGMAS[high] - SIGMAS[low]).sqrt()

    torch.testing.assert_close(increment(0, 1) + increment(1, 2), increment(0, 2), atol=1e-4, rtol=1e-4)


def test_noise_of_a_stride_has_unit_variance_and_no_correlation():
    draw = brownian_noise(torch.zeros(1, 4, 64, 64), SIGMAS, 3)
    first, second = draw(SIGMAS[0], SIGMAS[1]).flatten(), draw(SIGMAS[1], SIGMAS[2]).flatten()
    assert abs(first.std() - 1) < 0.03
    assert abs(second.std() - 1) < 0.03
    assert abs((first * second).mean()) < 0.03
