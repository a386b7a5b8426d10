#!/bin/sh
# Pins and hashes what the engine needs, for Python 3.11 to 3.13 on every platform.
# torch and what only its CUDA build needs are left out: requirements-torch.txt names torch, its index brings the rest.
# Install in this order:
#   pip install -r requirements-torch.txt --index-url <the CPU or CUDA index>    (add --no-deps for the CPU build)
#   pip install --no-deps --require-hashes -r requirements.txt
set -eu
cd "$(dirname "$0")/.."
cuda="torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas nvidia-cuda-cccl nvidia-cuda-cupti
nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft nvidia-cufile nvidia-cusolver nvidia-cusparse
nvidia-cusparselt-cu13 nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx nvidia-curand"
skip=""
for name in $cuda; do skip="$skip --no-emit-package $name"; done
lock() {
  uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate \
    --no-emit-index-url --no-emit-find-links "$@"
}
# shellcheck disable=SC2086
lock $skip requirements.in --output-file requirements.txt
lock requirements-dev.in --output-file requirements-dev.txt
