"""One process or many: who am I, and how are gradients and sums shared?

`torchrun --nproc-per-node 2 -m utils.pretraining ...` starts two processes with the same
command line; each reads from its environment which one it is. On CPUs they talk through
gloo, on GPUs through NCCL.

Source: Li et al. 2020, "PyTorch Distributed"; Zhao et al. 2023, "PyTorch FSDP".
Taught in: chapter 4, section "More than one process".
"""

import atexit
import contextlib
import os
from dataclasses import dataclass
from datetime import timedelta

import torch
import torch.distributed as dist
from torch.nn.parallel import DistributedDataParallel

from utils.pretraining.recipe import PretrainingError

PATIENCE = timedelta(hours=2)  # the first process may have to read a gigabyte of text


@dataclass(frozen=True)
class Processes:
    """The processes of a run: this one's `rank`, the `number` of all, and its device."""

    rank: int = 0
    number: int = 1
    device: torch.device = torch.device("cpu")

    @property
    def first(self):
        """Whether this process writes the files and speaks to the reader."""
        return self.rank == 0

    def by_first(self, work):
        """Have the first process do something while the others wait, and fail with it."""
        failure = None
        if self.first:
            try:
                work()
            except Exception as error:
                failure = error
        failed = self.total(failure is not None)[0]
        if failure:
            raise failure
        if failed:
            raise PretrainingError("the first process could not go on; it says why")

    def total(self, *numbers):
        """The sums of some numbers over all the processes, in float64: a list."""
        sums = torch.tensor(numbers, dtype=torch.float64, device=self.device)
        if self.number > 1:
            dist.all_reduce(sums)
        return sums.tolist()


@contextlib.contextmanager
def processes(device):
    """The Processes that torchrun started, joined; one alone where it did not.

    An error of the connection, which is what a process sees when another one is killed,
    becomes a PretrainingError that says how to go on.
    """
    if int(os.environ.get("WORLD_SIZE", 1)) == 1 and not dist.is_initialized():
        yield Processes(device=known_device(device))
        return
    device = join(device)
    rank, number = dist.get_rank(), dist.get_world_size()
    try:
        yield Processes(rank, number, device)
    except RuntimeError as error:
        if isinstance(error, PretrainingError) or not lost(error):
            raise
        raise PretrainingError(
            f"process {rank} of {number} lost the others (one of them ended or was killed): "
            f"the run stops here. Start the same command with --resume to go on from the "
            f"last checkpoint. ({str(error).splitlines()[0][:200]})"
        ) from error


def join(device):
    """Join the other processes, if that is still to be done; returns this one's device.

    They stay together until they end, since they cannot part and join a second time:
    gloo would find the addresses of the first.
    """
    if str(device).startswith("cuda"):
        device = f"cuda:{os.environ.get('LOCAL_RANK', 0)}"
    device = known_device(device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=PATIENCE)
        atexit.register(part)
    return device


def part():
    """Leave the other processes, whatever became of them."""
    with contextlib.suppress(Exception):
        dist.destroy_process_group()


def known_device(name):
    """The torch.device of a name; a PretrainingError where torch cannot use it."""
    try:
        return torch.zeros(0, device=name).device
    except (RuntimeError, AssertionError) as error:  # not of torch, or not of this machine
        reason = str(error).splitlines()[0]
        raise PretrainingError(f"device {name!r} cannot be used: {reason}") from error


def lost(error):
    """Whether an error says that the connection to another process is gone."""
    words = ("Connection closed by peer", "Connection reset", "Broken pipe", "NCCL", "Gloo",
             "gloo", "Timed out", "recvBytes", "failed to recv", "Connection refused")  # fmt: skip
    return isinstance(error, dist.DistError) or any(word in str(error) for word in words)


def share(objective, layers, together, sharded):
    """The objective, made to average its gradients over all the processes.

    layers: the parts that FSDP shards one by one; sharded: FSDP, which spreads weights,
    gradients and AdamW's moments over the processes, instead of a copy for each.
    Raises PretrainingError for sharding in a single process.
    Taught in: chapter 4, section "More than one process".
    """
    if sharded:
        if together.number == 1:
            raise PretrainingError("fsdp needs several processes: start it with torchrun")
        from torch.distributed.fsdp import fully_shard

        for layer in layers:
            fully_shard(layer)
        return fully_shard(objective)
    if together.number == 1:
        return objective
    return DistributedDataParallel(objective, forward_sync_buffers=False)  # they are constants


@contextlib.contextmanager
def gradients_stay_here(objective, yes):
    """While gradients only add up, nothing is sent: the last micro-batch sends the sum."""
    if yes and isinstance(objective, DistributedDataParallel):
        with objective.no_sync():
            yield
    elif hasattr(objective, "set_requires_gradient_sync"):
        objective.set_requires_gradient_sync(not yes)
        yield
    else:
        yield
