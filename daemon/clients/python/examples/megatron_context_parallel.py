"""The lines to add before ``pretrain(...)`` of a Megatron-LM job with context parallelism.

Not run here: Megatron was not at hand. Written against its source: ``parse_args`` reads
RANK and WORLD_SIZE, ``initialize_megatron`` keeps a torch.distributed that is there, and
``initialize_model_parallel`` numbers the ranks by ``order``, "tp-cp-ep-dp-pp" unless told
otherwise (the fastest first), with, in hierarchical context parallelism, the all-to-all
ranks next to each other inside the ring.

    import megatron_context_parallel as ithaca_job
    member = ithaca_job.join(group="job", name="node7.gpu3", request=...)
    sys.argv += ithaca_job.arguments(member.plan)
    pretrain(...)                                  # Megatron's own
"""

import os

import ithaca
import ithaca.torch
from ithaca import mesh
from ithaca.planner.v1 import planner_pb2


def join(group, name, request):
    """``request``: a PlanRequest's fields, with constraints["frameworks"] naming Megatron."""
    client = ithaca.Client()
    response = client.plans(**request)
    plan = client.plan(**request)  # raises NoPlan with the reason
    (layout,) = [layout for layout in response.framework_layouts
                 if layout.framework == planner_pb2.FRAMEWORK_MEGATRON]
    if not layout.can_run or not layout.same_numbers:
        raise SystemExit("Megatron would number the ranks as %s, and the plan does not: %s" % (
            layout.order_name, layout.reason or "give the plan that rank order"))
    client.create_group(group, plan=plan)
    member = client.join(group, name)
    member.wait_complete()
    os.environ.update(RANK=str(member.rank), WORLD_SIZE=str(member.size))
    ithaca.torch.init_process_group(member, "nccl")
    return member


def arguments(plan):
    """Megatron's options for the mesh of the plan."""
    ring, ulysses = plan.mesh.ring, plan.mesh.ulysses
    options = ["--tensor-model-parallel-size", plan.mesh.tensor,
               "--pipeline-model-parallel-size", plan.mesh.pipeline,
               "--context-parallel-size", ring * ulysses]
    if ulysses > 1 and ring > 1:
        options += ["--cp-comm-type", "a2a+p2p",
                    "--hierarchical-context-parallel-sizes", ulysses, ring]
    elif ulysses > 1:
        options += ["--cp-comm-type", "a2a"]
    return [str(option) for option in options]


def check_groups(member):
    """After initialize_megatron: its context-parallel group is the plan's."""
    import torch.distributed as dist
    from megatron.core import parallel_state

    has = dist.get_process_group_ranks(parallel_state.get_context_parallel_group())
    wants = next(ranks for ranks in mesh.groups_along(member.plan, "ring", "ulysses")
                 if member.rank in ranks)
    if has != wants:
        raise SystemExit("rank %d: Megatron's context-parallel group is %s, the plan's %s" % (
            member.rank, has, wants))
