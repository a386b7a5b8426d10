"""The networks of upscalers. Pictures are `[batch, channels, h, w]` in 0…1."""

from __future__ import annotations

from typing import Final

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pad, pixel_shuffle, pixel_unshuffle

from studio_engine.models.upscalers.config import CompactConfig, RrdbConfig, UpscalerConfig

_SLOPE: Final = 0.2
_RESIDUAL: Final = 0.2


def empty_upscaler(config: UpscalerConfig) -> nn.Module:
    """On the meta device, in inference mode."""
    with torch.device("meta"):
        module = Rrdb(config) if isinstance(config, RrdbConfig) else Compact(config)
    return module.eval()


def _conv(channels: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, kernel_size=3, padding=1)


class _Dense(nn.Module):
    """Five convolutions, each of which sees what all before it made."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.conv1 = _conv(width, growth)
        self.conv2 = _conv(width + growth, growth)
        self.conv3 = _conv(width + 2 * growth, growth)
        self.conv4 = _conv(width + 3 * growth, growth)
        self.conv5 = _conv(width + 4 * growth, width)

    def forward(self, x: Tensor) -> Tensor:
        seen = x
        for conv in (self.conv1, self.conv2, self.conv3, self.conv4):
            seen = torch.cat([seen, leaky_relu(conv(seen), _SLOPE)], dim=1)
        added: Tensor = self.conv5(seen)
        return x + _RESIDUAL * added


class _Block(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1 = _Dense(width, growth)
        self.rdb2 = _Dense(width, growth)
        self.rdb3 = _Dense(width, growth)

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.rdb3(self.rdb2(self.rdb1(x)))
        return x + _RESIDUAL * added


class Rrdb(nn.Module):
    """Named as Real-ESRGAN names its layers; the convolutions after each doubling are a list."""

    def __init__(self, config: RrdbConfig) -> None:
        super().__init__()
        self.config = config
        self.conv_first = _conv(config.in_channels, config.width)
        self.body = nn.ModuleList(_Block(config.width, config.growth) for _ in range(config.blocks))
        self.conv_body = _conv(config.width, config.width)
        self.conv_up = nn.ModuleList(_conv(config.width, config.width) for _ in range(config.doublings))
        self.conv_hr = _conv(config.width, config.width)
        self.conv_last = _conv(config.width, config.out_channels)

    def forward(self, picture: Tensor) -> Tensor:
        height, width = picture.shape[-2:]
        first = self.conv_first(_folded(picture, self.config.fold))
        x = first
        for block in self.body:
            x = block(x)
        x = first + self.conv_body(x)
        for conv in self.conv_up:
            x = leaky_relu(conv(interpolate(x, scale_factor=2, mode="nearest")), _SLOPE)
        enlarged: Tensor = self.conv_last(leaky_relu(self.conv_hr(x), _SLOPE))
        return enlarged[..., : height * self.config.scale, : width * self.config.scale]


def _folded(picture: Tensor, fold: int) -> Tensor:
    """Squares of pixels as channels; a side that is no multiple of the square is mirrored, one too short repeated."""
    if fold == 1:
        return picture
    down, across = -picture.shape[-2] % fold, -picture.shape[-1] % fold
    is_long = down < picture.shape[-2] and across < picture.shape[-1]
    return pixel_unshuffle(pad(picture, (0, across, 0, down), mode="reflect" if is_long else "replicate"), fold)


class Compact(nn.Module):
    def __init__(self, config: CompactConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = [_conv(config.in_channels, config.width), nn.PReLU(config.width)]
        for _ in range(config.layers):
            layers += [_conv(config.width, config.width), nn.PReLU(config.width)]
        self.body = nn.Sequential(*layers, _conv(config.width, config.out_channels * config.scale**2))

    def forward(self, picture: Tensor) -> Tensor:
        """The network draws what the nearest enlargement lacks."""
        plain = interpolate(picture, scale_factor=self.config.scale, mode="nearest")
        return pixel_shuffle(self.body(picture), self.config.scale) + plain
